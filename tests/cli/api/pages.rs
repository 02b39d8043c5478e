//! `api --paginate`.

use std::net::TcpListener;
use std::process::Stdio;

use serde_json::json;
use simulators::faults::{Effect, Fault};

use super::{SKILLS, json_answer, once, rotated};
use crate::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_followed_by_number_cursor_and_query() {
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
            assert_eq!(ids.len(), 60, "{path}: no entity is duplicated");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_link_to_the_next_page_is_followed() {
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
async fn a_link_to_another_host_is_not_followed() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port can be bound");
    elsewhere.set_nonblocking(true).expect("the listener can be non-blocking");
    let address = elsewhere.local_addr().expect("the listener has an address");
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
        assert!(transcript.error().0.contains("outside this API"), "{}", transcript.stderr);
        assert!(elsewhere.accept().is_err(), "{links}: another host was called");
    }
    assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_limited_and_no_page_is_printed_twice() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let path = format!("{SKILLS}?pageSize=10");
    let cut = scene.run(&["api", &typed, "GET", &path, "--paginate", "--max-pages", "2"]).await;
    assert_eq!((cut.exit, cut.json().len()), (Some(1), 2));
    assert!(cut.stderr.starts_with("warning: 2 pages were printed, but more exist\nhint: "), "{}", cut.stderr);
    let whole = scene.run(&["api", &typed, "GET", &path, "--paginate", "--max-pages", "6"]).await;
    assert_eq!((whole.exit, whole.json().len(), whole.stderr.as_str()), (Some(0), 6, ""));
    scene
        .simulation
        .faults
        .add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(json_answer(200, json!({"nextUri": path})))));
    let round = scene.run(&["api", &typed, "GET", SKILLS, "--paginate"]).await;
    assert_eq!((round.exit, round.json().len()), (Some(1), 2));
    assert!(round.error().0.contains("already printed"), "{}", round.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_the_call() {
    let scene = Scene::new().await;
    let typed = rotated(&scene).await;
    let endless = json!({"nextUri": format!("{SKILLS}?pageNumber=2"), "filler": "x".repeat(1 << 20)});
    scene.simulation.faults.add(Fault::always(&format!("GET {SKILLS}"), Effect::Answer(json_answer(200, endless))));
    let mut command = scene.command(&["api", &typed, "GET", SKILLS, "--paginate"]);
    command.env_remove("ROTATOR_LOG").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let done = tokio::task::spawn_blocking(move || child.wait_with_output().expect("the process exits"));
    let done = done.await.expect("the task completes");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}
