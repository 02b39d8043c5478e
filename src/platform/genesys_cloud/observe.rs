//! Observes the answers of Genesys Cloud that the rotation depends on.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::CACHE_CONTROL;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::idle::IDLE_TIMEOUT;
use super::validate::TOKENS_ME;
use super::{GenesysCloud, Region};
use crate::platform::http::{PlatformResponse, correlation_id, send};
use crate::platform::response::plain_code;
use crate::platform::token_response::{TokenShape, presence};
use crate::rotation::{IssuedToken, KeyPair, Observation, Result};
use crate::secret::SecretString;

/// A client and a token that do not exist.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";
const NOT_A_TOKEN: &str = "genesys-rotator-doctor-sends-no-token-here";
/// How long a revoked token may still be accepted, and the wait between two looks.
const REVOCATION: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_secs(1);
/// The fields of a client in `tokens/me` (Platform API, OrgOAuthClient).
const CLIENT_FIELDS: [&str; 12] = [
    "authorizedGrantType",
    "createdBy",
    "dateCreated",
    "dateModified",
    "dateToDelete",
    "id",
    "modifiedBy",
    "name",
    "organization",
    "roleDivisions",
    "scope",
    "state",
];

#[derive(Deserialize, Default)]
struct LoginErrorCode {
    error: Option<String>,
}

#[derive(Deserialize, Default)]
struct TokenInfo {
    #[serde(rename = "OAuthClient", default)]
    client: Map<String, Value>,
    #[serde(rename = "dateTokenIdles")]
    idles: Option<IgnoredAny>,
}

#[derive(Deserialize, Default)]
struct ShownClient {
    secret: Option<IgnoredAny>,
}

impl GenesysCloud {
    pub(in crate::platform) async fn observe_issue(
        &self,
        region: &str,
        client: &KeyPair,
    ) -> Result<(IssuedToken, Vec<Observation>)> {
        let region = Region::parse(region)?;
        let response = self.request_token(region, client).await?;
        let token = self.issued(&response, region).await?;
        let shape = TokenShape::of(&response);
        let nobody = KeyPair { id: NOBODY.to_owned(), secret: NOT_A_TOKEN.into() };
        let rejected = self.request_token(region, &nobody).await;
        let cache = response.headers.get(CACHE_CONTROL).map(|value| value.as_bytes() == b"no-store");
        let cache = cache.map_or("absent", |is_no_store| if is_no_store { "no-store" } else { "another value" });
        let seen = vec![
            Observation::new("genesys-cloud.token.token_type", &["bearer", "Bearer"], &token.token_type),
            Observation::new("genesys-cloud.token.expires_in", &["a number", "a text"], shape.expires_in()),
            Observation::new("genesys-cloud.token.refresh_token", &["absent"], shape.refresh_token()),
            Observation::new("genesys-cloud.token.cache-control", &["no-store", "absent", "another value"], cache),
            Observation::new(
                "genesys-cloud.correlation-id",
                &["present", "absent"],
                presence(correlation_id(&response.headers).is_some()),
            ),
            Observation::new("genesys-cloud.token.unknown-client", &["400 invalid_client", "401 invalid_client"], {
                rejected.map_or_else(|error| error.kind().name().to_owned(), |response| login_error(&response))
            }),
        ];
        Ok((token, seen))
    }

    pub(in crate::platform) async fn observe_token(
        &self,
        region: &str,
        client_id: &str,
        token: &SecretString,
    ) -> Result<Vec<Observation>> {
        let region = Region::parse(region)?;
        let get = |path: &str, token: &SecretString| self.call(region, Method::GET, path, token);
        let me = send(get("/api/v2/users/me", token)?).await?;
        let own = send(get(&format!("{TOKENS_ME}?preserveIdleTTL=true"), token)?).await?;
        let timeout = send(get(IDLE_TIMEOUT, token)?).await?;
        let head = send(self.call(region, Method::HEAD, TOKENS_ME, token)?).await?;
        let client = send(get(&format!("/api/v2/oauth/clients/{client_id}"), token)?).await?;
        let rejected = send(get(TOKENS_ME, &NOT_A_TOKEN.into())?).await?;
        let info: TokenInfo = serde_json::from_slice(&own.body).unwrap_or_default();
        let is_own = info.client.get("id").and_then(Value::as_str).is_some_and(|id| id.eq_ignore_ascii_case(client_id));
        let others = info.client.keys().filter(|name| !CLIENT_FIELDS.contains(&name.as_str()));
        let others: Vec<_> = others.map(|name| plain_code(name.clone())).collect();
        Ok(vec![
            Observation::new("genesys-cloud.users-me", &["400 not.a.user", "200"], status_and_code(&me)),
            Observation::new("genesys-cloud.tokens-me", &["200"], status_and_code(&own)),
            Observation::new("genesys-cloud.tokens-me.client", &["the token's"], {
                if is_own { "the token's" } else { "another or none" }
            }),
            Observation::new("genesys-cloud.tokens-me.unknown-fields", &["none"], {
                if others.is_empty() { "none".to_owned() } else { others.join(", ") }
            }),
            Observation::new(
                "genesys-cloud.tokens-me.dateTokenIdles",
                &["absent", "present"],
                presence(info.idles.is_some()),
            ),
            Observation::new(
                "genesys-cloud.tokens-timeout",
                &["200", "403 missing.permissions", "403 missing.any.permissions"],
                status_and_code(&timeout),
            ),
            Observation::new("genesys-cloud.tokens-me.head", &["200", "204"], status_and_code(&head)),
            Observation::new(
                "genesys-cloud.rate-limit-headers",
                &["present", "absent"],
                presence(own.headers.contains_key("inin-ratelimit-allowed")),
            ),
            Observation::new("genesys-cloud.invalid-token", &["401 bad.credentials"], status_and_code(&rejected)),
            Observation::new(
                "genesys-cloud.oauth-client",
                &["200 without its secret", "200 with its secret", "403 missing.permissions", "404 client.not.found"],
                shown_client(&client),
            ),
        ])
    }

    pub(in crate::platform) async fn observe_revocation(
        &self,
        region: &str,
        token: &SecretString,
    ) -> Result<Vec<Observation>> {
        let region = Region::parse(region)?;
        let revoked = send(self.call(region, Method::DELETE, TOKENS_ME, token)?).await?;
        let began = Instant::now();
        let end = loop {
            let looked = send(self.call(region, Method::GET, TOKENS_ME, token)?).await?;
            match (looked.status.as_u16(), began.elapsed()) {
                (401, elapsed) if elapsed < POLL => break "rejected at once",
                (401, _) => break "rejected within 10 s",
                (_, elapsed) if elapsed > REVOCATION => break "accepted after 10 s",
                _ => sleep(POLL).await,
            }
        };
        Ok(vec![
            Observation::new("genesys-cloud.revocation", &["200", "204"], status_and_code(&revoked)),
            Observation::new("genesys-cloud.revoked-token", &["rejected at once", "rejected within 10 s"], end),
        ])
    }
}

fn status_and_code(response: &PlatformResponse) -> String {
    format!("{} {}", response.status.as_u16(), response.code()).trim_end().to_owned()
}

fn login_error(response: &PlatformResponse) -> String {
    let body: LoginErrorCode = serde_json::from_slice(&response.body).unwrap_or_default();
    format!("{} {}", response.status.as_u16(), plain_code(body.error.unwrap_or_default())).trim_end().to_owned()
}

fn shown_client(response: &PlatformResponse) -> String {
    if !response.status.is_success() {
        return status_and_code(response);
    }
    let client: ShownClient = serde_json::from_slice(&response.body).unwrap_or_default();
    format!("200 {} its secret", if client.secret.is_some() { "with" } else { "without" })
}
