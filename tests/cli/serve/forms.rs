//! Requests as other programs send them, and what of them reaches the platform.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use reqwest::header::{CONTENT_ENCODING, LOCATION, RETRY_AFTER, SET_COOKIE};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Serving, rotated, stored};
use crate::Scene;

/// A platform that answers each request with what it has received. Returns its address.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            let service = service_fn(|request| async { Ok::<_, Infallible>(reflect(request).await) });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    url
}

async fn reflect(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let mut headers = BTreeMap::<_, Vec<_>>::new();
    for (name, value) in &head.headers {
        headers.entry(name.to_string()).or_default().push(value.to_str().expect("text").to_owned());
    }
    let seen = json!({
        "method": head.method.as_str(), "target": head.uri.to_string(), "headers": headers, "body": body.to_vec(),
    });
    let answer = Response::builder().header(SET_COOKIE, "a=1").header(SET_COOKIE, "b=2");
    let answer = match head.uri.path() {
        "/api/moved" => answer.status(302).header(LOCATION, "https://elsewhere.example/api/v2/x"),
        "/api/limited" => answer.status(429).header(RETRY_AFTER, "7"),
        // Not gzip: decoding it would fail.
        "/api/encoded" => answer.header(CONTENT_ENCODING, "gzip"),
        _ => answer,
    };
    answer.header("Connection", "x-hop").header("X-Hop", "1").body(seen.to_string().into()).expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_the_platform_unchanged_except_for_its_token() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let upstream = mirror().await;
    let serving = Serving::begin_with(&scene, &[&typed], &[("ROTATOR_API_URL", &upstream)]).await;
    let (id, secret) = serving.client.clone();
    let request = |method: &str, target: &str| {
        let method = method.parse().expect("a method");
        let request = serving.http.request(method, format!("{}{target}", serving.url));
        request.basic_auth(&id, Some(&secret)).header("Accept", "application/json")
    };
    let target = "/api/v2/a%2Fb;c/%C3%A9?x=1&x=%20&y=a/b?c";
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let body = format!("\u{e9}{method}\0");
        let request = request(method, target).header("X-Two", "1").header("X-Two", "2").header("Cookie", "c=1");
        let request = request.header("Connection", "x-hop").header("X-Hop", "1").header("TE", "trailers");
        let request = request.header("User-Agent", "GC Terraform Provider/1").header("Expect", "100-continue");
        let answer = request.header("Accept-Encoding", "br").body(body.clone()).send().await.expect("an answer");
        assert_eq!(answer.headers().get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert!(!answer.headers().contains_key("X-Hop"));
        let seen: Value = answer.json().await.expect("JSON");
        assert_eq!((&seen["method"], &seen["target"]), (&method.into(), &target.into()));
        assert_eq!(seen["body"], json!(body.into_bytes()));
        let headers = seen["headers"].as_object().expect("an object");
        let names: Vec<_> = headers.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "accept",
                "accept-encoding",
                "authorization",
                "content-length",
                "cookie",
                "expect",
                "host",
                "user-agent",
                "x-two"
            ]
        );
        assert_eq!(headers["authorization"], json!([format!("Bearer {}", stored(&path))]));
        assert_eq!(headers["x-two"], json!(["1", "2"]));
        assert_eq!(headers["host"], json!([upstream.strip_prefix("http://").expect("a URL")]));
    }
    let moved = request("GET", "/api/moved").send().await.expect("an answer");
    assert_eq!(
        (moved.status().as_u16(), &moved.headers()[LOCATION]),
        (302, &"https://elsewhere.example/api/v2/x".parse().unwrap())
    );
    let limited = request("GET", "/api/limited").send().await.expect("an answer");
    assert_eq!((limited.status().as_u16(), &limited.headers()[RETRY_AFTER]), (429, &"7".parse().unwrap()));
    let encoded = request("GET", "/api/encoded").send().await.expect("an answer");
    assert_eq!(encoded.headers()[CONTENT_ENCODING], "gzip");
    assert!(encoded.bytes().await.expect("a body").starts_with(b"{"));
    let head = request("HEAD", "/api/v2/x").send().await.expect("an answer");
    assert_eq!(head.status(), StatusCode::OK);
}

/// The provider authorizes each client of its pool with HTTP basic authentication, keeps the tokens, and repeats failed
/// calls (terraform-provider-genesyscloud, `provider.go` and `sdk_client_pool.go`).
#[tokio::test(flavor = "multi_thread")]
async fn the_terraform_providers_pool_outlives_a_rotation() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    let agent = |request: reqwest::RequestBuilder| request.header("User-Agent", "GC Terraform Provider/1.71.1");
    let authorize = async |_| {
        let form = [("grant_type", "client_credentials")];
        let login = agent(serving.http.post(format!("{}/oauth/token", serving.url)));
        let answer = login.basic_auth(&serving.client.0, Some(&serving.client.1)).form(&form).send().await;
        let answer: Value = answer.expect("an answer").json().await.expect("JSON");
        assert!(answer["expires_in"].as_u64().is_some_and(|left| left > 0), "{answer}");
        answer["access_token"].as_str().expect("a token").to_owned()
    };
    let pool = join_all((0..10).map(authorize)).await;
    assert!(pool.iter().all(|token| *token == stored(&path)));
    for _ in 0..2 {
        let done = scene.run(&["rotate", "--yes", "--revoke-previous", &typed]).await;
        assert_eq!(done.exit, Some(0), "{}", done.stderr);
        let calls = pool.iter().map(|token| {
            let call = agent(serving.http.get(format!("{}/api/v2/tokens/me", serving.url)));
            call.bearer_auth(token).header("TF-Correlation-Id", "3f3c8a52-0001-4e71-9d0c-6f2b3c9d1e10").send()
        });
        let statuses = join_all(calls).await.into_iter().map(|answer| answer.expect("an answer").status());
        assert!(statuses.into_iter().all(|status| status == StatusCode::OK));
    }
}

/// Connectors send their credentials in the header or in the form, and often a scope.
#[tokio::test(flavor = "multi_thread")]
async fn kafka_connectors_log_in_by_header_or_by_form() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    let (id, secret) = (serving.client.0.as_str(), serving.client.1.as_str());
    let by_header = [("grant_type", "client_credentials"), ("scope", "any")];
    let by_form =
        [("scope", "any"), ("client_id", id), ("grant_type", "client_credentials"), ("client_secret", secret)];
    let login = || serving.http.post(format!("{}/oauth/token", serving.url));
    for request in [login().basic_auth(id, Some(secret)).form(&by_header), login().form(&by_form)] {
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        assert_eq!((answer["access_token"].as_str(), &answer["token_type"]), (Some(&*stored(&path)), &"bearer".into()));
    }
    let wrong = login().form(&[("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "x")]);
    let wrong: Value = wrong.send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(wrong["error"], "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_to_cxone_keep_their_paths() {
    let scene = Scene::new().await;
    let document = crate::cxone::document(crate::cxone::CLIENT, crate::cxone::KEY);
    let path = crate::write(scene.directory.path(), "cxone.json", &document.to_string());
    let typed = format!("file:{}", path.display());
    let done = scene.run(&["rotate", &typed]).await;
    assert_eq!(done.exit, Some(0), "{}", done.stderr);
    let serving = Serving::begin(&scene, &[&typed]).await;
    let token = serving.token().await["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(token, stored(&path));
    let call = async |path: &str, token: &str| {
        let call = serving.http.get(format!("{}{path}", serving.url)).bearer_auth(token);
        call.send().await.expect("an answer").status()
    };
    assert_eq!(call("/incontactapi/services/v27.0/business-unit", &token).await, StatusCode::OK);
    assert_eq!(call("/incontactapi/services/v27.0/business-unit", "another").await, StatusCode::UNAUTHORIZED);
}
