//! The SAM template with parameters applied.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::stdout;

/// The name of the stack and of the function.
pub const STACK: &str = "genesys-rotator";
/// The ARN of the function.
pub const FUNCTION_ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:genesys-rotator";

/// A path in the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The Python with the tests' packages; `None` if it is missing.
#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter")]
pub fn python() -> Option<OsString> {
    std::env::var_os("PYTHON")
}

/// Runs a script under `tests/python` and parses its JSON output.
pub fn script(name: &str, file: &str, arguments: &[&str]) -> Option<Value> {
    let mut command = Command::new(python()?);
    command.arg(repository("tests/python").join(name)).arg(repository(file)).args(arguments);
    Some(serde_json::from_str(&stdout(&command.output().expect("it runs"))).expect("JSON"))
}

/// The error of each set of parameters, as the same scripts report it; `None` for a valid set.
pub fn errors(name: &str, file: &str, sets: &[&[&str]]) -> Option<Vec<Option<String>>> {
    let mut command = Command::new(python()?);
    command.arg(repository("tests/python").join(name)).arg("--errors").arg(repository(file));
    command.args(sets.join(&"--"));
    Some(serde_json::from_str(&stdout(&command.output().expect("it runs"))).expect("JSON"))
}

/// The stack with these parameters, each as `Name=Value`; `None` without the tests' Python.
pub fn stack(parameters: &[&str]) -> Option<Value> {
    script("sam_stack.py", "infra/aws/template.yaml", parameters)
}

/// The stack of one more secret.
pub fn secret_stack(parameters: &[&str]) -> Option<Value> {
    script("sam_stack.py", "infra/aws/secret.yaml", parameters)
}

/// The stack that restarts the service `reports` at each rotation of `genesys/prod`.
pub fn restart_stack() -> Option<Value> {
    let parameters = [
        "SecretName=genesys/prod",
        "ClusterName=main",
        "ServiceName=reports",
        "AlarmTopicArn=arn:aws:sns:us-east-1:000000000000:on-call",
        "PermissionsBoundaryArn=arn:aws:iam::000000000000:policy/boundary",
    ];
    script("sam_stack.py", "infra/aws/restart.yaml", &parameters)
}

/// Parameters that create every resource, except the token-life alarm, which the schedule replaces.
pub const EVERYTHING: [&str; 19] = [
    "FirstSecret=cxone",
    "AttachRotation=yes",
    "RotationWindow=3h",
    "RotateEveryMinutes=30",
    "RequiredTag=ours",
    "CredentialsSecretArns=arn:aws:secretsmanager:us-east-1:000000000000:secret:other/credentials-??????",
    "AdminSecretArns=arn:aws:secretsmanager:us-east-1:000000000000:secret:other/admin-??????",
    "KmsKeyArns=arn:aws:kms:us-east-1:000000000000:key/one",
    "AlarmTopicArn=arn:aws:sns:us-east-1:000000000000:on-call",
    "RotationEvents=queue",
    "ReservedConcurrency=5",
    "PermissionsBoundaryArn=arn:aws:iam::000000000000:policy/boundary",
    "VpcId=vpc-0123",
    "SubnetIds=subnet-01,subnet-02",
    "EndpointClientsCidr=10.0.0.0/16",
    "OtherAccountId=111111111111",
    "OtherAccountSecretArns=arn:aws:secretsmanager:us-east-1:111111111111:secret:genesys/token-AbCdEf",
    "Alias=live",
    "OperatorPrincipalArns=arn:aws:iam::000000000000:role/on-call",
];

/// The resources of a type, each with its name.
pub fn of_type<'a>(stack: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = stack["Resources"].as_object().expect("resources");
    let found = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    found.map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
}

/// All statements of a role's policies.
pub fn statements(stack: &Value, role: &str) -> Vec<Value> {
    let policies = stack["Resources"][role]["Properties"]["Policies"].as_array().expect("policies");
    policies.iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"])).cloned().collect()
}

/// The items of a list, or a single item.
pub fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// The items that are strings.
pub fn texts(value: &Value) -> Vec<&str> {
    list(value).into_iter().filter_map(Value::as_str).collect()
}
