//! OAuth clients and their secrets in the Genesys Cloud simulator, through real HTTP.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use simulators::faults::Faults;
use simulators::genesys::{Genesys, GenesysSettings, OAuthClient, RoleDivision};
use simulators::http::Server;
use simulators::journal::Journal;

type Test = Result<(), Box<dyn Error>>;

const CLIENTS: &str = "/api/v2/oauth/clients";

struct Organization {
    genesys: Arc<Genesys>,
    http: reqwest::Client,
    server: Server,
    token: String,
}

impl Organization {
    async fn start(settings: GenesysSettings) -> Result<Self, Box<dyn Error>> {
        let genesys = Arc::new(Genesys::new(settings));
        genesys.add_client(OAuthClient::new("admin", "root"));
        let server = Server::start(0, Arc::clone(&genesys), Faults::default(), Journal::default()).await?;
        let mut organization = Self { genesys, http: reqwest::Client::new(), server, token: String::new() };
        organization.token = organization.exchange("admin", "root").await?.ok_or("no token for the admin")?;
        Ok(organization)
    }

    /// Returns a token, or `None` if the credentials are refused.
    async fn exchange(&self, id: &str, secret: &str) -> Result<Option<String>, Box<dyn Error>> {
        let request = self.http.post(format!("{}/oauth/token", self.server.url())).basic_auth(id, Some(secret));
        let answer: Value = request.form(&[("grant_type", "client_credentials")]).send().await?.json().await?;
        Ok(answer["access_token"].as_str().map(str::to_owned))
    }

    /// Returns the status and the body of an answer, or `null` without a body.
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<(u16, Value), Box<dyn Error>> {
        let request = self.http.request(method, format!("{}{path}", self.server.url())).bearer_auth(&self.token);
        let answer = request.json(body).send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text)? }))
    }

    async fn regenerate(&self, id: &str) -> Result<String, Box<dyn Error>> {
        let (status, client) = self.call(Method::POST, &format!("{CLIENTS}/{id}/secret"), &Value::Null).await?;
        assert_eq!((status, &client["id"]), (200, &json!(id)));
        Ok(client["secret"].as_str().ok_or("no secret")?.to_owned())
    }
}

#[tokio::test]
async fn a_secret_is_returned_only_on_creation() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let wanted = json!({
        "name": "new", "authorizedGrantType": "CLIENT-CREDENTIALS", "accessTokenValiditySeconds": 300,
        "roleDivisions": [{ "roleId": "3d8b6f1a-0000-4000-8000-00000000a001", "divisionId": "*" }],
    });
    let (status, created) = organization.call(Method::POST, CLIENTS, &wanted).await?;
    assert_eq!((status, &created["state"]), (200, &json!("active")));
    let (id, secret) = (created["id"].as_str().ok_or("no id")?, created["secret"].as_str().ok_or("no secret")?);
    let token = organization.exchange(id, secret).await?.ok_or("the new client gets no token")?;
    let (_, shown) = organization.call(Method::GET, &format!("{CLIENTS}/{id}"), &Value::Null).await?;
    assert_eq!((&shown["accessTokenValiditySeconds"], shown.get("secret")), (&json!(300), None));
    let (_, listed) = organization.call(Method::GET, CLIENTS, &Value::Null).await?;
    assert_eq!(listed["total"], 2);
    assert!(!listed.to_string().contains(secret));
    organization.genesys.advance(Duration::from_secs(300));
    assert!(!organization.genesys.live_tokens().contains(&token), "the client's own validity applies");
    Ok(())
}

#[tokio::test]
async fn a_regenerated_secret_replaces_the_old_one_and_keeps_the_tokens() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let secret = organization.regenerate("admin").await?;
    assert!(organization.exchange("admin", "root").await?.is_none());
    assert!(organization.exchange("admin", &secret).await?.is_some());
    assert!(organization.genesys.live_tokens().contains(&organization.token));
    Ok(())
}

#[tokio::test]
async fn regenerating_a_secret_can_revoke_tokens() -> Test {
    let settings = GenesysSettings { regenerate_revokes_tokens: true, ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    organization.regenerate("admin").await?;
    assert!(organization.genesys.live_tokens().is_empty());
    Ok(())
}

#[tokio::test]
async fn only_the_old_secret_works_during_propagation() -> Test {
    let organization =
        Organization::start(GenesysSettings { secret_propagation: 600, ..GenesysSettings::default() }).await?;
    let first = organization.regenerate("admin").await?;
    let second = organization.regenerate("admin").await?;
    assert!(organization.exchange("admin", "root").await?.is_some());
    assert!(organization.exchange("admin", &first).await?.is_none());
    assert!(organization.exchange("admin", &second).await?.is_none());
    organization.genesys.advance(Duration::from_secs(600));
    assert!(organization.exchange("admin", "root").await?.is_none());
    assert!(organization.exchange("admin", &second).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn regenerating_requires_all_roles_of_the_client() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let role = RoleDivision { role_id: "master-admin".to_owned(), division_id: "*".to_owned() };
    organization.genesys.add_client(OAuthClient { role_divisions: vec![role], ..OAuthClient::new("mighty", "x") });
    let (status, error) = organization.call(Method::POST, &format!("{CLIENTS}/mighty/secret"), &Value::Null).await?;
    assert_eq!((status, &error["code"]), (400, &json!("bad.client.role")));
    assert!(organization.exchange("mighty", "x").await?.is_some());
    Ok(())
}

#[tokio::test]
async fn an_updated_client_keeps_its_secret_and_its_validity_is_limited() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient::new("changed", "x"));
    let path = format!("{CLIENTS}/changed");
    for (seconds, status) in [(299, 400), (300, 200), (172_800, 200), (172_801, 400)] {
        let wanted = json!({
            "name": "renamed", "authorizedGrantType": "CLIENT-CREDENTIALS", "accessTokenValiditySeconds": seconds,
        });
        assert_eq!(organization.call(Method::PUT, &path, &wanted).await?.0, status, "{seconds}");
    }
    let (_, shown) = organization.call(Method::GET, &path, &Value::Null).await?;
    assert_eq!((&shown["name"], &shown["accessTokenValiditySeconds"]), (&json!("renamed"), &json!(172_800)));
    assert!(organization.exchange("changed", "x").await?.is_some());
    Ok(())
}

#[tokio::test]
async fn only_an_inactive_client_can_be_deleted() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient::new("old", "x"));
    let path = format!("{CLIENTS}/old");
    let (status, error) = organization.call(Method::DELETE, &path, &Value::Null).await?;
    assert_eq!((status, &error["code"]), (400, &json!("cannot.delete.client")));
    let wanted = |state: &str| json!({ "name": "old", "authorizedGrantType": "CLIENT-CREDENTIALS", "state": state });
    let (status, error) = organization.call(Method::PUT, &path, &wanted("asleep")).await?;
    assert_eq!((status, &error["code"]), (400, &json!("bad.client.state")));
    assert_eq!(organization.call(Method::PUT, &path, &wanted("inactive")).await?.0, 200);
    assert!(organization.exchange("old", "x").await?.is_none());
    assert_eq!(organization.call(Method::DELETE, &path, &Value::Null).await?.0, 204);
    let (status, error) = organization.call(Method::GET, &path, &Value::Null).await?;
    assert_eq!((status, &error["code"]), (404, &json!("client.not.found")));
    Ok(())
}

#[tokio::test]
async fn the_tokens_of_a_client_end_when_it_is_disabled_and_outlive_an_inactive_one() -> Test {
    let rows = [
        ("disabled", GenesysSettings::default(), 0),
        ("disabled", GenesysSettings { disabling_revokes_tokens: false, ..GenesysSettings::default() }, 1),
        ("inactive", GenesysSettings::default(), 1),
        ("inactive", GenesysSettings { inactivating_revokes_tokens: true, ..GenesysSettings::default() }, 0),
    ];
    for (state, settings, left) in rows {
        let organization = Organization::start(settings).await?;
        organization.genesys.add_client(OAuthClient::new("old", "x"));
        assert!(organization.exchange("old", "x").await?.is_some());
        let wanted = json!({ "name": "old", "authorizedGrantType": "CLIENT-CREDENTIALS", "state": state });
        assert_eq!(organization.call(Method::PUT, &format!("{CLIENTS}/old"), &wanted).await?.0, 200);
        assert!(organization.exchange("old", "x").await?.is_none(), "{state}");
        let tokens = organization.genesys.issued_tokens();
        assert_eq!(tokens.iter().filter(|token| token.client_id == "old").count(), left, "{state}");
        let wanted = json!({ "name": "old", "authorizedGrantType": "CLIENT-CREDENTIALS", "state": "active" });
        assert_eq!(organization.call(Method::PUT, &format!("{CLIENTS}/old"), &wanted).await?.0, 200);
        let tokens = organization.genesys.issued_tokens();
        assert_eq!(tokens.iter().filter(|token| token.client_id == "old").count(), left, "an ended token stays ended");
    }
    Ok(())
}

#[tokio::test]
async fn an_invalid_client_is_refused() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let rows = [
        (json!(null), "bad.request"),
        (json!([]), "bad.request"),
        (json!({ "name": "x" }), "grant.type.required"),
        (json!({ "name": "x", "authorizedGrantType": "GUESS" }), "bad.grant.type"),
        (json!({ "name": "x", "authorizedGrantType": "CLIENT-CREDENTIALS" }), "missing.client.roles"),
        (json!({ "name": "x", "authorizedGrantType": "CODE", "id": "mine" }), "bad.request"),
    ];
    for (body, code) in rows {
        let (status, error) = organization.call(Method::POST, CLIENTS, &body).await?;
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
    }
    assert_eq!(organization.genesys.clients().len(), 1);
    Ok(())
}
