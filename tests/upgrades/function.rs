//! The function is replaced in the middle of a rotation, as when an alias moves.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::types::RotationRulesType;
use serde_json::Value;
use simulators::function::{Function, FunctionSettings};
use simulators::invoke::{BoxFuture, FunctionError, Invoke};
use simulators::secrets_manager::SecretsManagerSettings;
use simulators::{Simulation, SimulationSettings};

use crate::moment::Moment;
use crate::programs::Programs;
use crate::stores::{administrator, client};
use crate::{ADMIN, CLIENT, SECOND};

const SECRET: &str = "genesys/prod";
const FUNCTION_ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:genesys-rotator";
const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// Two builds of the function: the second one runs from a step on.
struct Replaced {
    before: Function,
    after: Function,
    from: &'static str,
}

impl Invoke for Replaced {
    fn invoke(&self, event: Value, timeout: Duration) -> BoxFuture<'_, Result<Value, FunctionError>> {
        let at = |step: &str| STEPS.iter().position(|known| *known == step);
        let is_after = at(event["Step"].as_str().unwrap_or_default()) >= at(self.from);
        if is_after { self.after.invoke(event, timeout) } else { self.before.invoke(event, timeout) }
    }
}

async fn function(programs: &Programs, simulation: &Simulation) -> Function {
    let environment = [
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", simulation.secrets_manager_url()),
        ("ROTATOR_LOGIN_URL", simulation.genesys_url()),
        ("ROTATOR_API_URL", simulation.genesys_url()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
    Function::start(programs.function(), environment, FunctionSettings::default()).await.expect("it starts")
}

/// Rotates a secret with the first build until a step, and with the second one from then on.
async fn replaced_at(from: &'static str, moment: Moment, before: &Programs, after: &Programs) {
    let clients = [CLIENT, SECOND, ADMIN].map(|(id, secret)| (id.to_owned(), secret.to_owned())).into();
    let secrets_manager =
        SecretsManagerSettings { retries: 0, writes_per_second: None, ..SecretsManagerSettings::default() };
    let settings = SimulationSettings { clients, secrets_manager, ..SimulationSettings::default() };
    let simulation = Simulation::start(settings).await.expect("the simulators start");
    let (before, after) = (function(before, &simulation).await, function(after, &simulation).await);
    let service = simulation.secrets_manager.clone();
    service.set_function(Replaced { before, after, from });
    let aws = client(&simulation);
    for (name, document) in [("genesys/admin", administrator()), (SECRET, moment.document("genesys/admin"))] {
        aws.create_secret().name(name).secret_string(document.to_string()).send().await.expect("it is created");
    }
    let rules = || RotationRulesType::builder().schedule_expression("rate(4 hours)").build();
    for _ in 0..2 {
        let rotate = aws.rotate_secret().secret_id(SECRET).rotation_lambda_arn(FUNCTION_ARN).rotation_rules(rules());
        rotate.send().await.expect("the rotation starts");
        service.settled().await;
        let outcome = service.rotation_outcomes().pop().expect("a rotation has ended");
        assert!(outcome.succeeded, "{moment:?}, replaced at {from}: {outcome:?}");
    }
    let versions = service.versions(SECRET);
    let current = versions.iter().find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
    let document: Value =
        serde_json::from_str(current.and_then(|it| it.value.as_deref()).expect("a value")).expect("JSON");
    let owner = simulation.genesys.owner_of(document["access_token"].as_str().expect("a token"));
    assert_eq!(owner.as_deref(), document["client_id"].as_str(), "{moment:?}, replaced at {from}");
    let secret = document["client_secret"].as_str().expect("a secret");
    assert!(simulation.genesys.accepts(&owner.expect("a client"), secret), "{moment:?}, replaced at {from}");
}

/// `make upgrades`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs earlier programs: make upgrades"]
async fn a_rotation_survives_a_new_function_before_each_step() {
    let (earlier, today) = (Arc::new(Programs::earlier()), Arc::new(Programs::today()));
    for (before, after) in [(&earlier, &today), (&today, &earlier)] {
        for moment in [Moment::Promoted, Moment::Alternating, Moment::AnswerLost] {
            for from in &STEPS[1..] {
                replaced_at(from, moment, before, after).await;
            }
        }
    }
}
