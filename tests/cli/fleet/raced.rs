//! Concurrent rotations of one secret.

use futures_util::future::join_all;

use super::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_rotations_leave_no_unpromoted_token_behind() {
    let scene = Scene::new().await;
    let first = scene.with_token("prod/a", &[]).await;
    let rotations = (0..4).map(|_| scene.run(&["rotate", "--local", "prod/a", "--output", "json"]));
    let reports: Vec<_> = join_all(rotations).await.iter().map(|transcript| transcript.about("prod/a")).collect();
    assert!(reports.iter().any(|report| report["promoted"] == true), "{reports:?}");
    let promoted: Vec<_> = reports.iter().filter(|report| report["promoted"] == true).collect();
    let was_promoted = |id: &str| promoted.iter().any(|report| report["version_id"] == id);
    let versions = scene.simulation.secrets_manager.versions("prod/a");
    let of_promoted = versions.iter().filter(|version| was_promoted(&version.id));
    let values: Vec<_> = of_promoted.filter_map(|version| version.value.as_deref()).collect();
    for token in scene.simulation.genesys.live_tokens() {
        let is_held = token == first || values.iter().any(|value| value.contains(&token));
        assert!(is_held, "a token that was never promoted is alive: {reports:?}");
    }
    assert!(scene.is_alive(&scene.token_of("prod/a")));
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_concurrent_rotations_of_one_file_all_succeed() {
    let scene = Scene::new().await;
    let (path, typed) = scene.file("token.json");
    let arguments = ["rotate", typed.as_str()];
    let transcripts = join_all((0..20).map(|_| scene.run(&arguments))).await;
    for transcript in &transcripts {
        assert_eq!(transcript.exit, Some(0), "{}", transcript.stderr);
    }
    let token = crate::read(&path)["access_token"].as_str().expect("a token").to_owned();
    assert!(scene.is_alive(&token));
}
