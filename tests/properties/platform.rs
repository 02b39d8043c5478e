//! The platforms' answers: any status with any headers and any body.

use std::net::TcpListener;
use std::time::Duration;

use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::{
    AccessKeys, ClientSecrets, Credentials, CxoneGrant, ErrorKind, KeyOwner, KeyPair, Place, Probe, Result,
    Retryability, TokenDuration, TokenIssuer, TokenKind,
};
use genesys_rotator::secret::SecretString;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::json::{object, quote, value};
use crate::server::{Answer, ECHO, Server, answer};
use crate::{HUSH, holds, said};

const CODES: [&str; 14] = [
    "not.a.user",
    "bad.credentials",
    "authentication.required",
    "ip.not.authorized",
    "missing.permissions",
    "app.not.authorized.for.scope",
    "too.many.requests.retry.after",
    "invalid_client",
    "invalid_request",
    "unauthorized_client",
    "invalid.value",
    "rate limit exceeded; slow down",
    "Access denied, needs routing:skill:view or [routing:queue:edit].",
    "",
];

#[derive(Clone, Debug)]
struct Call {
    operation: usize,
    /// Genesys Cloud, and the three logins of CXone.
    place: usize,
}

/// A value of one of the fields that some answer has.
fn field_value(trap: String) -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(CODES.to_vec()).prop_map(quote),
        2 => any::<u64>().prop_map(|number| number.to_string()),
        1 => any::<String>().prop_map(|text| quote(format!("{text}{HUSH}"))),
        1 => Just(quote(HUSH)),
        1 => Just(quote(ECHO).replace("\\n", "\n")),
        1 => prop::sample::select(vec!["https://cxone.niceincontact.com/x".to_owned(), trap]).prop_map(quote),
        1 => Just(quote("client")),
        1 => value(),
    ]
}

fn body(trap: String) -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "access_token",
        "token_type",
        "expires_in",
        "error",
        "description",
        "error_description",
        "message",
        "code",
        "status",
        "contextId",
        "id",
        "secret",
        "OAuthClient",
        "resultSet",
        "accessKeyId",
        "accessKeySecret",
        "userId",
        "tenantId",
        "token_endpoint",
        "api_endpoint",
        "accessTokenValiditySeconds",
        "entities",
    ];
    let fields = || {
        vec((prop::sample::select(names.to_vec()).prop_map(str::to_owned), field_value(trap.clone())), 0..6)
            .prop_map(object)
    };
    let nested =
        (prop::sample::select(names.to_vec()).prop_map(str::to_owned), fields()).prop_map(|field| object([field]));
    prop_oneof![
        4 => fields().prop_map(String::into_bytes),
        1 => nested.prop_map(String::into_bytes),
        1 => Just(format!("<html>{ECHO}</html>").into_bytes()),
        1 => vec(any::<u8>(), 0..64),
        1 => fields().prop_map(|text| text.into_bytes().into_iter().rev().skip(1).rev().collect()),
    ]
}

fn headers(trap: String) -> impl Strategy<Value = Vec<(String, String)>> {
    let plain = "[ -~]{0,24}";
    let header = prop_oneof![
        ("retry-after", crate::json::regex("([0-9]{1,22}|Sun, 06 Nov 1994 08:49:37 GMT|[ -~]{0,9})")),
        ("content-type", crate::json::regex("(application/json|text/html; charset=x|[ -~]{0,24})")),
        ("inin-correlation-id", prop_oneof![Just(HUSH.to_owned()), crate::json::regex("[ -~]{0,80}")]),
        ("location", Just(trap)),
        ("set-cookie", crate::json::regex(plain)),
    ];
    vec(header.prop_map(|(name, value)| (name.to_owned(), value)), 0..3)
}

fn answers(trap: String) -> impl Strategy<Value = Vec<Answer>> {
    let status = prop_oneof![
        4 => prop::sample::select(vec![200, 201, 204, 302, 307, 400, 401, 403, 404, 409, 429, 500, 502, 503]),
        1 => 200..600_u16,
    ];
    let whole = (status, headers(trap.clone()), body(trap));
    let one = prop_oneof![
        8 => whole.prop_map(|(status, headers, body)| answer(status, &headers, &body)),
        1 => vec(any::<u8>(), 0..64).prop_map(Answer),
    ];
    vec(one, 1..4)
}

fn call() -> impl Strategy<Value = Call> {
    (0..9_usize, 0..4_usize).prop_map(|(operation, place)| Call { operation, place })
}

fn credentials(place: usize) -> Credentials {
    let pair = |id: &str| KeyPair { id: id.to_owned(), secret: SecretString::from(format!("{HUSH} {id}")) };
    let (client, access_key) = (pair("client"), pair("key===="));
    let grant = match place {
        0 => return Credentials::GenesysCloud { region: "eu-west-1".to_owned(), client },
        1 => CxoneGrant::BackEnd { issuer: "https://cxone.niceincontact.com".to_owned(), client, access_key },
        2 => CxoneGrant::UserHub { area: "na1".to_owned(), access_key },
        _ => CxoneGrant::ClientCredentials { realm: "us-22".to_owned(), client },
    };
    Credentials::Cxone { grant, tenant_id: Some("tenant".to_owned()) }
}

/// Makes one call. What it returned is printed, and never holds a secret.
async fn made(platforms: &Platforms, call: &Call) -> Result<String> {
    let credentials = credentials(call.place);
    let place: Place = credentials.place();
    let token = SecretString::from(format!("{HUSH}.token"));
    let owner = KeyOwner { user_id: "user".to_owned(), tenant_id: "tenant".to_owned() };
    let probes = [Probe::parse("GET /api/v2/x").expect("a probe")];
    let generated = TokenKind::Generated { resource_owner: "owner".to_owned() };
    match call.operation {
        0 => platforms.issue(&credentials).await.map(|token| format!("{:?}", token.access_token)),
        1 => platforms.verify(&credentials, &token, &probes).await.map(|()| String::new()),
        2 => platforms.revoke(&place, &token).await.map(|()| String::new()),
        3 => platforms
            .issue_long_lived(&place, &token, &generated)
            .await
            .map(|token| format!("{:?}", token.access_token)),
        4 => platforms.regenerate(&place, "client", &token).await.map(|secret| format!("{secret:?}")),
        5 => platforms.create_access_key(&place, &owner, &token).await.map(|key| format!("{:?}", key.secret)),
        6 => platforms.delete_access_key(&place, "key====", &token).await.map(|()| String::new()),
        7 => platforms.token_duration(&place, "client", &token).await.map(|duration| format!("{duration:?}")),
        _ => {
            let day = Duration::from_secs(86_400);
            platforms.set_token_duration(&place, "client", &token, day).await.map(|duration| format!("{duration:?}"))
        }
    }
}

#[test]
fn no_answer_makes_a_call_panic_show_a_secret_or_reach_another_host() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::start());
    let trap = TcpListener::bind("127.0.0.1:0").expect("a free port");
    trap.set_nonblocking(true).expect("a socket");
    let trap_url = format!("http://{}/trap", trap.local_addr().expect("an address"));
    let endpoints = Endpoints::from_lookup(|_| Some(server.url.clone())).expect("loopback");
    holds(crate::one_of(2), file!(), (call(), answers(trap_url)), |(call, answers)| {
        server.answer(answers.clone());
        // A client of its own: another call's discovery is not cached.
        let platforms = Platforms::new(endpoints.clone());
        let result = runtime.block_on(made(&platforms, &call));
        prop_assert!(trap.accept().is_err(), "another host was called");
        let all = |first: char| {
            answers.iter().all(|one| {
                one.0.get(9).is_some_and(|digit| char::from(*digit) == first) && one.0.starts_with(b"HTTP/1.1")
            })
        };
        match &result {
            Ok(printed) => {
                prop_assert!(!printed.contains(HUSH), "{}", printed);
                prop_assert!(server.requested().is_empty() || !(all('5') || all('3')), "{printed}");
            }
            Err(error) => {
                let said = said(error);
                prop_assert!(!said.contains(HUSH) && !said.contains("1NWhoVXNo"), "{}", said);
                prop_assert!(!error.hint().is_empty() && !error.to_string().contains(char::is_control));
                if !server.requested().is_empty() && all('3') {
                    prop_assert_eq!(
                        (error.kind(), error.retryability()),
                        (ErrorKind::PlatformUnavailable, Retryability::Permanent)
                    );
                }
            }
        }
        Ok(())
    });
}
