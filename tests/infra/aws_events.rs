//! The rules for events, evaluated on the events of the simulator.

use aws_sdk_secretsmanager::operation::update_secret_version_stage::builders::UpdateSecretVersionStageFluentBuilder;
use serde_json::{Value, json};
use simulators::genesys::OAuthClient;

use super::aws_world::{ADMIN, CREDENTIALS, SECRET_VALUE, World, documents};
use super::stack::{list, of_type, restart_stack, stack};
use super::terraform::{made, module};

/// Whether an event matches a pattern (EventBridge user guide, "Event patterns"): for each field a list of values or of prefixes.
fn matches(pattern: &Value, event: &Value) -> bool {
    match pattern {
        Value::Object(fields) => fields.iter().all(|(name, pattern)| matches(pattern, &event[name])),
        Value::Array(accepted) => accepted.iter().any(|one| match one.get("prefix").and_then(Value::as_str) {
            Some(prefix) => event.as_str().is_some_and(|text| text.starts_with(prefix)),
            None => one == event,
        }),
        _ => panic!("{pattern} is not a pattern"),
    }
}

/// The patterns of the template and of the module; `None` without the tests' Python.
fn patterns() -> Option<[Value; 2]> {
    let stack = stack(&["RotationEvents=queue"])?;
    let module = module(&["rotation_events=queue".to_owned()])?;
    let text = made(&module, "aws_cloudwatch_event_rule")[0]["event_pattern"].as_str().expect("text").to_owned();
    Some([
        of_type(&stack, "AWS::Events::Rule")[0].1["EventPattern"].clone(),
        serde_json::from_str(&text).expect("JSON"),
    ])
}

/// The versions that matching events name, oldest first.
fn announced(world: &World, pattern: &Value) -> Vec<String> {
    let events = world.simulation.secrets_manager.label_events().into_iter().filter(|event| matches(pattern, event));
    events.map(|event| event["detail"]["versionId"].as_str().expect("text").to_owned()).collect()
}

fn current(world: &World, name: &str) -> String {
    let versions = world.simulation.secrets_manager.versions(name).into_iter();
    let mut current = versions.filter(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    current.next().expect("a version is current").id
}

#[tokio::test]
async fn each_kind_of_rotation_is_one_event() {
    let Some(patterns) = patterns() else { return };
    let Some(stack) = stack(&[]) else { return };
    let world = World::start(&stack).await;
    world.simulation.genesys.add_client(OAuthClient::new("alone", SECRET_VALUE));
    let credentials = |id: &str| json!({"region": "mypurecloud.ie", "client_id": id, "client_secret": SECRET_VALUE});
    world.create(CREDENTIALS, &credentials("mine")).await;
    let mut admin = credentials("admin");
    admin["rotates"] = json!(["mine", "other"]);
    world.create(ADMIN, &admin).await;
    assert_eq!(announced(&world, &patterns[0]), [""; 0], "secrets without the prefix");
    for (name, document) in documents() {
        world.create(name, &document).await;
        let mut expected = patterns.each_ref().map(|pattern| announced(&world, pattern));
        for _ in 0..2 {
            assert!(world.rotate(name, true).await, "{name}");
            expected.iter_mut().for_each(|announced| announced.push(current(&world, name)));
            assert_eq!(patterns.each_ref().map(|pattern| announced(&world, pattern)), expected, "{name}");
        }
    }
    let events = world.simulation.secrets_manager.label_events();
    let ahead = events.iter().filter(|event| event["detail"]["labelUpdated"] == "ROTATOR_AHEAD");
    assert!(ahead.clone().count() > 0 && ahead.clone().all(|event| !patterns.iter().any(|one| matches(one, event))));
}

#[tokio::test]
async fn failures_are_no_event_and_rollbacks_and_local_rotations_are_one() {
    let Some([pattern, _]) = patterns() else { return };
    let Some(stack) = stack(&[]) else { return };
    let (world, name) = (World::start(&stack).await, "genesys/plain");
    world.create(name, &documents()[0].1).await;
    assert!(world.rotate(name, true).await);
    let (former, before) = (current(&world, name), announced(&world, &pattern));
    let denied = |action: Option<&str>| {
        let denied = action.into_iter().map(str::to_owned).collect();
        world.simulation.secrets_manager.set(|settings| settings.denied = denied);
    };
    for action in ["PutSecretValue", "UpdateSecretVersionStage"] {
        denied(Some(action));
        assert!(!world.rotate(name, true).await, "{action}");
        assert_eq!(announced(&world, &pattern), before, "{action}: a rotation that failed");
    }
    denied(None);
    // RotateSecret refuses another token, and repeats the rotation that failed.
    world.rotate(name, true).await;
    let rotated = current(&world, name);

    let label = |label: &str| -> UpdateSecretVersionStageFluentBuilder {
        world.operator.update_secret_version_stage().secret_id(name).version_stage(label)
    };
    let back = label("AWSCURRENT").remove_from_version_id(&rotated).move_to_version_id(&former);
    back.send().await.expect("the operator rolls back");
    assert_eq!(
        announced(&world, &pattern)[before.len()..],
        [rotated, former],
        "the event of a rollback names the older version"
    );

    let mut command = tokio::process::Command::new(super::ROTATOR);
    command.args(["rotate", "--local", name]).env_clear();
    let (genesys, aws) = (world.simulation.genesys_url(), world.simulation.secrets_manager_url());
    command.envs([
        ("ROTATOR_LOGIN_URL", &genesys),
        ("ROTATOR_API_URL", &genesys),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &aws),
    ]);
    command.envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "key")]);
    let done = command.output().await.expect("the binary runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(announced(&world, &pattern)[before.len() + 2..], [current(&world, name)], "rotate --local");
}

/// The module has the same policies (`module_and_template_create_the_same_resources`).
#[test]
fn the_topic_policy_has_no_condition_because_eventbridge_supports_none() {
    let conditions = |target: &str, kind: &str| -> Option<Vec<Value>> {
        let stack = stack(&[&format!("RotationEvents={target}")])?;
        let policies = of_type(&stack, kind).into_iter();
        Some(policies.map(|(_, policy)| policy["PolicyDocument"]["Statement"][0]["Condition"].clone()).collect())
    };
    let Some(topic) = conditions("topic", "AWS::SNS::TopicPolicy") else { return };
    assert_eq!(topic, [Value::Null]);
    let rule = json!({"ArnEquals": {"aws:SourceArn": "arn:aws:events:us-east-1:000000000000:event_rule"}});
    let queues = conditions("queue", "AWS::SQS::QueuePolicy");
    assert_eq!(queues, Some(vec![rule.clone(), rule]), "the queue and its dead-letter queue");
}

#[test]
fn a_restart_follows_one_secret_and_may_restart_one_service() {
    let Some(stack) = restart_stack() else { return };
    let rule = &stack["Resources"]["Rule"]["Properties"];
    let event = |name: &str, label: &str| json!({"source": "aws.secretsmanager", "detail-type": "Secret Label Updated", "detail": {"name": name, "labelUpdated": label}});
    assert!(matches(&rule["EventPattern"], &event("genesys/prod", "AWSCURRENT")));
    for (name, label) in [("genesys/prod2", "AWSCURRENT"), ("genesys/prod", "ROTATOR_AHEAD")] {
        assert!(!matches(&rule["EventPattern"], &event(name, label)), "{name} {label}");
    }
    let target = &rule["Targets"][0];
    let place = "us-east-1:000000000000";
    assert_eq!(target["Arn"], format!("arn:aws:ssm:{place}:automation-definition/Runbook:$LATEST"));
    assert_eq!(target["Input"], "{}");
    let statements = |role: &str| {
        let policies = list(&stack["Resources"][role]["Properties"]["Policies"]);
        list(&policies[0]["PolicyDocument"]["Statement"]).into_iter().cloned().collect::<Vec<_>>()
    };
    let restart = &statements("RunbookRole")[0];
    assert_eq!(
        (&restart["Action"], &restart["Resource"]),
        (&"ecs:UpdateService".into(), &format!("arn:aws:ecs:{place}:service/main/reports").into())
    );
    let [start, pass] = &statements("RuleRole")[..] else { panic!("two statements") };
    assert!(
        list(&start["Resource"])
            .iter()
            .any(|arn| *arn == &json!(format!("arn:aws:ssm:{place}:automation-definition/Runbook:*")))
    );
    let runbook = &stack["Resources"]["Runbook"]["Properties"]["Content"];
    assert_eq!(pass["Resource"], runbook["assumeRole"]);
    assert_eq!(runbook["mainSteps"][0]["maxAttempts"], 3);
    for (name, role) in of_type(&stack, "AWS::IAM::Role") {
        let trust = &role["AssumeRolePolicyDocument"]["Statement"][0];
        assert_eq!(trust["Condition"]["StringEquals"]["aws:SourceAccount"], "000000000000", "{name}");
        assert_eq!(role["PermissionsBoundary"], "arn:aws:iam::000000000000:policy/boundary", "{name}");
    }
}

#[test]
fn a_restart_that_fails_or_does_not_start_notifies_the_alarm_topic() {
    let Some(stack) = restart_stack() else { return };
    let resources = &stack["Resources"];
    let topic = "arn:aws:sns:us-east-1:000000000000:on-call";
    let rule = &resources["FailureRule"]["Properties"];
    let event = |definition: &str, status: &str| {
        json!({"source": "aws.ssm", "detail-type": "EC2 Automation Execution Status-change Notification",
            "detail": {"Definition": definition, "Status": status}})
    };
    for status in ["Failed", "TimedOut", "Cancelled"] {
        assert!(matches(&rule["EventPattern"], &event("Runbook", status)), "{status}");
    }
    assert!(!matches(&rule["EventPattern"], &event("Runbook", "Success")));
    assert!(!matches(&rule["EventPattern"], &event("Another", "Failed")));
    assert_eq!(rule["Targets"][0]["Arn"], topic);

    let [(_, alarm)] = of_type(&stack, "AWS::CloudWatch::Alarm")[..] else { panic!("one alarm") };
    assert_eq!((&alarm["AlarmActions"][0], &alarm["OKActions"][0]), (&topic.into(), &topic.into()));
    let queue = &resources["DeadLetterQueuePolicy"]["Properties"]["PolicyDocument"]["Statement"][0];
    let sources = &queue["Condition"]["ArnEquals"]["aws:SourceArn"];
    assert_eq!(list(sources).len(), 2, "both rules may send to the dead-letter queue: {sources}");
    for rule in ["Rule", "FailureRule"] {
        let queue = &resources[rule]["Properties"]["Targets"][0]["DeadLetterConfig"]["Arn"];
        assert_eq!(queue, "arn:aws:sqs:us-east-1:000000000000:dead_letter_queue");
    }
}
