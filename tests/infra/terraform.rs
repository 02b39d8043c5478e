//! Compares the resources of the Terraform module with those of the SAM template.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::{Map, Value, json};

use super::stack::{EVERYTHING, errors, list, of_type, python, repository, script, stack, statements};
use super::terraform_form::{
    alarm, endpoint, events, function, log_group, network, permission, role, rotation, schedule, secret,
    security_group, statement,
};

/// The module with these variables, each as `name=value`.
pub fn module(variables: &[String]) -> Option<Value> {
    let variables: Vec<_> = variables.iter().map(String::as_str).collect();
    script("terraform_module.py", "infra/terraform", &variables)
}

/// `SecretNamePrefix` is `secret_name_prefix`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A parameter's value, converted to the type of the variable.
fn as_variable(value: &str, kind: &str) -> Value {
    match kind {
        "bool" => json!(value == "yes"),
        "number" => json!(value.parse::<u64>().expect("a number")),
        "list(string)" => value.split(',').filter(|item| !item.is_empty()).collect(),
        _ => json!(value),
    }
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Parameters of the template that are fields of the module's `secrets`, with the fields. Without a field, the value is the key.
const OF_A_SECRET: [(&str, Option<&str>); 6] = [
    ("FirstSecret", None),
    ("AttachRotation", Some("attach_rotation")),
    ("RotationSchedule", Some("schedule")),
    ("RotationWindow", Some("window")),
    ("RotateEveryMinutes", Some("rotate_every_minutes")),
    ("ScheduledSecretArn", Some("arn")),
];
/// Parameters of the template that are the module's `other_accounts`.
const OF_ACCOUNTS: [&str; 2] = ["OtherAccountId", "OtherAccountSecretArns"];

/// The module's variables for parameters of the template.
fn variables(options: &[&str]) -> Vec<String> {
    let (mut variables, mut secret, mut name, mut account) = (Vec::new(), Map::new(), "scheduled", [""; 2]);
    for (parameter, value) in options.iter().map(|option| option.split_once('=').expect("an option")) {
        if let Some((_, field)) = OF_A_SECRET.iter().find(|(one, _)| *one == parameter) {
            let Some(field) = field else {
                name = value;
                continue;
            };
            let kinds = [("attach_rotation", "bool"), ("rotate_every_minutes", "number")];
            let kind = kinds.iter().find(|(one, _)| one == field).map_or("string", |(_, kind)| kind);
            secret.insert((*field).to_owned(), as_variable(value, kind));
        } else if let Some(at) = OF_ACCOUNTS.iter().position(|one| *one == parameter) {
            account[at] = value;
        } else {
            variables.push(format!("{}={value}", snake(parameter)));
        }
    }
    if !secret.is_empty() {
        variables.push(format!("secrets={}", json!({ name: secret })));
    }
    if !account[0].is_empty() {
        variables.push(format!("other_accounts={}", json!({ account[0]: [account[1]] })));
    }
    variables
}

/// The same options for the template and for the module.
fn both(options: &[&str]) -> Option<(Value, Value)> {
    Some((stack(options)?, module(&variables(options))?))
}

/// The module's resources of a type, in the order of their names.
pub fn made<'a>(module: &'a Value, kind: &str) -> Vec<&'a Value> {
    let resources = module["resources"].as_object().expect("resources").iter();
    resources.filter(|(name, _)| name.split('.').next() == Some(kind)).map(|(_, resource)| resource).collect()
}

/// The resources in a common form, by type.
type Made = BTreeMap<String, Vec<Value>>;

/// The network of a fixed address.
const NETWORK: [(&str, &str); 9] = [
    ("AWS::EC2::VPC", "aws_vpc"),
    ("AWS::EC2::InternetGateway", "aws_internet_gateway"),
    ("AWS::EC2::VPCGatewayAttachment", "aws_internet_gateway_attachment"),
    ("AWS::EC2::Subnet", "aws_subnet"),
    ("AWS::EC2::EIP", "aws_eip"),
    ("AWS::EC2::NatGateway", "aws_nat_gateway"),
    ("AWS::EC2::RouteTable", "aws_route_table"),
    ("AWS::EC2::Route", "aws_route"),
    ("AWS::EC2::SubnetRouteTableAssociation", "aws_route_table_association"),
];

fn of_template(stack: &Value) -> Made {
    let mut made = Made::new();
    let mut add = |kind: &str, form: fn(&Value) -> Value| {
        let mut forms: Vec<_> = of_type(stack, kind).into_iter().map(|(_, properties)| form(properties)).collect();
        forms.sort_by_key(Value::to_string);
        made.insert(kind.to_owned(), forms);
    };
    add("AWS::Serverless::Function", function::of_template);
    add("AWS::Logs::LogGroup", log_group::of_template);
    add("AWS::Lambda::Permission", permission::of_template);
    add("AWS::IAM::Role", role::of_template);
    add("AWS::CloudWatch::Alarm", alarm::of_template);
    add("AWS::SecretsManager::Secret", secret::of_template);
    add("AWS::SecretsManager::RotationSchedule", rotation::of_template);
    add("AWS::Scheduler::Schedule", schedule::of_template);
    add("AWS::EC2::SecurityGroup", security_group::of_template);
    add("AWS::EC2::VPCEndpoint", endpoint::of_template);
    add("AWS::Events::Rule", events::rule_of_template);
    add("AWS::SNS::Topic", |_| Value::Null);
    add("AWS::SNS::TopicPolicy", events::policy_of_template);
    add("AWS::SQS::Queue", events::queue_of_template);
    add("AWS::SQS::QueuePolicy", events::policy_of_template);
    for (kind, _) in NETWORK {
        add(kind, network::of_template);
    }
    made
}

fn of_module(module: &Value) -> Made {
    let mut all = Made::new();
    let mut add = |name: &str, kind: &str, form: fn(&Value) -> Value| {
        let mut forms: Vec<_> = made(module, kind).into_iter().map(form).collect();
        forms.sort_by_key(Value::to_string);
        all.insert(name.to_owned(), forms);
    };
    add("AWS::Serverless::Function", "aws_lambda_function", function::of_module);
    add("AWS::Logs::LogGroup", "aws_cloudwatch_log_group", log_group::of_module);
    add("AWS::Lambda::Permission", "aws_lambda_permission", permission::of_module);
    add("AWS::IAM::Role", "aws_iam_role", role::of_module);
    add("AWS::CloudWatch::Alarm", "aws_cloudwatch_metric_alarm", alarm::of_module);
    add("AWS::SecretsManager::Secret", "aws_secretsmanager_secret", secret::of_module);
    add("AWS::SecretsManager::RotationSchedule", "aws_secretsmanager_secret_rotation", rotation::of_module);
    add("AWS::Scheduler::Schedule", "aws_scheduler_schedule", schedule::of_module);
    add("AWS::EC2::SecurityGroup", "aws_security_group", security_group::of_module);
    add("AWS::EC2::VPCEndpoint", "aws_vpc_endpoint", endpoint::of_module);
    add("AWS::Events::Rule", "aws_cloudwatch_event_rule", events::rule_of_module);
    add("AWS::SNS::Topic", "aws_sns_topic", |_| Value::Null);
    add("AWS::SNS::TopicPolicy", "aws_sns_topic_policy", events::policy_of_module);
    add("AWS::SQS::Queue", "aws_sqs_queue", events::queue_of_module);
    add("AWS::SQS::QueuePolicy", "aws_sqs_queue_policy", events::policy_of_module);
    for (name, kind) in NETWORK {
        add(name, kind, network::of_module);
    }
    all
}

const OPTIONS: [&[&str]; 7] = [
    &[],
    &["RotationEvents=topic"],
    &["FixedAddress=yes"],
    &EVERYTHING,
    &["HoursWithoutSuccess=0", "Dashboard=no", "LogLevel=warn", "LogRetentionDays=30"],
    &[
        "RotateEveryMinutes=45",
        "ScheduledSecretArn=arn:aws:secretsmanager:us-east-1:000000000000:secret:genesys/x-AbCdEf",
    ],
    &[
        "FirstSecret=token",
        "AttachRotation=yes",
        "SecretNamePrefix=contact-centre/",
        "RotationSchedule=cron(0 /8 * * ? *)",
    ],
];

#[test]
fn module_and_template_create_the_same_resources() {
    for options in OPTIONS {
        let Some((stack, module)) = both(options) else { return };
        let (template, terraform) = (of_template(&stack), of_module(&module));
        for (kind, expected) in &template {
            assert_eq!(terraform[kind], *expected, "{kind} with {options:?}");
        }
        assert_same_permissions(&stack, &module, options);
        let counted = template.values().map(Vec::len).sum::<usize>();
        let dashboards = of_type(&stack, "AWS::CloudWatch::Dashboard");
        assert_eq!(
            stack["Resources"].as_object().map(Map::len),
            Some(counted + dashboards.len()),
            "every resource must be compared"
        );
        let rules = of_type(&stack, "AWS::Events::Rule").into_iter();
        let targets: Vec<_> =
            rules.flat_map(|(_, rule)| list(&rule["Targets"])).map(events::target_of_template).collect();
        let found: Vec<_> =
            made(&module, "aws_cloudwatch_event_target").into_iter().map(events::target_of_module).collect();
        assert_eq!(found, targets, "targets with {options:?}");
        // In Terraform, the policies of roles and the targets of rules are separate resources.
        let beside = ["aws_iam_role_policy", "aws_cloudwatch_dashboard", "aws_cloudwatch_event_target"];
        let beside = beside.iter().map(|kind| made(&module, kind).len()).sum::<usize>();
        assert_eq!(
            module["resources"].as_object().map(Map::len),
            Some(counted + beside),
            "every resource must be compared"
        );
    }
}

fn assert_same_permissions(stack: &Value, module: &Value, options: &[&str]) {
    for (role, policy) in
        [("FunctionRole", "function"), ("RotationTimerRole", "schedule"), ("OperatorRole", "operator")]
    {
        let policy = &module["resources"][format!("aws_iam_role_policy.{policy}")]["policy"]["Statement"];
        if stack["Resources"].get(role).is_none() {
            assert!(policy.is_null());
            continue;
        }
        let mut expected: Vec<_> = statements(stack, role).iter().map(statement::of_template).collect();
        let mut found: Vec<_> = list(policy).into_iter().map(statement::of_module).collect();
        for statements in [&mut expected, &mut found] {
            statements.sort_by_key(|statement| statement["sid"].to_string());
        }
        assert_eq!(found, expected, "{role} with {options:?}");
    }
}

#[test]
fn module_and_template_have_the_same_dashboard() {
    let Some((stack, module)) = both(&[]) else { return };
    let template = &stack["Resources"]["RotationDashboard"]["Properties"];
    let terraform = &module["resources"]["aws_cloudwatch_dashboard.this"];
    assert_eq!(template["DashboardName"], terraform["dashboard_name"]);
    let body = |text: &Value| -> Value { serde_json::from_str(text.as_str().expect("text")).expect("JSON") };
    assert_eq!(body(&template["DashboardBody"]), body(&terraform["dashboard_body"]));
}

#[test]
fn module_and_template_have_the_same_variables_and_outputs() {
    let Some((stack, module)) = both(&[]) else { return };
    let variables = module["variables"].as_object().expect("variables");
    let only_here = ["name", "package", "tags", "secrets", "other_accounts"];
    let shared: Vec<_> = variables.keys().filter(|name| !only_here.contains(&name.as_str())).cloned().collect();
    assert_eq!(variables.len(), shared.len() + only_here.len());
    let in_a_map = |name: &str| OF_ACCOUNTS.contains(&name) || OF_A_SECRET.iter().any(|(one, _)| *one == name);
    let parameters = stack["Parameters"].as_object().expect("parameters").iter().filter(|(name, _)| !in_a_map(name));
    assert_eq!(shared, parameters.clone().map(|(name, _)| snake(name)).collect::<Vec<_>>());
    for (name, parameter) in parameters {
        let variable = &variables[&snake(name)];
        let kind = variable["type"].as_str().expect("a type");
        assert_eq!(variable["default"], as_variable(&as_text(&parameter["Default"]), kind), "{name}");
        assert_eq!(
            variable["description"],
            parameter["Description"].as_str().expect("text").replace("CloudFormation", "Terraform")
        );
    }
    let outputs = module["outputs"].as_object().expect("outputs");
    for (name, value) in stack["Outputs"].as_object().expect("outputs") {
        let found = &outputs[&snake(name)];
        assert!(found == value || name == "FunctionRoleArn", "{name}: {found} and {value}");
    }
    assert_eq!(outputs["secret_arns"], json!({}));
}

#[test]
fn the_module_rejects_invalid_variables() {
    let sets: [&[&str]; 18] = [
        &["fixed_address=true", "vpc_id=vpc-0123"],
        &[r#"secrets={"x":{"rotate_every_minutes":5}}"#],
        &[r#"secrets={"x*":{}}"#],
        &[r#"secrets={"x":{"hours_without_success":169}}"#],
        &[r#"secrets={"x":{"document":"no JSON"}}"#],
        &[r#"secrets={"x":{"document":"{\"region\":\"mypurecloud.ie\"}"}}"#],
        &[r#"secrets={"x":{"document":"{\"credentials\":\"y\",\"client_secret\":\"z\"}"}}"#],
        &[r#"other_accounts={"111111111111":["arn:aws:secretsmanager:eu-west-1:222222222222:secret:x"]}"#],
        &[r#"secrets={"x":{"arn":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:payroll/x-AbCdEf"}}"#],
        &[
            r#"secrets={"x":{"arn":"arn:aws:secretsmanager:eu-west-1:000000000000:secret:genesys/x-AbCdEf","kms_key_arn":"k"}}"#,
        ],
        &["operator_principal_arns=*"],
        &["alias=7"],
        &["endpoint_clients_cidr=10.0.0.0/16"],
        &["secret_name_prefix="],
        &["secret_name_prefix=*"],
        &["hours_without_success=169"],
        &["name=0"],
        &[],
    ];
    let Some(errors) = errors("terraform_module.py", "infra/terraform", &sets) else { return };
    for (variables, error) in sets.iter().zip(&errors) {
        let is_violation = error.as_ref().is_some_and(|error| error.starts_with("violated validations"));
        assert_eq!(is_violation, !variables.is_empty(), "{variables:?}: {error:?}");
        assert_eq!(error.is_none(), variables.is_empty(), "{variables:?}: {error:?}");
    }
}

#[test]
fn the_example_uses_existing_variables_and_outputs() {
    let Some(python) = python() else { return };
    let read = "import hcl2, json, sys; print(json.dumps(hcl2.load(open(sys.argv[1]))))";
    let mut command = Command::new(python);
    command.args(["-c", read]).arg(repository("infra/terraform/examples/complete/main.tf"));
    let example: Value = serde_json::from_str(&super::stdout(&command.output().expect("it runs"))).expect("JSON");
    let Some(module) = module(&[]) else { return };
    let modules = list(&example["module"]);
    assert_eq!(modules.len(), 2);
    for (name, arguments) in modules.iter().flat_map(|module| module.as_object().expect("a block")) {
        let Some(arguments) = arguments.as_object() else { continue };
        assert_eq!(arguments["source"], r#""../..""#, "{name}");
        for argument in arguments.keys().filter(|argument| !argument.starts_with("__") && *argument != "source") {
            assert!(module["variables"].get(argument).is_some(), "{name}: {argument}");
        }
    }
    let text = std::fs::read_to_string(repository("infra/terraform/examples/complete/main.tf")).expect("the example");
    let outputs: Vec<_> = text.split("module.").skip(1).filter_map(|part| part.split_once('.')).collect();
    for (_, rest) in outputs {
        let output: String = rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        assert!(module["outputs"].get(&output).is_some(), "{output}");
    }
}

#[test]
fn terraform_files_are_formatted_and_short() {
    for entry in std::fs::read_dir(repository("infra/terraform")).expect("a directory").flatten() {
        if entry.path().extension().is_some_and(|ending| ending == "tf") {
            let text = std::fs::read_to_string(entry.path()).expect("a file");
            assert!(text.ends_with("}\n") && !text.contains('\t') && !text.contains(" \n"), "{entry:?}");
            assert!(text.lines().count() < 400, "{entry:?}");
        }
    }
}
