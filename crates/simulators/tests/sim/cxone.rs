//! The CXone simulator, through real HTTP.

use std::error::Error;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use simulators::{Simulation, SimulationSettings};

type Test = Result<(), Box<dyn Error>>;

const CLIENT: (&str, &str) = ("app@nice", "app-secret");
const KEY: (&str, &str) = ("KEYID====", "KEYSECRET+/====");
const BUSINESS_UNIT: &str = "/incontactapi/services/v27.0/business-unit";
const ACCESS_KEYS: &str = "/access-key-management/v1/access-keys";

struct Tenant {
    simulation: Simulation,
    http: reqwest::Client,
}

impl Tenant {
    async fn start() -> Result<Self, Box<dyn Error>> {
        let owned = |(id, secret): (&str, &str)| (id.to_owned(), secret.to_owned());
        let settings = SimulationSettings {
            clients: vec![owned(("genesys", "s3cret"))],
            cxone_clients: vec![owned(CLIENT)],
            cxone_access_keys: vec![owned(KEY)],
            ..SimulationSettings::default()
        };
        Ok(Self { simulation: Simulation::start(settings).await?, http: reqwest::Client::new() })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.simulation.genesys_url()))
    }

    async fn back_end(&self, client: (&str, &str), key: (&str, &str)) -> reqwest::Result<Response> {
        let form = [("grant_type", "password"), ("username", key.0), ("password", key.1)];
        self.request(Method::POST, "/auth/token").basic_auth(client.0, Some(client.1)).form(&form).send().await
    }

    async fn user_hub(&self, body: &Value) -> reqwest::Result<Response> {
        self.request(Method::POST, "/authentication/v1/token/access-key").json(body).send().await
    }

    async fn token(&self) -> Result<String, Box<dyn Error>> {
        let answer: Value = self.back_end(CLIENT, KEY).await?.error_for_status()?.json().await?;
        Ok(answer["access_token"].as_str().ok_or("no access_token")?.to_owned())
    }

    async fn get(&self, path: &str, token: &str) -> reqwest::Result<Response> {
        self.request(Method::GET, path).bearer_auth(token).send().await
    }
}

async fn refusal(answer: Response) -> Result<(u16, String), Box<dyn Error>> {
    let status = answer.status().as_u16();
    let body: Value = answer.json().await?;
    Ok((status, body["error"].as_str().ok_or("no error")?.to_owned()))
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn discovery_names_the_token_endpoint_and_the_tenants_api() -> Test {
    let tenant = Tenant::start().await?;
    let openid: Value = tenant.get("/.well-known/openid-configuration", "").await?.json().await?;
    assert_eq!(openid["token_endpoint"], "https://cxone.niceincontact.com/auth/token");
    let id = tenant.simulation.cxone.settings().tenant_id;
    let path = format!("/.well-known/cxone-configuration?tenantId={id}");
    let configuration: Value = tenant.get(&path, "").await?.json().await?;
    assert_eq!(configuration["api_endpoint"], "https://api-na1.niceincontact.com");
    let missing = tenant.get("/.well-known/cxone-configuration", "").await?;
    assert_eq!(refusal(missing).await?, refused(400, "invalid_request"));
    let unknown = tenant.get("/.well-known/cxone-configuration?tenantId=other", "").await?;
    assert_eq!(refusal(unknown).await?, refused(404, "not_found"));
    Ok(())
}

/// The fields of NICE's published types; required ones first, then a bar.
const PUBLISHED: [(&str, &str); 6] = [
    (
        "openid",
        "| issuer authorization_endpoint token_endpoint token_endpoint_auth_methods_supported \
        token_endpoint_auth_signing_alg_values_supported end_session_endpoint scopes_supported response_types_supported \
        subject_types_supported id_token_signing_alg_values_supported request_object_signing_alg_values_supported \
        display_values_supported claim_types_supported",
    ),
    (
        "configuration",
        "private ui_endpoint auth_endpoint api_endpoint domain uhDomain \
        | area cluster acdDomain tenantId globaldomain",
    ),
    ("token", "access_token token_type refresh_token expires_in id_token | issued_token_type"),
    ("error", "| error errorDescription"),
    ("key", "| accessKeySecret userId tenantId agentId billingId isActive lastUsedDate"),
    ("new key", "| accessKeyId accessKeySecret userId tenantId agentId billingId isActive"),
];

fn assert_published(name: &str, answer: &Value) {
    let (_, fields) = PUBLISHED.iter().find(|(known, _)| *known == name).expect("a published type");
    let (required, optional) = fields.split_once('|').expect("a bar");
    let names: Vec<_> = answer.as_object().expect("an object").keys().map(String::as_str).collect();
    let is_known =
        |name: &&str| required.split_whitespace().chain(optional.split_whitespace()).any(|known| known == *name);
    assert!(names.iter().all(is_known), "{name}: {names:?}");
    assert!(required.split_whitespace().all(|required| names.contains(&required)), "{name}: {names:?}");
}

#[tokio::test]
async fn answers_have_the_fields_of_the_published_types() -> Test {
    let tenant = Tenant::start().await?;
    let tenant_id = tenant.simulation.cxone.settings().tenant_id;
    assert_published("openid", &tenant.get("/.well-known/openid-configuration", "").await?.json().await?);
    let path = format!("/.well-known/cxone-configuration?tenantId={tenant_id}");
    assert_published("configuration", &tenant.get(&path, "").await?.json().await?);
    assert_published("error", &tenant.back_end((CLIENT.0, "wrong"), KEY).await?.json().await?);
    let answer: Value = tenant.back_end(CLIENT, KEY).await?.json().await?;
    assert_published("token", &answer);
    let token = answer["access_token"].as_str().ok_or("no access_token")?;
    let keys = "/access-key-management/v1/access-keys";
    let shown: Value = tenant.get(&format!("{keys}/{}", KEY.0), token).await?.json().await?;
    assert_published("key", &shown["resultSet"]);
    let wanted = json!({"userId": shown["resultSet"]["userId"], "tenantId": tenant_id});
    let made: Value = tenant.request(Method::POST, keys).bearer_auth(token).json(&wanted).send().await?.json().await?;
    assert_published("new key", &made["resultSet"]);
    Ok(())
}

#[tokio::test]
async fn a_token_has_claims_and_expires_after_an_hour() -> Test {
    let tenant = Tenant::start().await?;
    let answer: Value = tenant.back_end(CLIENT, KEY).await?.json().await?;
    assert_eq!((&answer["expires_in"], &answer["token_type"]), (&json!(3_600), &json!("Bearer")));
    assert!(answer["refresh_token"].is_string());
    let token = answer["access_token"].as_str().ok_or("no access_token")?;
    let payload = token.split('.').nth(1).ok_or("no payload")?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?;
    let names: Vec<_> = claims.as_object().ok_or("no claims")?.keys().map(String::as_str).collect();
    assert_eq!(names, ["iss", "sub", "tenantId", "icBUId", "area", "exp"]);
    assert_eq!(tenant.get(BUSINESS_UNIT, token).await?.status(), 200);
    tenant.simulation.cxone.advance(Duration::from_secs(3_600));
    assert_eq!(refusal(tenant.get(BUSINESS_UNIT, token).await?).await?, refused(401, "invalid_token"));
    Ok(())
}

#[tokio::test]
async fn each_wrong_back_end_request_has_its_own_error() -> Test {
    let tenant = Tenant::start().await?;
    let rows = [
        (("other", "app-secret"), KEY, refused(401, "invalid_client")),
        ((CLIENT.0, "wrong"), KEY, refused(401, "invalid_client")),
        (CLIENT, ("other====", KEY.1), refused(400, "invalid_grant")),
        (CLIENT, (KEY.0, "KEYSECRET+/"), refused(400, "invalid_grant")),
    ];
    for (client, key, expected) in rows {
        assert_eq!(refusal(tenant.back_end(client, key).await?).await?, expected);
    }
    let request = || tenant.request(Method::POST, "/auth/token").basic_auth(CLIENT.0, Some(CLIENT.1));
    let json = request().json(&json!({"grant_type": "password", "username": KEY.0, "password": KEY.1}));
    assert_eq!(refusal(json.send().await?).await?, refused(400, "invalid_request"));
    let bare = format!("grant_type=password&username={}&password={}", KEY.0, KEY.1);
    let form = "application/x-www-form-urlencoded";
    let bare = request().header("content-type", form).body(bare).send().await?;
    assert_eq!(refusal(bare).await?, refused(400, "invalid_request"), "the key is not URL-encoded");
    let grant = request().form(&[("grant_type", "magic")]).send().await?;
    assert_eq!(refusal(grant).await?, refused(400, "unsupported_grant_type"));
    assert_eq!(tenant.get("/auth/token", "").await?.status(), 405);
    assert_eq!(tenant.simulation.cxone.minted(), 0);
    Ok(())
}

#[tokio::test]
async fn user_hub_accepts_an_access_key_only_as_json() -> Test {
    let tenant = Tenant::start().await?;
    let body = json!({"accessKeyId": KEY.0, "accessKeySecret": KEY.1});
    assert_eq!(tenant.user_hub(&body).await?.status(), 200);
    let wrong = json!({"accessKeyId": KEY.0, "accessKeySecret": "wrong"});
    assert_eq!(refusal(tenant.user_hub(&wrong).await?).await?, refused(401, "invalid_grant"));
    let form = tenant.request(Method::POST, "/authentication/v1/token/access-key").form(&[("accessKeyId", KEY.0)]);
    assert_eq!(refusal(form.send().await?).await?, refused(400, "invalid_request"));
    Ok(())
}

#[tokio::test]
async fn the_client_id_decides_which_platform_gets_a_token_request() -> Test {
    let tenant = Tenant::start().await?;
    let form = |id, secret| [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let ask = async |id, secret| tenant.request(Method::POST, "/oauth/token").form(&form(id, secret)).send().await;
    assert_eq!(ask(CLIENT.0, CLIENT.1).await?.status(), 200);
    assert_eq!(ask("genesys", "s3cret").await?.status(), 200);
    assert_eq!((tenant.simulation.cxone.minted(), tenant.simulation.genesys.minted()), (1, 1));
    let json = json!({"grant_type": "client_credentials", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    let json = tenant.request(Method::POST, "/oauth/token").json(&json).send().await?;
    assert_eq!(refusal(json).await?, refused(400, "invalid_request"));
    Ok(())
}

#[tokio::test]
async fn an_access_key_is_created_disabled_and_deleted() -> Test {
    let tenant = Tenant::start().await?;
    let token = tenant.token().await?;
    let user = tenant.simulation.cxone.access_keys()[0].user_id.clone();
    let tenant_id = tenant.simulation.cxone.settings().tenant_id;
    let wanted = json!({"userId": user, "tenantId": tenant_id});
    let made = tenant.request(Method::POST, ACCESS_KEYS).bearer_auth(&token).json(&wanted).send().await?;
    let made: Value = made.error_for_status()?.json().await?;
    let id = made["resultSet"]["accessKeyId"].as_str().ok_or("no id")?.to_owned();
    let secret = made["resultSet"]["accessKeySecret"].as_str().ok_or("no secret")?.to_owned();
    assert!(id.ends_with("====") && secret.ends_with("===="));
    let key = json!({"accessKeyId": id, "accessKeySecret": secret});
    assert_eq!(tenant.user_hub(&key).await?.status(), 200, "both keys work");
    assert_eq!(tenant.user_hub(&json!({"accessKeyId": KEY.0, "accessKeySecret": KEY.1})).await?.status(), 200);
    let listed: Value = tenant.get(&format!("{ACCESS_KEYS}?userId={user}"), &token).await?.json().await?;
    assert_eq!(listed["totalRecords"], 2);
    assert!(!listed.to_string().contains(&secret), "the secret is returned only once");
    let query = format!("{ACCESS_KEYS}?accessKeyId={}", id.replace('=', "%3D"));
    let off = tenant.request(Method::PATCH, &query).bearer_auth(&token);
    assert_eq!(off.json(&json!({"isActive": false})).send().await?.status(), 200);
    assert_eq!(tenant.user_hub(&key).await?.status(), 401);
    let path = format!("{ACCESS_KEYS}/{}", id.replace('=', "%3D"));
    let read: Value = tenant.get(&path, &token).await?.json().await?;
    assert_eq!(read["resultSet"]["isActive"], false);
    let delete = async || tenant.request(Method::DELETE, &path).bearer_auth(&token).send().await;
    assert_eq!(delete().await?.status(), 204);
    assert_eq!(delete().await?.status(), 404);
    assert_eq!(tenant.get(ACCESS_KEYS, "wrong").await?.status(), 401);
    assert_eq!(tenant.simulation.journal.count(&format!("DELETE {ACCESS_KEYS}/{{id}}")), 2);
    Ok(())
}

#[tokio::test]
async fn access_keys_per_user_are_limited() -> Test {
    let tenant = Tenant::start().await?;
    let token = tenant.token().await?;
    tenant.simulation.cxone.set(|settings| settings.access_keys_per_user = 1);
    let user = tenant.simulation.cxone.access_keys()[0].user_id.clone();
    let wanted = json!({"userId": user, "tenantId": tenant.simulation.cxone.settings().tenant_id});
    let one_more = tenant.request(Method::POST, ACCESS_KEYS).bearer_auth(&token).json(&wanted).send().await?;
    assert_eq!(refusal(one_more).await?, refused(400, "limit_exceeded"));
    Ok(())
}

#[tokio::test]
async fn rate_limits_return_retry_after() -> Test {
    let tenant = Tenant::start().await?;
    tenant.simulation.cxone.set(|settings| {
        settings.token_requests_per_minute = Some(1);
        settings.requests_per_minute = Some(1);
    });
    let token = tenant.token().await?;
    let refused = tenant.back_end(CLIENT, KEY).await?;
    assert_eq!(refused.status(), 429);
    let seconds: u64 = refused.headers()["retry-after"].to_str()?.parse()?;
    assert!((1..=60).contains(&seconds));
    assert_eq!(tenant.get(BUSINESS_UNIT, &token).await?.status(), 200);
    assert_eq!(tenant.get(BUSINESS_UNIT, &token).await?.status(), 429);
    tenant.simulation.cxone.advance(Duration::from_secs(60));
    assert_eq!(tenant.get(BUSINESS_UNIT, &token).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn the_control_surface_configures_it() -> Test {
    let tenant = Tenant::start().await?;
    let steer = async |method: Method, path: &str, body: Value| {
        tenant.request(method, &format!("/_sim/cxone{path}")).body(body.to_string()).send().await
    };
    let knobs = json!({"token_lifetime": 60, "expires_in": "text", "opaque_tokens": true});
    assert_eq!(steer(Method::PATCH, "", knobs).await?.status(), 204);
    assert_eq!(steer(Method::POST, "/clients", json!({"id": "second", "secret": "x"})).await?.status(), 204);
    assert_eq!(steer(Method::POST, "/access-keys", json!({"id": "k", "secret": "y"})).await?.status(), 204);
    let answer: Value = tenant.back_end(("second", "x"), ("k", "y")).await?.json().await?;
    assert_eq!(answer["expires_in"], "60");
    let token = answer["access_token"].as_str().ok_or("no access_token")?;
    assert!(!token.contains('.'));
    let shown: Value = steer(Method::GET, "", Value::Null).await?.json().await?;
    assert_eq!((&shown["live_tokens"], &shown["clients"]), (&json!(1), &json!([CLIENT.0, "second"])));
    assert!(!shown.to_string().contains(token) && !shown.to_string().contains(KEY.1));
    assert_eq!(steer(Method::POST, "/advance", json!({"seconds": 60})).await?.status(), 204);
    assert!(tenant.simulation.cxone.live_tokens().is_empty());
    assert_eq!(steer(Method::PATCH, "", json!({"no_such_knob": 1})).await?.status(), 400);
    assert_eq!(steer(Method::GET, "/nothing", Value::Null).await?.status(), 404);
    Ok(())
}
