//! The Genesys Cloud simulator, through real HTTP.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use simulators::faults::Faults;
use simulators::genesys::{ClientState, ExpiresIn, Genesys, GenesysSettings, OAuthClient};
use simulators::http::Server;
use simulators::journal::Journal;

pub type Test = Result<(), Box<dyn Error>>;

pub struct Organization {
    pub genesys: Arc<Genesys>,
    journal: Journal,
    http: reqwest::Client,
    server: Server,
}

impl Organization {
    pub async fn start(settings: GenesysSettings) -> Result<Self, Box<dyn Error>> {
        let genesys = Arc::new(Genesys::new(settings));
        genesys.add_client(OAuthClient::new("pipeline", "s3cret"));
        let journal = Journal::default();
        let server = Server::start(0, Arc::clone(&genesys), Faults::default(), journal.clone()).await?;
        Ok(Self { genesys, journal, http: reqwest::Client::new(), server })
    }

    async fn ask(&self, id: &str, secret: &str, grant: &str) -> reqwest::Result<Response> {
        let url = format!("{}/oauth/token", self.server.url());
        self.http.post(url).basic_auth(id, Some(secret)).form(&[("grant_type", grant)]).send().await
    }

    pub async fn token(&self, id: &str, secret: &str) -> Result<String, Box<dyn Error>> {
        let answer: Value = self.ask(id, secret, "client_credentials").await?.error_for_status()?.json().await?;
        Ok(answer["access_token"].as_str().ok_or("no access_token")?.to_owned())
    }

    async fn call(&self, method: Method, path: &str, token: &str, body: Value) -> reqwest::Result<Response> {
        let request = self.http.request(method, format!("{}{path}", self.server.url())).bearer_auth(token);
        if body.is_null() { request.send().await } else { request.json(&body).send().await }
    }

    pub async fn get(&self, path: &str, token: &str) -> reqwest::Result<Response> {
        self.call(Method::GET, path, token, Value::Null).await
    }

    /// The status and the `code` or `error` of an answer.
    pub async fn refusal(answer: Response) -> Result<(u16, String), Box<dyn Error>> {
        let status = answer.status().as_u16();
        let body: Value = answer.json().await?;
        let code = body["code"].as_str().or(body["error"].as_str()).ok_or("neither code nor error")?;
        Ok((status, code.to_owned()))
    }
}

pub fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_token_is_opaque_and_expires_a_second_early() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let answer = organization.ask("pipeline", "s3cret", "client_credentials").await?;
    assert_eq!(answer.headers()["inin-correlation-id"].len(), 36);
    let body: Value = answer.json().await?;
    let token = body["access_token"].as_str().ok_or("no access_token")?;
    assert_eq!(token.len(), 86);
    assert!(token.contains(['-', '_', '*']));
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 86_399);
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "no refresh token");
    assert_eq!(organization.genesys.live_tokens(), [token]);
    Ok(())
}

#[tokio::test]
async fn the_secret_can_be_sent_in_the_form() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let form = [("grant_type", "client_credentials"), ("client_id", "pipeline"), ("client_secret", "s3cret")];
    let url = format!("{}/oauth/token", organization.server.url());
    assert_eq!(organization.http.post(url).form(&form).send().await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn every_refusal_of_the_login_service_is_400() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient { grant: "CODE".to_owned(), ..OAuthClient::new("browser", "x") });
    organization.genesys.add_client(OAuthClient { state: ClientState::Disabled, ..OAuthClient::new("off", "x") });
    let cases = [
        ("pipeline", "s3cret ", "client_credentials", "invalid_client"),
        ("unknown", "s3cret", "client_credentials", "invalid_client"),
        ("off", "x", "client_credentials", "invalid_client"),
        ("browser", "x", "client_credentials", "unauthorized_client"),
        ("pipeline", "s3cret", "password", "unauthorized_client"),
        ("pipeline", "s3cret", "magic", "unsupported_grant_type"),
    ];
    for (id, secret, grant, error) in cases {
        let answer = organization.ask(id, secret, grant).await?;
        assert_eq!(answer.status(), 400);
        let body: Value = answer.json().await?;
        assert_eq!(body["error"], error, "{id} {grant}");
        assert_eq!(body["description"], body["error_description"]);
    }
    assert_eq!(organization.genesys.minted(), 0);
    Ok(())
}

#[tokio::test]
async fn a_token_request_in_json_is_refused() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let url = format!("{}/oauth/token", organization.server.url());
    let body = json!({ "grant_type": "client_credentials", "client_id": "pipeline", "client_secret": "s3cret" });
    let answer = organization.http.post(url).json(&body).send().await?;
    assert_eq!(Organization::refusal(answer).await?, refused(400, "invalid_request"));
    Ok(())
}

#[tokio::test]
async fn too_many_token_requests_are_an_invalid_request_for_a_minute() -> Test {
    let settings = GenesysSettings { token_requests_per_minute: Some(1), ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    organization.token("pipeline", "s3cret").await?;
    let answer = organization.ask("pipeline", "s3cret", "client_credentials").await?;
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await?;
    assert_eq!(body["error"], "invalid_request");
    assert!(body["description"].as_str().is_some_and(|text| text.starts_with("rate limit exceeded;")));
    organization.genesys.advance(Duration::from_secs(60));
    organization.token("pipeline", "s3cret").await?;
    Ok(())
}

#[tokio::test]
async fn users_me_requires_a_user_token() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient { user: true, name: "Ada".to_owned(), ..OAuthClient::new("ada", "x") });
    let token = organization.token("pipeline", "s3cret").await?;
    let answer = organization.get("/api/v2/users/me", &token).await?;
    let correlation_id = answer.headers()["inin-correlation-id"].to_str()?.to_owned();
    assert_eq!(answer.status(), 400);
    let body: Value = answer.json().await?;
    assert_eq!(body["code"], "not.a.user");
    assert_eq!(body["contextId"], correlation_id);
    let fields = ["message", "status", "details", "errors", "messageWithParams", "messageParams"];
    assert!(fields.iter().all(|field| body.get(field).is_some()), "{body}");
    let token = organization.token("ada", "x").await?;
    let user: Value = organization.get("/api/v2/users/me", &token).await?.error_for_status()?.json().await?;
    assert_eq!(user["name"], "Ada");
    Ok(())
}

#[tokio::test]
async fn tokens_me_names_the_client_and_revokes_only_the_token() -> Test {
    let settings = GenesysSettings { head_token_status: 204, delete_token_status: 204, ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let other = organization.token("pipeline", "s3cret").await?;
    let path = "/api/v2/tokens/me";
    let body: Value = organization.get(path, &token).await?.error_for_status()?.json().await?;
    assert_eq!(body["OAuthClient"]["id"], "pipeline");
    assert_eq!(body["OAuthClient"]["authorizedGrantType"], "CLIENT-CREDENTIALS");
    assert_eq!(body["OAuthClient"]["organization"], body["organization"]);
    organization.genesys.set(|settings| settings.token_owner = Some("another-client".to_owned()));
    let body: Value = organization.get(path, &token).await?.error_for_status()?.json().await?;
    assert_eq!(body["OAuthClient"]["id"], "another-client");
    assert_eq!(organization.call(Method::HEAD, path, &token, Value::Null).await?.status(), 204);
    assert_eq!(organization.call(Method::DELETE, path, &token, Value::Null).await?.status(), 204);
    let answer = organization.get(path, &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(401, "bad.credentials"));
    assert_eq!(organization.genesys.live_tokens(), [other]);
    Ok(())
}

#[tokio::test]
async fn missing_and_invalid_tokens_and_addresses_have_their_own_codes() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let url = format!("{}/api/v2/tokens/me", organization.server.url());
    let answer = organization.http.get(url).send().await?;
    assert_eq!(Organization::refusal(answer).await?, refused(401, "authentication.required"));
    let token = organization.token("pipeline", "s3cret").await?;
    organization.genesys.set(|settings| settings.ip_not_authorized = true);
    let answer = organization.get("/api/v2/tokens/me", &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(401, "ip.not.authorized"));
    organization.genesys.set(|settings| settings.ip_not_authorized = false);
    organization.genesys.advance(Duration::from_secs(86_400));
    let answer = organization.get("/api/v2/tokens/me", &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(401, "bad.credentials"));
    organization.genesys.set(|settings| settings.reject_new_tokens = true);
    let rejected = organization.token("pipeline", "s3cret").await?;
    let answer = organization.get("/api/v2/users/me", &rejected).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(401, "bad.credentials"));
    assert!(organization.genesys.live_tokens().is_empty());
    assert_eq!(organization.genesys.minted(), 2);
    Ok(())
}

#[tokio::test]
async fn permissions_restrict_a_client_and_scopes_do_not() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let permissions = Some(vec!["routing:queue:view".to_owned()]);
    let scope = vec!["users:readonly".to_owned()];
    organization.genesys.add_client(OAuthClient { permissions, scope, ..OAuthClient::new("narrow", "x") });
    let token = organization.token("narrow", "x").await?;
    let answer = organization.get("/api/v2/routing/skills", &token).await?;
    assert_eq!(answer.status(), 403);
    let body: Value = answer.json().await?;
    assert_eq!(body["code"], "missing.permissions");
    assert_eq!(body["messageParams"], json!({ "permissions": "routing:skill:view" }));
    let message =
        "Unable to perform the requested action. You are missing the following permission(s): routing:skill:view";
    assert_eq!(body["message"], message);
    let answer = organization.get("/api/v2/users/search?q64=e30", &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(403, "missing.any.permissions"));
    for path in ["/api/v2/routing/queues", "/api/v2/users", "/api/v2/authorization/permissions"] {
        assert_eq!(organization.get(path, &token).await?.status(), 200, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_field_of_a_token_request_is_refused() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient::new("new", "x"));
    let request = organization.http.post(format!("{}/oauth/token", organization.server.url()));
    let form = [("grant_type", "client_credentials"), ("duration", "60")];
    let answer = request.basic_auth("new", Some("x")).form(&form).send().await?;
    let body: Value = answer.json().await?;
    assert_eq!(body["error"], "invalid_request");
    Ok(())
}

#[tokio::test]
async fn a_token_answer_may_not_be_cached() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    organization.genesys.add_client(OAuthClient::new("new", "x"));
    let request = organization.http.post(format!("{}/oauth/token", organization.server.url()));
    let answer = request.basic_auth("new", Some("x")).form(&[("grant_type", "client_credentials")]).send().await?;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    Ok(())
}

#[tokio::test]
async fn requests_over_the_limit_get_retry_after() -> Test {
    let settings = GenesysSettings { requests_per_minute: Some(2), ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let answer = organization.get("/api/v2/tokens/me", &token).await?;
    assert_eq!(answer.headers()["inin-ratelimit-count"], "1");
    assert_eq!(answer.headers()["inin-ratelimit-allowed"], "2");
    assert!(answer.headers().contains_key("inin-ratelimit-reset"));
    organization.get("/api/v2/tokens/me", &token).await?;
    let answer = organization.get("/api/v2/tokens/me", &token).await?;
    let wait: u64 = answer.headers()["retry-after"].to_str()?.parse()?;
    assert_eq!(Organization::refusal(answer).await?, refused(429, "too.many.requests.retry.after"));
    let other = organization.token("pipeline", "s3cret").await?;
    assert_eq!(organization.get("/api/v2/tokens/me", &other).await?.status(), 200, "the limit is per token");
    organization.genesys.advance(Duration::from_secs(wait));
    assert_eq!(organization.get("/api/v2/tokens/me", &token).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn lists_are_paged_by_number_and_keep_other_parameters() -> Test {
    let organization = Organization::start(GenesysSettings { list_entities: 5, ..GenesysSettings::default() }).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let mut next = Some("/api/v2/users?pageSize=2&state=active".to_owned());
    let mut names = Vec::new();
    while let Some(path) = next {
        let page: Value = organization.get(&path, &token).await?.error_for_status()?.json().await?;
        assert_eq!((&page["total"], &page["pageCount"]), (&json!(5), &json!(3)));
        names.extend(page["entities"].as_array().ok_or("no entities")?.iter().map(|user| user["name"].to_string()));
        next = page["nextUri"].as_str().map(str::to_owned);
        assert!(next.as_ref().is_none_or(|uri| uri.ends_with("&state=active")));
    }
    assert_eq!(names.len(), 5);
    let answer = organization.get("/api/v2/users?pageSize=many", &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(400, "bad.request"));
    let page: Value = organization.get("/api/v2/users?pageNumber=9", &token).await?.json().await?;
    assert_eq!(page["entities"], json!([]));
    Ok(())
}

#[tokio::test]
async fn audit_results_are_paged_by_cursor() -> Test {
    let organization = Organization::start(GenesysSettings { list_entities: 3, ..GenesysSettings::default() }).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let path = "/api/v2/audits/query/abc/results?pageSize=2";
    let first: Value = organization.get(path, &token).await?.error_for_status()?.json().await?;
    let cursor = first["cursor"].as_str().ok_or("no cursor")?;
    let last: Value = organization.get(&format!("{path}&cursor={cursor}"), &token).await?.json().await?;
    assert_eq!(last["entities"].as_array().map(Vec::len), Some(1));
    assert!(last.get("cursor").is_none());
    Ok(())
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let answer = organization.get("/api/v2/nowhere", &token).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(404, "not.found"));
    let answer = organization.call(Method::POST, "/api/v2/users/me", &token, Value::Null).await?;
    assert_eq!(answer.headers()["allow"], "GET");
    assert_eq!(Organization::refusal(answer).await?, refused(405, "method.not.allowed"));
    Ok(())
}

#[tokio::test]
async fn unpublished_endpoints_are_disabled_by_default() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let body = json!({ "grant_type": "client_credentials", "resource_owner": "service-account" });
    let path = "/api/v2/oauth/token/generate";
    let answer = organization.call(Method::POST, path, &token, body.clone()).await?;
    assert_eq!(Organization::refusal(answer).await?, refused(404, "not.found"));
    organization.genesys.set(|settings| settings.unpublished_endpoints = true);
    let answer: Value = organization.call(Method::POST, path, &token, body).await?.json().await?;
    let generated = answer["access_token"].as_str().ok_or("no access_token")?;
    assert!(answer.get("expires_in").is_none());
    organization.genesys.advance(Duration::from_secs(100 * 86_400));
    assert_eq!(organization.genesys.live_tokens(), [generated]);
    Ok(())
}

#[tokio::test]
async fn the_form_of_a_token_answer_is_configurable() -> Test {
    let settings =
        GenesysSettings { expires_in: ExpiresIn::Text, token_type: "Bearer".to_owned(), ..GenesysSettings::default() };
    let organization = Organization::start(settings).await?;
    let body: Value = organization.ask("pipeline", "s3cret", "client_credentials").await?.json().await?;
    assert_eq!((&body["expires_in"], &body["token_type"]), (&json!("86399"), &json!("Bearer")));
    organization.genesys.set(|settings| settings.expires_in = ExpiresIn::Missing);
    let body: Value = organization.ask("pipeline", "s3cret", "client_credentials").await?.json().await?;
    assert!(body.get("expires_in").is_none());
    Ok(())
}

#[tokio::test]
async fn the_journal_names_a_client_by_its_pattern() -> Test {
    let organization = Organization::start(GenesysSettings::default()).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    organization.get("/api/v2/oauth/clients/pipeline", &token).await?;
    assert_eq!(organization.journal.count("GET /api/v2/oauth/clients/{id}"), 1);
    assert_eq!(organization.journal.count("POST /oauth/token"), 1);
    Ok(())
}

#[tokio::test]
async fn a_search_is_paged_by_query_or_by_link() -> Test {
    let organization = Organization::start(GenesysSettings { list_entities: 30, ..GenesysSettings::default() }).await?;
    let token = organization.token("pipeline", "s3cret").await?;
    let path = "/api/v2/users/search";
    // {"pageSize":25,"query":[]}
    let first = format!("{path}?q64=eyJwYWdlU2l6ZSI6MjUsInF1ZXJ5IjpbXX0=");
    for links in [false, true] {
        organization.genesys.set(|settings| settings.search_links = links);
        let page: Value = organization.get(&first, &token).await?.error_for_status()?.json().await?;
        let next = page["nextPage"].as_str().expect("a next page");
        assert_eq!((next.starts_with(path), page["results"].as_array().map(Vec::len)), (links, Some(25)));
        let next = if links { next.to_owned() } else { format!("{path}?q64={next}") };
        let page: Value = organization.get(&next, &token).await?.error_for_status()?.json().await?;
        assert_eq!((&page["pageNumber"], page["results"].as_array().map(Vec::len)), (&2.into(), Some(5)));
        assert!(page.get("nextPage").is_none());
    }
    for wrong in ["", "?q64=", "?q64=not-base64!", "?q64=e30=", "?pageNumber=2"] {
        assert_eq!(organization.get(&format!("{path}{wrong}"), &token).await?.status(), 400, "{wrong}");
    }
    Ok(())
}
