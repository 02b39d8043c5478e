//! The idle time-out of tokens (Platform API, `TokenInfo.dateTokenIdles` and `IdleTokenTimeout`).

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::DATE;
use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
#[cfg(feature = "operator")]
use std::time::Duration;

use super::validate::TOKENS_ME;
use super::{GenesysCloud, Region};
use crate::platform::http::{PlatformResponse, send};
use crate::rotation::{IdleEnd, Result};
use crate::secret::SecretString;

#[cfg(feature = "operator")]
pub(super) const IDLE_TIMEOUT: &str = "/api/v2/tokens/timeout";

#[derive(Deserialize)]
struct TokenInfo {
    /// Without a client, the answer does not come from the platform.
    #[serde(rename = "OAuthClient")]
    _client: serde::de::IgnoredAny,
    #[serde(rename = "dateTokenIdles", default)]
    idles: Value,
}

#[cfg(feature = "operator")]
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IdleTokenTimeout {
    #[serde(default)]
    enable_idle_token_timeout: bool,
    idle_token_timeout_seconds: Option<u64>,
}

impl GenesysCloud {
    /// Uses a token: without `preserveIdleTTL`, this request restarts the token's idle time-out.
    pub(super) async fn use_token(&self, region: Region, token: &SecretString) -> Result<Option<IdleEnd>> {
        read_idle_end(&send(self.call(region, Method::GET, TOKENS_ME, token)?).await?)
    }

    /// Reads when a token idles out, and does not restart its idle time-out.
    #[cfg(feature = "operator")]
    pub(super) async fn look_at_token(&self, region: Region, token: &SecretString) -> Result<Option<IdleEnd>> {
        read_idle_end(
            &send(self.call(region, Method::GET, &format!("{TOKENS_ME}?preserveIdleTTL=true"), token)?).await?,
        )
    }

    /// Returns `None` if the organization has no idle time-out, or if the token may not read it.
    #[cfg(feature = "operator")]
    pub(super) async fn read_idle_timeout(&self, region: Region, token: &SecretString) -> Result<Option<Duration>> {
        let response = send(self.call(region, Method::GET, IDLE_TIMEOUT, token)?).await?;
        match response.status {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN if response.code().starts_with("missing.") => return Ok(None),
            _ => return Err(response.diagnose(IDLE_TIMEOUT)),
        }
        let setting: IdleTokenTimeout = response.json(IDLE_TIMEOUT)?;
        let seconds = setting.idle_token_timeout_seconds.filter(|_| setting.enable_idle_token_timeout);
        Ok(seconds.map(Duration::from_secs))
    }
}

fn read_idle_end(response: &PlatformResponse) -> Result<Option<IdleEnd>> {
    if response.status != StatusCode::OK {
        return Err(response.diagnose(TOKENS_ME));
    }
    let info: TokenInfo = response.json(TOKENS_ME)?;
    let at: Option<Timestamp> = info.idles.as_str().and_then(|date| date.parse().ok());
    Ok(at.map(|at| IdleEnd { at, said_at: date_of(response) }))
}

fn date_of(response: &PlatformResponse) -> Option<Timestamp> {
    let date = response.headers.get(DATE)?.to_str().ok()?;
    Some(rfc2822::parse(date).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;
    use crate::rotation::ErrorKind;

    fn answered(status: StatusCode, date: Option<&'static str>, body: &str) -> Result<Option<IdleEnd>> {
        let headers = date.map(|date| (DATE, HeaderValue::from_static(date)));
        let body = body.as_bytes().to_vec().into();
        read_idle_end(&PlatformResponse { status, headers: HeaderMap::from_iter(headers), body })
    }

    #[test]
    fn the_idle_end_is_read_with_the_date_of_the_answer() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        for (body, expected) in [
            (r#"{"OAuthClient":{},"dateTokenIdles":"1994-11-06T09:04:37.000Z"}"#, Some("1994-11-06T09:04:37Z")),
            (r#"{"OAuthClient":{},"dateTokenIdles":null}"#, None),
            (r#"{"OAuthClient":{},"dateTokenIdles":"soon"}"#, None),
            (r#"{"OAuthClient":{}}"#, None),
        ] {
            let end = answered(StatusCode::OK, date, body).expect(body);
            let expected = expected.map(|end| IdleEnd { at: at(end), said_at: Some(at("1994-11-06T08:49:37Z")) });
            assert_eq!(end, expected, "{body}");
        }
        let without = answered(StatusCode::OK, None, r#"{"OAuthClient":{},"dateTokenIdles":"1994-11-06T09:04:37Z"}"#);
        assert_eq!(without.expect("a token").and_then(|end| end.said_at), None);
    }

    #[test]
    fn only_the_platform_confirms_a_use() {
        for (status, body, kind) in [
            (StatusCode::OK, "<html>", ErrorKind::PlatformUnavailable),
            (StatusCode::OK, "{}", ErrorKind::PlatformUnavailable),
            (StatusCode::UNAUTHORIZED, r#"{"code":"bad.credentials"}"#, ErrorKind::TokenRejected),
            (StatusCode::TOO_MANY_REQUESTS, "{}", ErrorKind::RateLimited),
        ] {
            let used = answered(status, None, body);
            assert_eq!(used.expect_err(body).kind(), kind, "{status} {body}");
        }
    }
}
