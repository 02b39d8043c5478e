//! Calls of the platform with the token that a secret holds.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use reqwest::StatusCode;
use serde_json::{Value, json};
use simulators::faults::{Effect, Fault, FaultAnswer};

use super::bao::until;
use super::{CLIENT_ID, CLIENT_SECRET, SECOND, Scene, Transcript, read, write};

const CLIENTS: &str = "/api/v2/oauth/clients";
const SKILLS: &str = "/api/v2/routing/skills";

/// A secret in a file that holds a token.
async fn rotated(scene: &Scene) -> String {
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["rotate", &typed]).await;
    assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    scene.simulation.journal.clear();
    typed
}

/// Makes a call with a body on standard input.
async fn sent(scene: &Scene, arguments: &[&str], body: &[u8]) -> Transcript {
    let mut command = scene.command(arguments);
    let body = body.to_vec();
    let done = tokio::task::spawn_blocking(move || {
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("the binary runs");
        // What refuses the body early may not read all of it.
        child.stdin.take().expect("it is piped").write_all(&body).ok();
        child.wait_with_output().expect("it ends")
    });
    scene.without_log(Transcript::of(done.await.expect("the command is waited for")))
}

fn json_answer(status: u16, body: Value) -> FaultAnswer {
    FaultAnswer::new(StatusCode::from_u16(status).expect("a status"), "application/json", body.to_string())
}

fn once(scene: &Scene, operation: &str, effect: Effect) {
    scene.simulation.faults.add(Fault::once(operation, effect));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_is_printed_as_it_came() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let whole = format!("{}/api/v2/tokens/me", scene.simulation.genesys_url());
    for (method, path) in [("get", "/api/v2/tokens/me"), ("GET", whole.as_str())] {
        let transcript = scene.run(&["api", &typed, method, path]).await;
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""));
        assert_eq!(transcript.json()[0]["OAuthClient"]["id"], CLIENT_ID);
    }
    let head = scene.run(&["api", &typed, "HEAD", "/api/v2/tokens/me", "--output", "json"]).await;
    assert_eq!((head.exit, head.stdout.as_str()), (Some(0), ""));
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 1, "no other token was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_sent_from_a_file_or_from_standard_input() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let body = json!({"name": "made", "authorizedGrantType": "CLIENT-CREDENTIALS"}).to_string();
    let path = write(scene.directory.path(), "body.json", &body);
    let path = path.to_str().expect("a plain path");
    let made = scene.run(&["api", &typed, "POST", CLIENTS, "--body", path]).await;
    assert_eq!((made.exit, &made.json()[0]["name"]), (Some(0), &"made".into()), "{}", made.stderr);
    let id = made.json()[0]["id"].as_str().expect("an id").to_owned();
    let own = format!("{CLIENTS}/{id}");
    let changed = json!({"name": "changed", "authorizedGrantType": "CLIENT-CREDENTIALS", "state": "inactive"});
    let put = sent(&scene, &["api", &typed, "put", &own, "--body", "-"], changed.to_string().as_bytes()).await;
    assert_eq!((put.exit, &put.json()[0]["name"]), (Some(0), &"changed".into()), "{}", put.stderr);
    let deleted = scene.run(&["api", &typed, "DELETE", &own]).await;
    assert_eq!((deleted.exit, deleted.stdout.as_str()), (Some(0), ""), "{}", deleted.stderr);
    assert!(scene.simulation.genesys.clients().iter().all(|client| client.id != id));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_by_their_number_cursor_and_query() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let search = format!("/api/v2/users/search?q64={}", "eyJwYWdlU2l6ZSI6MjUsInF1ZXJ5IjpbXX0=");
    let rows = [
        (format!("{SKILLS}?pageSize=25"), "entities"),
        ("/api/v2/audits/query/an-id/results?pageSize=25".to_owned(), "entities"),
        (search, "results"),
    ];
    for links in [false, true] {
        scene.simulation.genesys.set(|knobs| knobs.search_links = links);
        for (path, list) in &rows {
            let transcript = scene.run(&["api", &typed, "GET", path, "--paginate"]).await;
            assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{path}");
            let pages = transcript.json();
            let counts: Vec<_> = pages.iter().map(|page| page[*list].as_array().map(Vec::len)).collect();
            assert_eq!(counts, [Some(25), Some(25), Some(10)], "{path}");
            let mut ids: Vec<_> = pages.iter().flat_map(|page| page[*list].as_array()).flatten().collect();
            ids.dedup();
            assert_eq!(ids.len(), 60, "{path}: no entity came twice");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_name_the_next_page_is_understood() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let (own, operation) = (scene.simulation.genesys_url(), format!("GET {SKILLS}"));
    let last = format!("{SKILLS}?pageNumber=3");
    for links in [
        json!({"nextPage": format!("{own}{last}")}),
        json!({"nextPage": format!("https://api.mypurecloud.ie{last}")}),
        json!({"nextPage": last}),
        json!({"nextPage": "?pageNumber=3"}),
        json!({"nextUri": last, "nextPage": null, "cursor": ""}),
    ] {
        once(&scene, &operation, Effect::Answer(json_answer(200, links.clone())));
        let transcript = scene.run(&["api", &typed, "GET", SKILLS, "--paginate"]).await;
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{links}");
        assert_eq!((&transcript.json()[0], &transcript.json()[1]["pageNumber"]), (&links, &3.into()), "{links}");
    }
    let (path, operation) = ("/api/v2/audits/query/an-id/results", "GET /api/v2/audits/query/{id}/results");
    once(&scene, operation, Effect::Answer(json_answer(200, json!({"nextCursor": "cG9zaXRpb246NTA"}))));
    let transcript = scene.run(&["api", &typed, "GET", path, "--paginate"]).await;
    assert_eq!(transcript.json()[1]["entities"].as_array().map(Vec::len), Some(10), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_leads_elsewhere_is_not_followed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    elsewhere.set_nonblocking(true).expect("it can be asked without waiting");
    let address = elsewhere.local_addr().expect("it has an address");
    for links in [
        json!({"nextPage": format!("http://{address}{SKILLS}")}),
        json!({"nextUri": format!("//{address}{SKILLS}")}),
        json!({"nextUri": format!("/\\{address}{SKILLS}")}),
        json!({"nextUri": format!("http://{address}")}),
        json!({"nextUri": "/oauth/token"}),
        json!({"nextUri": "/api/../oauth/token"}),
    ] {
        once(&scene, &format!("GET {SKILLS}"), Effect::Answer(json_answer(200, links.clone())));
        let transcript = scene.run(&["api", &typed, "GET", SKILLS, "--paginate"]).await;
        assert_eq!(transcript.exit, Some(1), "{links}");
        assert!(transcript.error().0.contains("another place than this API"), "{}", transcript.stderr);
        assert!(elsewhere.accept().is_err(), "{links}: somebody else was called");
    }
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_bounded_and_none_is_printed_twice() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let path = format!("{SKILLS}?pageSize=10");
    let cut = scene.run(&["api", &typed, "GET", &path, "--paginate", "--max-pages", "2"]).await;
    assert_eq!((cut.exit, cut.json().len()), (Some(1), 2));
    assert!(cut.stderr.starts_with("warning: 2 pages were printed, and there are more\nhint: "), "{}", cut.stderr);
    let whole = scene.run(&["api", &typed, "GET", &path, "--paginate", "--max-pages", "6"]).await;
    assert_eq!((whole.exit, whole.json().len(), whole.stderr.as_str()), (Some(0), 6, ""));
    scene
        .simulation
        .faults
        .add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(json_answer(200, json!({"nextUri": path})))));
    let round = scene.run(&["api", &typed, "GET", SKILLS, "--paginate"]).await;
    assert_eq!((round.exit, round.json().len()), (Some(1), 2));
    assert!(round.error().0.contains("printed before"), "{}", round.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_waited_for_whatever_the_method() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let body = json!({"name": "made", "authorizedGrantType": "CLIENT-CREDENTIALS"}).to_string();
    let busy = || {
        Effect::Answer(
            json_answer(429, json!({"code": "too.many.requests.retry.after"})).with_header("retry-after", "1"),
        )
    };
    once(&scene, &format!("POST {CLIENTS}"), busy());
    let made = sent(&scene, &["api", &typed, "POST", CLIENTS, "--body", "-"], body.as_bytes()).await;
    assert_eq!((made.exit, made.stderr.as_str()), (Some(0), ""));
    let calls = scene.simulation.journal.calls();
    let tries: Vec<_> = calls.iter().filter(|call| call.operation == format!("POST {CLIENTS}")).collect();
    assert_eq!(tries.len(), 2);
    assert!(tries[1].began.duration_since(tries[0].began) >= SECOND);
    scene.simulation.faults.add(Fault::always("*", busy()));
    let refused = scene.run(&["api", &typed, "GET", SKILLS, "--timeout", "2s"]).await;
    assert_eq!((refused.exit, &refused.json()[0]["code"]), (Some(1), &"too.many.requests.retry.after".into()));
    assert!(refused.error().0.contains("asked for fewer calls"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_made_twice_is_and_nothing_else() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let page = |status| Effect::Answer(FaultAnswer::new(status, "text/html", "<html>busy</html>"));
    for effect in [Effect::Drop, Effect::LoseAnswer, page(StatusCode::BAD_GATEWAY)] {
        once(&scene, &format!("GET {SKILLS}"), effect.clone());
        let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{effect:?}");
        scene.simulation.journal.clear();
        once(&scene, &format!("POST {CLIENTS}"), effect.clone());
        let body = json!({"name": "made", "authorizedGrantType": "CLIENT-CREDENTIALS"}).to_string();
        let transcript = sent(&scene, &["api", &typed, "POST", CLIENTS, "--body", "-"], body.as_bytes()).await;
        assert_eq!(transcript.exit, Some(1), "{effect:?}");
        let (error, hint) = transcript.error();
        assert!(error.contains("may have been carried out") && hint.contains("before you repeat it"), "{error}");
        assert_eq!(scene.simulation.journal.count(&format!("POST {CLIENTS}")), 1, "{effect:?}");
    }
    let last = scene.run(&["api", &typed, "PATCH", SKILLS]).await;
    assert_eq!((last.exit, &last.json()[0]["code"]), (Some(1), &"method.not.allowed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_cannot_be_reached_was_not_asked_to_do_anything() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let free = TcpListener::bind("127.0.0.1:0").expect("a port is free").local_addr().expect("it has an address");
    let mut command = scene.command(&["api", &typed, "POST", CLIENTS]);
    command.env("ROTATOR_API_URL", format!("http://{free}"));
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the command is waited for");
    let transcript = scene.without_log(Transcript::of(done.expect("the binary runs")));
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), ""));
    let error = transcript.error().0;
    assert!(error.contains("cannot be reached") && !error.contains("carried out"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_replaced_for_this_call_alone() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let path = typed.strip_prefix("file:").expect("a file");
    let before = fs::read_to_string(path).expect("it is there");
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["api", &typed, "GET", &format!("{SKILLS}?pageSize=30"), "--paginate"]).await;
    assert_eq!((transcript.exit, transcript.json().len()), (Some(0), 2), "{}", transcript.stderr);
    assert!(transcript.stderr.starts_with(&format!("warning: {typed}: the token is not accepted any more\nhint: ")));
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 1);
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "it was revoked at the end");
    assert_eq!(fs::read_to_string(path).expect("it is there"), before, "nothing was stored");
    let missing = scene.run(&["api", &typed, "GET", "/api/v2/no/such/path"]).await;
    assert_eq!((missing.exit, &missing.json()[0]["code"]), (Some(1), &"not.found".into()));
    assert!(scene.simulation.genesys.live_tokens().is_empty(), "it was revoked after a failure too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_interrupted_leaves_no_token_behind() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    scene.simulation.genesys.revoke_all();
    let operation = format!("GET {SKILLS}");
    scene.simulation.faults.add(Fault::always(&operation, Effect::Hang).after(1));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    until("the second try hangs", async || scene.simulation.journal.count(&operation) == 2).await;
    assert_eq!(scene.simulation.genesys.live_tokens().len(), 1);
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().expect("it ends")).await;
    assert_eq!(done.expect("the command is waited for").status.code(), Some(1));
    assert!(scene.simulation.genesys.live_tokens().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_in_another_secret_make_the_new_token() {
    let scene = Scene::new().await;
    let private = json!({"region": "eu-west-1", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET});
    let private = write(scene.directory.path(), "private.json", &private.to_string());
    for fields in [json!({}), json!({"region": "mypurecloud.ie"})] {
        let mut document = json!({"credentials": private.display().to_string(), "access_token": "dead"});
        document.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        let path = write(scene.directory.path(), "token.json", &document.to_string());
        let typed = format!("file:{}", path.display());
        let transcript = scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await;
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
        assert!(scene.simulation.genesys.live_tokens().is_empty());
    }
    // Whoever may not read the credentials calls with the token that there is.
    let typed = rotated(&scene).await;
    let path = typed.strip_prefix("file:").expect("a file");
    let token = read(path.as_ref())["access_token"].clone();
    let document = json!({"region": "eu-west-1", "credentials": "no-such-secret", "access_token": token});
    write(scene.directory.path(), "token.json", &document.to_string());
    assert_eq!(scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await.exit, Some(0));
    scene.simulation.genesys.revoke_all();
    let transcript = scene.run(&["api", &typed, "GET", "/api/v2/tokens/me"]).await;
    assert_eq!((transcript.exit, &transcript.json()[0]["code"]), (Some(1), &"bad.credentials".into()));
    assert!(transcript.error().0.contains("no new one can be made"), "{}", transcript.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_printed_and_explained() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let mut client = scene.simulation.genesys.clients().remove(0);
    client.permissions = Some(Vec::new());
    scene.simulation.genesys.add_client(client);
    for format in ["text", "json"] {
        let transcript = scene.run(&["api", &typed, "GET", SKILLS, "--output", format]).await;
        assert_eq!((transcript.exit, &transcript.json()[0]["code"]), (Some(1), &"missing.permissions".into()));
        let (error, hint) = transcript.error();
        assert!(error.contains("routing:skill:view") && hint.contains("roles"), "{error}: {hint}");
    }
    scene.simulation.genesys.set(|knobs| knobs.ip_not_authorized = true);
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert!(transcript.error().1.contains("allow-list"), "{}", transcript.stderr);
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "another token would not help");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    elsewhere.set_nonblocking(true).expect("it can be asked without waiting");
    let address = elsewhere.local_addr().expect("it has an address");
    let away =
        FaultAnswer::new(StatusCode::FOUND, "text/html", "").with_header("location", &format!("http://{address}/"));
    once(&scene, &format!("GET {SKILLS}"), Effect::Answer(away));
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert!(transcript.error().0.contains("redirect"), "{}", transcript.stderr);
    assert!(elsewhere.accept().is_err(), "somebody else was called");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_passes_through_and_is_never_held() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let large = 64 << 20;
    let answer = FaultAnswer::new(StatusCode::OK, "application/json", "x".repeat(large));
    scene.simulation.faults.add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(answer)));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::null());
    let counted = tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().expect("the binary runs");
        let mut stdout = child.stdout.take().expect("it is piped");
        let mut first = vec![0; large / 2];
        std::io::Read::read_exact(&mut stdout, &mut first).expect("the first half arrives");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it still runs");
        let rest = std::io::copy(&mut stdout, &mut std::io::sink()).expect("the second half arrives");
        (child.wait().expect("it ends").code(), first.len() as u64 + rest, status)
    });
    let (exit, size, status) = counted.await.expect("the command is waited for");
    assert_eq!((exit, size), (Some(0), large as u64));
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 48 << 10, "{kilobytes} kB were in memory at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_ends_the_call() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let endless = json!({"nextUri": format!("{SKILLS}?pageNumber=2"), "filler": "x".repeat(1 << 20)});
    scene.simulation.faults.add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(json_answer(200, endless))));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS, "--paginate"]);
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().expect("it ends"));
    let done = done.await.expect("the command is waited for");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_no_success() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", server.local_addr().expect("it has an address"));
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("somebody calls");
        let mut request = [0; 4096];
        std::io::Read::read(&mut stream, &mut request).expect("a request");
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1,").expect("it is taken");
    });
    let mut command = scene.command(&["api", &typed, "GET", SKILLS]);
    command.env("ROTATOR_API_URL", &url);
    let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the command is waited for");
    let transcript = scene.without_log(Transcript::of(done.expect("the binary runs")));
    answering.join().expect("it answered");
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), "[1,"), "{}", transcript.stderr);
    let (error, hint) = transcript.error();
    assert!(error.contains("was cut off") && hint.contains("not the whole"), "{error}: {hint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_paths_methods_and_bodies_are_wrong_usage_and_nothing_is_called() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let not_json = write(scene.directory.path(), "not.json", "{\"hush-hush\": tru}");
    let not_json = not_json.to_str().expect("a plain path");
    let large = write(scene.directory.path(), "large.json", &format!("\"{}\"", "x".repeat(10 << 20)));
    let large = large.to_str().expect("a plain path");
    let rows: [(&[&str], &str); 16] = [
        (&["GET", "api/v2/users/me"], "neither a path nor a URL"),
        (&["GET", ""], "is empty"),
        (&["GET", "/oauth/token"], "no plain path"),
        (&["GET", "//evil.example/api/v2"], "no plain path"),
        (&["GET", "/api/v2/../../oauth/token"], "no plain path"),
        (&["GET", "https://evil.example/api/v2/users/me"], "another place"),
        (&["GET", "https://api.mypurecloud.de/api/v2/users/me"], "another place"),
        (&["TRACE", SKILLS], "'TRACE'"),
        (&["GET /api", SKILLS], "'GET /api'"),
        (&["POST", SKILLS, "--paginate"], "--paginate follows links by GET"),
        (&["GET", SKILLS, "--body", "-"], "takes no --body"),
        (&["POST", SKILLS, "--body", not_json], "is not JSON (it stops making sense at line 1, column 18)"),
        (&["POST", SKILLS, "--body", "/dev/null"], "is not JSON"),
        (&["POST", SKILLS, "--body", large], "larger than"),
        (&["POST", SKILLS, "--body", "/no/such/file"], "cannot be read"),
        (&["GET", SKILLS, "--max-pages", "0"], "--max-pages"),
    ];
    for (arguments, words) in rows {
        let transcript = scene.run(&[&["api", &typed], arguments].concat()).await;
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (error, hint) = transcript.error();
        assert!(error.contains(words) && !hint.is_empty(), "{arguments:?}: {error}");
        assert!(!transcript.stderr.contains("hush-hush"), "the body is not quoted");
    }
    assert!(scene.simulation.journal.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_without_a_token_has_to_be_rotated_first() {
    let scene = Scene::new().await;
    let (_, typed) = scene.file("token.json");
    let transcript = scene.run(&["api", &typed, "GET", SKILLS]).await;
    assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(1), ""));
    let (error, hint) = transcript.error();
    assert!(error.contains("holds no token yet") && hint.contains("rotate"), "{error}: {hint}");
    let transcript = scene.run(&["api", "file:/no/such/file", "GET", SKILLS]).await;
    assert!(transcript.error().0.starts_with("file:/no/such/file: "), "{}", transcript.stderr);
}
