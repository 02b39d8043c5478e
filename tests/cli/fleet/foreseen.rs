//! `rotate --dry-run` and invalid documents.

use serde_json::json;

use super::Scene;
use crate::{CLIENT_SECRET, document};

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_finds_invalid_probes_tokens_and_rotations_of_a_document() {
    let scene = Scene::new().await;
    for (name, field, value) in [
        ("no-list", "probes", json!("GET /api/v2/users")),
        ("other-host", "probes", json!(["GET https://example.com/"])),
        ("writing", "probes", json!(["DELETE /api/v2/users/1"])),
        ("unknown-kind", "token", json!("forever")),
        ("no-owner", "token", json!("generated")),
        ("unknown-rotation", "rotate", json!("everything")),
        ("one-client", "rotate", json!("client_secret")),
    ] {
        let mut invalid = document(CLIENT_SECRET);
        invalid[field] = value.clone();
        scene.holding(name, &invalid.to_string(), &[]).await;
        scene.simulation.journal.clear();
        let dry = scene.run(&["rotate", "--dry-run", "--local", name, "--output", "json"]).await;
        let line = &dry.json()[0];
        assert_eq!((dry.exit, &line["would"]), (Some(1), &json!("fail")), "{field}: {value}: {}", dry.stdout);
        assert_eq!(line["error"]["type"], "DocumentInvalid", "{field}: {value}");
        assert_eq!(scene.simulation.journal.count("POST /oauth/token"), 0, "{field}: {value}: a token was requested");
        // The rotation fails with the same error.
        let rotated = scene.run(&["rotate", "--local", name, "--output", "json"]).await;
        assert_eq!(rotated.json()[0]["error"], line["error"], "{field}: {value}");
    }
}
