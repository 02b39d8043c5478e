//! The SAM template: checked with AWS tools and compared with the function.

use std::collections::BTreeSet;
use std::process::Command;

use genesys_rotator::rotation::RotationRules;
use serde_json::Value;

use super::stack::{
    EVERYTHING, STACK, errors, list, of_type, python, repository, restart_stack, secret_stack, stack, statements, texts,
};
use super::stdout;

/// A program next to the tests' Python.
fn tool(name: &str) -> Option<Command> {
    let mut command = Command::new(std::path::Path::new(&python()?).with_file_name(name));
    command
        .env("SAM_CLI_TELEMETRY", "0")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command.env("HOME", env!("CARGO_TARGET_TMPDIR")).env("AWS_CONFIG_FILE", "/dev/null");
    Some(command)
}

#[test]
fn cfn_lint_finds_nothing() {
    let Some(mut lint) = tool("cfn-lint") else { return };
    let templates = ["template.yaml", "secret.yaml", "restart.yaml"].map(|name| repository("infra/aws").join(name));
    stdout(&lint.args(templates).output().expect("cfn-lint"));
}

/// In this directory, sam also reads samconfig.toml.
#[test]
fn sam_validates_the_template() {
    let Some(mut sam) = tool("sam") else { return };
    let output = sam.args(["validate", "--lint"]).current_dir(repository("infra/aws")).output().expect("sam");
    assert!(stdout(&output).contains("template.yaml is a valid SAM Template"));
}

#[test]
fn every_parameter_has_a_group_and_a_description() {
    let Some(stack) = stack(&[]) else { return };
    let text = std::fs::read_to_string(repository("infra/aws/template.yaml")).expect("the template");
    let grouped: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Parameters: ["))
        .flat_map(|names| names.trim_end_matches(']').split(", "))
        .collect();
    let parameters = stack["Parameters"].as_object().expect("parameters");
    assert_eq!(grouped, parameters.keys().collect::<Vec<_>>(), "groups and parameters must have the same order");
    for (name, parameter) in parameters {
        let description = parameter["Description"].as_str().unwrap_or_default();
        assert!(description.ends_with('.') && description.len() > 20, "{name}: {description}");
        assert!(parameter.get("Default").is_some(), "{name} has no default");
    }
}

#[test]
fn the_template_contains_no_secret_value() {
    let Some(stack) = stack(&EVERYTHING) else { return };
    let Some(further) = secret_stack(&["Name=genesys/sales"]) else { return };
    for stack in [&stack, &further] {
        let secrets = of_type(stack, "AWS::SecretsManager::Secret");
        assert_eq!(secrets.len(), 1);
        assert!(secrets[0].1.get("SecretString").is_none() && secrets[0].1.get("GenerateSecretString").is_none());
        assert_eq!(stack["Resources"]["Secret"]["DeletionPolicy"], "Retain");
    }
    let names = stack["Parameters"].as_object().expect("parameters").keys();
    assert!(names.clone().all(|name| !name.contains("ClientSecret") && !name.contains("Token")), "{names:?}");
}

#[test]
fn the_function_has_minimum_memory_and_a_90_second_timeout() {
    let Some(stack) = stack(&[]) else { return };
    let function = &stack["Resources"]["Function"]["Properties"];
    assert_eq!(function["CodeUri"], "../../dist/genesys-rotator-lambda-arm64.zip");
    assert_eq!((&function["Handler"], &function["Runtime"]), (&"bootstrap".into(), &"provided.al2023".into()));
    assert_eq!(function["Architectures"], serde_json::json!(["arm64"]));
    assert_eq!((function["MemorySize"].as_u64(), function["Timeout"].as_u64()), (Some(128), Some(90)));
    for absent in ["AutoPublishAlias", "DeadLetterQueue", "Tracing", "VpcConfig", "ReservedConcurrentExecutions"] {
        assert!(function.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn only_secrets_manager_of_named_accounts_may_call_the_function() {
    let Some(stack) = stack(&EVERYTHING) else { return };
    let permissions = of_type(&stack, "AWS::Lambda::Permission");
    let accounts: Vec<_> =
        permissions.iter().filter_map(|(_, permission)| permission["SourceAccount"].as_str()).collect();
    // The function, and its alias.
    assert_eq!(accounts, ["000000000000", "111111111111", "000000000000", "111111111111"]);
    for (name, permission) in permissions {
        assert_eq!(permission["Principal"], "secretsmanager.amazonaws.com", "{name}");
        assert_eq!(permission["Action"], "lambda:InvokeFunction", "{name}");
    }
}

#[test]
fn roles_have_only_documented_wildcards() {
    let Some(stack) = stack(&EVERYTHING) else { return };
    for role in ["FunctionRole", "RotationTimerRole", "OperatorRole"] {
        assert_eq!(stack["Resources"][role]["Properties"].get("ManagedPolicyArns"), None, "{role}");
        for statement in statements(&stack, role) {
            let sid = statement["Sid"].as_str().expect("a sid");
            assert!(texts(&statement["Action"]).iter().all(|action| !action.contains('*')), "{sid}");
            assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{sid}");
            let wide = texts(&statement["Resource"]).contains(&"*");
            let may_be_wide = ["LetLambdaConnectToTheVpc", "KeepTheFunctionFromIt", "ListSecrets"].contains(&sid);
            assert_eq!(wide, may_be_wide, "{sid}");
        }
    }
    let function = statements(&stack, "FunctionRole");
    let of = |sid: &str| function.iter().find(|statement| statement["Sid"] == sid).expect("a statement");
    let (allowed, denied) = (of("LetLambdaConnectToTheVpc"), of("KeepTheFunctionFromIt"));
    assert_eq!(allowed["Action"], denied["Action"], "the function must be denied what Lambda is allowed");
    assert_eq!(of("RotateAttachedSecrets")["Action"], of("RotateSecretsOfOtherAccounts")["Action"]);
    let keys = of("UseKeysThroughSecretsManager");
    assert_eq!(texts(&keys["Action"]), ["kms:Decrypt", "kms:GenerateDataKey"]);
    assert_eq!(keys["Condition"]["StringEquals"]["kms:ViaService"], "secretsmanager.us-east-1.amazonaws.com");
}

#[test]
fn the_default_stack_has_the_function_its_log_and_its_alarms() {
    let Some(stack) = stack(&[]) else { return };
    let resources: Vec<_> = stack["Resources"].as_object().expect("resources").keys().collect();
    let expected = [
        "Function",
        "FunctionRole",
        "SecretsManagerPermission",
        "LogGroup",
        "RotationFailedAlarm",
        "FunctionThrottledAlarm",
        "NoRotationAlarm",
        "TokenLifeAlarm",
        "RotationDashboard",
    ];
    assert_eq!(resources, expected);
    let sids: Vec<_> =
        statements(&stack, "FunctionRole").iter().map(|statement| statement["Sid"].to_string()).collect();
    assert_eq!(sids, [r#""RotateAttachedSecrets""#, r#""WriteLog""#]);
}

/// The period of an alarm, and the seconds that it evaluates.
fn looks_back(alarm: &Value) -> (u64, u64) {
    let period = list(&alarm["Metrics"]).iter().find_map(|metric| metric["MetricStat"]["Period"].as_u64());
    let period = alarm["Period"].as_u64().or(period).expect("a period");
    (period, period * alarm["EvaluationPeriods"].as_u64().expect("a number"))
}

/// CloudWatch API reference, `PutMetricAlarm`: seven days at most, and a day for periods under an hour.
#[test]
fn alarms_respect_the_evaluation_limit_of_cloudwatch() {
    for parameters in
        [&["HoursWithoutSuccess=168"][..], &["HoursWithoutSuccess=1"], &["FirstSecret=x", "RotateEveryMinutes=180"]]
    {
        let Some(stack) = stack(parameters) else { return };
        for (name, alarm) in of_type(&stack, "AWS::CloudWatch::Alarm") {
            let (period, total) = looks_back(alarm);
            assert!(total <= if period < 3600 { 86_400 } else { 604_800 }, "{name}: {total}");
        }
    }
    let Some(without) = stack(&["HoursWithoutSuccess=0"]) else { return };
    assert!(without["Resources"].get("NoRotationAlarm").is_none());
}

#[test]
fn alarms_fire_only_after_a_rotation_is_overdue() {
    let Some(stack_by_default) = stack(&[]) else { return };
    let schedule = stack_by_default["Parameters"]["RotationSchedule"]["Default"].as_str().map(str::to_owned);
    let rules = RotationRules { schedule_expression: schedule, ..RotationRules::default() };
    let gap = rules.longest_gap("2026-01-01T00:00:00Z".parse().expect("a time")).expect("a schedule").as_secs();
    let (_, silence) = looks_back(&stack_by_default["Resources"]["NoRotationAlarm"]["Properties"]);
    assert!((gap + 1..=gap + 3600).contains(&silence), "{silence} s for a gap of {gap} s");
    let every =
        stack_by_default["Parameters"]["RotateEveryMinutes"]["AllowedValues"].as_array().expect("values").clone();
    for minutes in every.iter().filter_map(Value::as_str).filter(|minutes| *minutes != "0") {
        let Some(stack) = stack(&["FirstSecret=x", &format!("RotateEveryMinutes={minutes}")]) else { return };
        let (_, silence) = looks_back(&stack["Resources"]["ScheduledSecretAlarm"]["Properties"]);
        let wanted = (minutes.parse::<u64>().expect("a number") + 10) * 60;
        assert!((wanted..wanted + 300).contains(&silence), "{minutes} minutes: {silence} s");
        assert!(stack["Resources"].get("TokenLifeAlarm").is_none());
    }
}

#[test]
fn the_dashboard_is_valid_json_for_this_stack() {
    let Some(stack) = stack(&[]) else { return };
    let body = stack["Resources"]["RotationDashboard"]["Properties"]["DashboardBody"].as_str().expect("a body");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let widgets = body["widgets"].as_array().expect("widgets");
    assert_eq!(widgets.len(), 5);
    assert!(widgets.iter().all(|widget| widget["properties"].to_string().contains(STACK)));
}

#[test]
fn with_a_fixed_address_the_function_has_no_other_way_out() {
    let Some(stack) = stack(&["FixedAddress=yes"]) else { return };
    let properties = |name: &str| &stack["Resources"][name]["Properties"];
    assert_eq!(stack["Outputs"]["FixedAddress"], "192.0.2.1");
    assert_eq!(properties("FixedNatGateway")["AllocationId"], "fixed-eip");
    assert_eq!(properties("Function")["VpcConfig"]["SubnetIds"], serde_json::json!(["private-subnet"]));
    assert_eq!(properties("FixedSecurityGroup")["VpcId"], "fixed-vpc");
    let routes = |subnet: &str| {
        let associations = of_type(&stack, "AWS::EC2::SubnetRouteTableAssociation");
        let own = associations.iter().find(|(_, association)| association["SubnetId"] == subnet).expect("a table");
        let table = own.1["RouteTableId"].clone();
        let routes = of_type(&stack, "AWS::EC2::Route").into_iter().map(|(_, route)| route);
        routes.filter(|route| route["RouteTableId"] == table).cloned().collect::<Vec<_>>()
    };
    let (public, private) = (routes("public-subnet"), routes("private-subnet"));
    assert_eq!((public.len(), &public[0]["GatewayId"]), (1, &"fixed-internet-gateway".into()));
    assert_eq!((private.len(), &private[0]["NatGatewayId"]), (1, &"fixed-nat-gateway".into()));
    assert_eq!(properties("FixedNatGateway")["SubnetId"], "public-subnet");
}

#[test]
fn invalid_parameter_combinations_are_rejected() {
    let sets: [&[&str]; 12] = [
        &["FixedAddress=yes", "VpcId=vpc-0123"],
        &["Alias=7"],
        &["OperatorPrincipalArns=arn:aws:iam::000000000000:role/on-call,*"],
        &["RotateEveryMinutes=30"],
        &["AttachRotation=yes"],
        &["EndpointClientsCidr=10.0.0.0/16"],
        &["SecretNamePrefix="],
        &["SecretNamePrefix=*"],
        &["HoursWithoutSuccess=169"],
        &["RotateEveryMinutes=5"],
        &["ScheduledSecretArn=genesys/token"],
        &EVERYTHING,
    ];
    let Some(errors) = errors("sam_stack.py", "infra/aws/template.yaml", &sets) else { return };
    for (parameters, error) in sets.iter().zip(&errors) {
        assert_eq!(error.is_none(), *parameters == EVERYTHING, "{parameters:?}: {error:?}");
    }
}

#[test]
fn alarms_have_unique_names_actions_and_descriptions() {
    let Some(stack) = stack(&EVERYTHING) else { return };
    let alarms = of_type(&stack, "AWS::CloudWatch::Alarm");
    let names: BTreeSet<_> = alarms.iter().map(|(_, alarm)| alarm["AlarmName"].to_string()).collect();
    assert_eq!(names.len(), alarms.len());
    for (name, alarm) in alarms {
        assert_eq!(alarm["AlarmActions"], alarm["OKActions"], "{name}");
        assert_eq!(texts(&alarm["AlarmActions"]), ["arn:aws:sns:us-east-1:000000000000:on-call"], "{name}");
        assert!(alarm["AlarmDescription"].as_str().is_some_and(|text| text.len() > 60), "{name}");
    }
}

const MANUAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/aws.md"));

#[test]
fn the_manual_names_only_existing_parameters() {
    let (Some(stack), Some(secret)) = (stack(&EVERYTHING), secret_stack(&["Name=genesys/sales"])) else { return };
    let Some(restart) = restart_stack() else { return };
    let known = |name: &str| [&stack, &secret, &restart].iter().any(|stack| stack["Parameters"].get(name).is_some());
    let given: Vec<_> = MANUAL
        .lines()
        .filter(|line| line.contains("--parameter-overrides") || line.contains("RotateEveryMinutes=30"))
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.split_once('='))
        .collect();
    assert!(given.len() >= 10, "{given:?}");
    assert_eq!(given.iter().filter(|(name, _)| !known(name)).collect::<Vec<_>>(), [&("", ""); 0]);
    // A capitalized word in backticks must be a parameter, an output, a metric or an error.
    let others = [
        "StepDuration",
        "TokenLifeLeft",
        "TokenLifeShorterThanSchedule",
        "Successes",
        "Failures",
        "Step",
        "Secret",
        "ErrorType",
    ];
    let quoted = MANUAL.split('`').skip(1).step_by(2).map(|word| word.split('=').next().unwrap_or(word));
    let looks_like_one = |word: &&str| word.starts_with(char::is_uppercase) && word.chars().all(char::is_alphanumeric);
    for word in quoted.filter(looks_like_one) {
        let error = ["StoreDenied", "StoreUnavailable", "PlatformUnavailable"].contains(&word);
        assert!(known(word) || stack["Outputs"].get(word).is_some() || others.contains(&word) || error, "{word}");
    }
}

#[test]
fn the_manual_describes_every_alarm() {
    let (Some(plain), Some(scheduled)) = (stack(&[]), stack(&EVERYTHING)) else { return };
    let Some(secret) = secret_stack(&["Name=NAME"]) else { return };
    let mut names = BTreeSet::new();
    for stack in [&plain, &scheduled, &secret] {
        for (_, alarm) in of_type(stack, "AWS::CloudWatch::Alarm") {
            let name = alarm["AlarmName"].as_str().and_then(|name| name.strip_prefix("genesys-rotator-"));
            names.insert(name.expect("the stack name as prefix"));
        }
    }
    let section = MANUAL.split("\n## Alarms\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a section");
    let explained = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(explained.collect::<BTreeSet<_>>(), names);
}
