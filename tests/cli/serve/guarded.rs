//! What the endpoint refuses.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use reqwest::StatusCode;
use serde_json::Value;

use super::{Serving, rotated, stored};
use crate::Scene;

/// Sends bytes and returns the status line of the answer, and the rest.
fn raw(mut stream: impl Read + Write, request: &str) -> (u16, String) {
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, answer)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_its_credentials_get_no_token_and_reach_no_api() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed, "--metrics"]).await;
    scene.simulation.journal.clear();
    let (http, url) = (&serving.http, &serving.url);
    let form = [("grant_type", "client_credentials")];
    let (id, secret) = &serving.client;
    for (request, status) in [
        (http.post(format!("{url}/oauth/token")).form(&form), 400),
        (http.post(format!("{url}/oauth/token")).basic_auth(id, Some("wrong")).form(&form), 400),
        (
            http.post(format!("{url}/oauth/token"))
                .basic_auth(super::super::CLIENT_ID, Some(crate::CLIENT_SECRET))
                .form(&form),
            400,
        ),
        (http.post(format!("{url}/oauth/token")).basic_auth(id, Some(secret)), 400),
        (http.post(format!("{url}/oauth/token")).basic_auth(id, Some(secret)).form(&[("grant_type", "password")]), 400),
        (http.get(format!("{url}/oauth/token")).basic_auth(id, Some(secret)), 405),
        (http.get(format!("{url}/api/v2/tokens/me")), 401),
        (http.get(format!("{url}/api/v2/tokens/me")).bearer_auth("wrong"), 401),
        // The platform's token was never handed out here.
        (http.get(format!("{url}/api/v2/tokens/me")).bearer_auth(stored(&path)), 401),
        (http.get(format!("{url}/metrics")), 401),
        (http.get(format!("{url}/login")).basic_auth(id, Some(secret)), 404),
    ] {
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status, "{}", answer.url());
        assert!(!answer.text().await.expect("text").contains(&stored(&path)));
    }
    assert!(scene.simulation.journal.calls().is_empty(), "nothing reached the platform");
    let both = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    let by_form = http.post(format!("{url}/oauth/token")).form(&both).send().await.expect("an answer");
    assert_eq!(by_form.status(), StatusCode::OK);
    let metrics = serving.get("/metrics").send().await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("genesys_serve_requests_total") && metrics.ends_with("# EOF\n"), "{metrics}");
    assert!(!metrics.contains(&stored(&path)));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_browsers_tunnels_and_paths_outside_the_api_are_refused() {
    let scene = Scene::new().await;
    let (path, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    let token = serving.token().await["access_token"].as_str().expect("a token").to_owned();
    scene.simulation.journal.clear();
    let address = serving.url.strip_prefix("http://").expect("a URL").to_owned();
    let port = address.rsplit(':').next().expect("a port").to_owned();
    let authorization = format!("Authorization: Bearer {token}\r\n");
    for (line, headers, expected) in [
        ("GET /api/v2/tokens/me", "Host: evil.example\r\n".to_owned(), 421),
        ("GET /api/v2/tokens/me", format!("Host: evil.example:{port}\r\n"), 421),
        ("GET /api/v2/tokens/me", format!("Host: 127.0.0.1.evil.example:{port}\r\n"), 421),
        ("GET /api/v2/tokens/me", "Host: 127.0.0.1\r\n".to_owned(), 421),
        // It may lead to [::1], where any user may listen on the same port.
        ("GET /api/v2/tokens/me", format!("Host: localhost:{port}\r\n"), 421),
        ("GET /api/v2/tokens/me", format!("Host: {address}\r\nHost: evil.example\r\n"), 421),
        ("GET http://evil.example/api/v2/tokens/me", format!("Host: {address}\r\n"), 421),
        ("GET http://evil.example/api/v2/tokens/me", "Host: evil.example\r\n".to_owned(), 421),
        ("CONNECT evil.example:443", format!("Host: {address}\r\n"), 501),
        ("GET /api/v2/tokens/me", format!("Host: {address}\r\nOrigin: http://{address}\r\n"), 403),
        ("GET /api/v2/tokens/me", format!("Host: {address}\r\nSec-Fetch-Site: cross-site\r\n"), 403),
        ("OPTIONS /api/v2/tokens/me", format!("Host: {address}\r\nOrigin: null\r\n"), 403),
        ("GET /api/v2/tokens/me", format!("Host: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"), 501),
        ("GET /api/../oauth/token", format!("Host: {address}\r\n"), 404),
        ("GET /api/v2/%2e%2E/x", format!("Host: {address}\r\n"), 404),
        ("GET /api/v2/..%2fx", format!("Host: {address}\r\n"), 404),
        ("GET /api/v2/%252e%252e/x", format!("Host: {address}\r\n"), 404),
        ("GET /api/..;/x", format!("Host: {address}\r\n"), 404),
        ("GET /api", format!("Host: {address}\r\n"), 404),
        ("GET //evil.example/api/", format!("Host: {address}\r\n"), 404),
    ] {
        let connection = if headers.contains("Connection") { "" } else { "Connection: close\r\n" };
        let request = format!("{line} HTTP/1.1\r\n{headers}{authorization}{connection}\r\n");
        let stream = TcpStream::connect(&address).expect("it listens");
        stream.set_read_timeout(Some(crate::SECOND * 5)).expect("a socket");
        let mut stream = stream;
        stream.write_all(request.as_bytes()).expect("the request is sent");
        let mut begin = [0; 64];
        let read = stream.read(&mut begin).expect("an answer");
        let status =
            String::from_utf8_lossy(&begin[..read]).split(' ').nth(1).and_then(|text| text.parse::<u16>().ok());
        assert_eq!(status, Some(expected), "{request}");
    }
    assert!(scene.simulation.journal.calls().is_empty(), "nothing reached the platform");
    for offer in ["", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEA\r\n"] {
        let request = format!(
            "GET /api/v2/tokens/me HTTP/1.1\r\nHost: {address}\r\n{authorization}{offer}Connection: close\r\n\r\n"
        );
        let (status, answer) = raw(TcpStream::connect(&address).expect("it listens"), &request);
        assert_eq!(status, 200, "{answer}");
        assert!(!answer.contains(&stored(&path)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_private_and_is_removed_at_the_end() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let path = scene.directory.path().join("s");
    // What a killed endpoint leaves.
    drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
    let text = path.display().to_string();
    let serving = Serving::begin(&scene, &[&typed, "--socket", &text]).await;
    assert_eq!(serving.url, format!("unix:{text}"));
    let mode = std::fs::metadata(&path).expect("it exists").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (id, secret) = &serving.client;
    let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let request = format!(
        "POST /oauth/token HTTP/1.1\r\nHost: any\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    let (status, answer) = raw(UnixStream::connect(&path).expect("it listens"), &request);
    assert_eq!(status, 200, "{answer}");
    let json: Value = serde_json::from_str(answer.rsplit("\r\n").next().expect("a body")).expect("JSON");
    assert!(json["access_token"].is_string());
    let credentials = scene.directory.path().join("serve.json").display().to_string();
    let second = scene.run(&["serve", &typed, "--credentials", &credentials, "--socket", &text]).await;
    assert_eq!(second.exit, Some(1));
    assert!(second.error().0.contains("another program listens"), "{}", second.stderr);
    // The socket of a later endpoint stays.
    std::fs::remove_file(&path).expect("the socket is removed");
    let inside = scene.directory.path().join("open/inside");
    std::fs::create_dir_all(&inside).expect("the folders are created");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(scene.directory.path().join("open"), open).expect("its mode can be set");
    let inside = inside.join("s").display().to_string();
    let refused = scene.run(&["serve", &typed, "--credentials", &credentials, "--socket", &inside]).await;
    assert!(refused.error().0.contains("other users may write to its folder"), "{}", refused.stderr);
    for mode in [0o777, 0o1777] {
        let shared = scene.directory.path().join(format!("{mode:o}"));
        std::fs::create_dir(&shared).expect("the folder is created");
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
        let socket = shared.join("s").display().to_string();
        let refused = scene.run(&["serve", &typed, "--credentials", &credentials, "--socket", &socket]).await;
        assert!(refused.error().0.contains("other users may write to its folder"), "{}", refused.stderr);
    }
    let later = Serving::begin(&scene, &[&typed, "--socket", &text]).await;
    assert_eq!(serving.end("INT").await.exit, Some(0));
    assert!(path.exists());
    assert_eq!(later.end("INT").await.exit, Some(0));
    assert!(!path.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_credentials_does_not_stay() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let serving = Serving::begin(&scene, &[&typed]).await;
    let address = serving.url.strip_prefix("http://").expect("a URL").to_owned();
    let begins = [
        String::new(),
        "POST /oauth/token HT".to_owned(),
        format!("POST /oauth/token HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9\r\n\r\n"),
    ];
    let strangers = begins.map(|begin| {
        let mut stranger = TcpStream::connect(&address).expect("it listens");
        stranger.set_read_timeout(Some(crate::SECOND * 30)).expect("a socket");
        stranger.write_all(begin.as_bytes()).expect("the request is sent");
        tokio::task::spawn_blocking(move || stranger.read(&mut [0; 64]))
    });
    for stranger in strangers {
        assert_eq!(stranger.await.expect("the task completes").expect("the connection ends"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_credentials_are_refused() {
    let scene = Scene::new().await;
    let (_, typed) = rotated(&scene, "token.json").await;
    let path = scene.directory.path().join("credentials");
    let secret = "0123456789abcdef0123456789abcdef";
    for (text, words) in [
        (String::new(), "no client_id and client_secret"),
        (format!(r#"{{"client_id":"a:b","client_secret":"{secret}"}}"#), "colon"),
        (r#"{"client_id":"a","client_secret":"short"}"#.to_owned(), "32 characters"),
        ("x".repeat(10_000), "no file with credentials"),
    ] {
        std::fs::write(&path, text).expect("the file is written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode can be set");
        let refused = scene.run(&["serve", &typed, "--credentials", path.to_str().expect("UTF-8")]).await;
        assert_eq!(refused.exit, Some(2), "{}", refused.stderr);
        assert!(refused.error().0.contains(words), "{}", refused.stderr);
    }
    std::fs::remove_file(&path).expect("the file is removed");
    let made = std::process::Command::new("mkfifo").arg("-m600").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    let refused = scene.run(&["serve", &typed, "--credentials", path.to_str().expect("UTF-8")]).await;
    assert_eq!(refused.exit, Some(2), "{}", refused.stderr);
    // As root, the file of another user.
    std::fs::remove_file(&path).expect("the pipe is removed");
    std::fs::write(&path, format!(r#"{{"client_id":"a","client_secret":"{secret}"}}"#)).expect("the file is written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    if std::os::unix::fs::chown(&path, Some(65534), None).is_ok() {
        let refused = scene.run(&["serve", &typed, "--credentials", path.to_str().expect("UTF-8")]).await;
        assert!(refused.error().0.contains("own it"), "{}", refused.stderr);
    }
}
