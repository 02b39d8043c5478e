//! The simulators' control surface, through real HTTP.

use std::error::Error;

use reqwest::Method;
use serde_json::{Value, json};
use simulators::genesys::{GenesysSettings, OAuthClient};
use simulators::{Simulation, SimulationSettings};

type Test = Result<(), Box<dyn Error>>;

struct Simulator {
    simulation: Simulation,
    http: reqwest::Client,
}

impl Simulator {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let simulation = Simulation::start(SimulationSettings::default()).await?;
        simulation.genesys.add_client(OAuthClient::new("pipeline", "s3cret"));
        Ok(Self { simulation, http: reqwest::Client::new() })
    }

    async fn steer(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Value), Box<dyn Error>> {
        let request = self.http.request(method, format!("{}/_sim/{path}", self.simulation.genesys_url()));
        let answer = request.body(body.to_string()).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }))
    }

    async fn ask(&self, id: &str, secret: &str) -> reqwest::Result<reqwest::Response> {
        let request =
            self.http.post(format!("{}/oauth/token", self.simulation.genesys_url())).basic_auth(id, Some(secret));
        request.form(&[("grant_type", "client_credentials")]).send().await
    }
}

#[tokio::test]
async fn faults_apply_to_the_service_and_not_to_the_control_surface() -> Test {
    let simulator = Simulator::start().await?;
    let effect = json!({
        "type": "answer", "status": 503, "headers": { "Retry-After": 7 },
        "content_type": "text/html", "body_bytes": 1000,
    });
    let fault = json!({ "operation": "*", "skip": 1, "times": 1, "effect": effect });
    assert_eq!(simulator.steer(Method::POST, "faults", &fault).await?.0, 204);
    assert_eq!(simulator.ask("pipeline", "s3cret").await?.status(), 200);
    let answer = simulator.ask("pipeline", "s3cret").await?;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (503, &"7".parse()?));
    assert_eq!(answer.text().await?.len(), 1000);
    assert_eq!(simulator.ask("pipeline", "s3cret").await?.status(), 200);
    let fault = json!({ "operation": "POST /oauth/token", "effect": { "type": "lose-answer" } });
    assert_eq!(simulator.steer(Method::POST, "faults", &fault).await?.0, 204);
    assert!(simulator.ask("pipeline", "s3cret").await.is_err());
    assert_eq!(simulator.simulation.genesys.minted(), 3, "the request with the lost answer was executed");
    assert_eq!(simulator.steer(Method::DELETE, "faults", &Value::Null).await?.0, 204);
    assert_eq!(simulator.ask("pipeline", "s3cret").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn the_journal_has_only_calls_of_the_service() -> Test {
    let simulator = Simulator::start().await?;
    simulator.ask("pipeline", "s3cret").await?;
    simulator.ask("pipeline", "wrong").await?;
    let (_, journal) = simulator.steer(Method::GET, "calls", &Value::Null).await?;
    let statuses: Vec<_> = journal["calls"].as_array().ok_or("no calls")?.iter().map(|call| &call["status"]).collect();
    assert_eq!(statuses, [200, 400]);
    assert_eq!(journal["calls"][0]["operation"], "POST /oauth/token");
    assert_eq!(journal["longest_chain"], 2);
    assert_eq!(simulator.steer(Method::DELETE, "calls", &Value::Null).await?.0, 204);
    let (_, journal) = simulator.steer(Method::GET, "calls", &Value::Null).await?;
    assert_eq!(journal["calls"], json!([]));
    Ok(())
}

#[tokio::test]
async fn knobs_clients_and_the_clock_are_set_by_name() -> Test {
    let simulator = Simulator::start().await?;
    let client = json!({ "id": "second", "secret": "x", "access_token_validity_seconds": 300 });
    assert_eq!(simulator.steer(Method::POST, "genesys/clients", &client).await?.0, 204);
    let knobs = json!({ "token_lifetime": 900, "expires_in": "missing" });
    assert_eq!(simulator.steer(Method::PATCH, "genesys", &knobs).await?.0, 204);
    assert_eq!(simulator.simulation.genesys.settings().token_lifetime, 900);
    let token: Value = simulator.ask("second", "x").await?.json().await?;
    simulator.ask("pipeline", "s3cret").await?;
    assert_eq!(simulator.steer(Method::POST, "genesys/advance", &json!({ "seconds": 300 })).await?.0, 204);
    let (_, shown) = simulator.steer(Method::GET, "genesys", &Value::Null).await?;
    assert_eq!((&shown["live_tokens"], &shown["minted_tokens"]), (&json!(1), &json!(2)));
    assert_eq!(shown["clients"], json!(["pipeline", "second"]));
    assert!(!shown.to_string().contains(token["access_token"].as_str().ok_or("no access_token")?));
    assert!(!shown.to_string().contains("s3cret"));
    assert_eq!(simulator.steer(Method::POST, "genesys/revoke-all", &Value::Null).await?.0, 204);
    assert!(simulator.simulation.genesys.live_tokens().is_empty());
    Ok(())
}

#[tokio::test]
async fn invalid_requests_are_refused_with_a_message_and_change_nothing() -> Test {
    let simulator = Simulator::start().await?;
    let cases = [
        (Method::PATCH, "genesys", json!({ "token_lifetimes": 1 })),
        (Method::PATCH, "genesys", json!({ "token_lifetime": "soon" })),
        (Method::PATCH, "genesys", json!([])),
        (Method::POST, "faults", json!({ "operation": "*", "effect": { "type": "explode" } })),
        (Method::POST, "faults", json!({ "operation": "*", "effect": { "type": "answer", "status": 7 } })),
        (Method::POST, "genesys/clients", json!({ "id": "no secret" })),
        (Method::POST, "genesys/advance", json!({ "seconds": -1 })),
    ];
    for (method, path, body) in cases {
        let (status, answer) = simulator.steer(method, path, &body).await?;
        assert_eq!(status, 400, "{path} {body}");
        assert!(answer["error"].as_str().is_some_and(|sentence| sentence.ends_with('.')), "{answer}");
    }
    assert_eq!(simulator.simulation.genesys.settings(), GenesysSettings::default());
    assert_eq!(simulator.steer(Method::GET, "nothing", &Value::Null).await?.0, 404);
    assert_eq!(simulator.ask("pipeline", "s3cret").await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn a_secret_is_added_without_an_sdk() -> Test {
    let simulation = Simulation::start(SimulationSettings::default()).await?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let add = |secret: Value| {
        let request = http.post(format!("{}/_sim/secrets-manager/secrets", simulation.genesys_url()));
        request.body(secret.to_string()).send()
    };
    let secret = json!({"name": "prod/genesys", "value": {"region": "mypurecloud.ie"}, "tags": {"team": "contact"}});
    assert_eq!(add(secret.clone()).await?.status(), 204);
    let versions = simulation.secrets_manager.versions("prod/genesys");
    assert_eq!(versions[0].value.as_deref(), Some(r#"{"region":"mypurecloud.ie"}"#));
    let events = http.get(format!("{}/_sim/secrets-manager/label-events", simulation.genesys_url())).send().await?;
    let events: Value = serde_json::from_str(&events.text().await?)?;
    assert_eq!(events["events"][0]["detail"]["labelUpdated"], "AWSCURRENT");
    let again = add(secret).await?;
    assert_eq!(again.status(), 400);
    assert!(again.text().await?.contains("already exists"));
    Ok(())
}
