//! Calls of a plugin to a host in the test's process.

use std::time::Duration;

use openbao_plugin::testing::{Host, MemoryStorage, MemorySystemView, serve_with};
use openbao_plugin::{Backend, Engine, Event, Failure, Mount, Request, Response, SystemView};
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;

/// Sends the mount's system view to the test, and rejects every request.
struct SystemAlone(mpsc::UnboundedSender<SystemView>);

struct Silent;

impl Engine for SystemAlone {
    type Backend = Silent;

    fn version(&self) -> String {
        "v0.0.0".to_owned()
    }

    fn mount(&self, mount: Mount) -> Result<Silent, Failure> {
        let _ = self.0.send(mount.system);
        Ok(Silent)
    }
}

impl Backend for Silent {
    async fn handle_request(&self, _: Request) -> Result<Response, Failure> {
        Err(Failure::UnsupportedPath)
    }
}

async fn mounted(host: &MemorySystemView) -> (SystemView, (Host, TempDir)) {
    let (sender, mut sent) = mpsc::unbounded_channel();
    let running = serve_with(SystemAlone(sender), MemoryStorage::default(), host.clone()).await;
    (sent.recv().await.unwrap(), running)
}

#[tokio::test]
async fn events_reach_a_host_that_has_them() {
    let host = MemorySystemView::default();
    let (system, _running) = mounted(&host).await;
    let event = || Event::new().metadata("path", "notes/a").metadata("more", json!({"list": [1, null, true]}));
    assert_eq!(system.send_event("notes/write", event()).await, Ok(true));
    assert_ne!(event().id, event().id);
    assert_eq!(host.events(), ["notes/write"]);
}

#[tokio::test]
async fn an_identity_token_has_an_audience_and_a_lifetime() {
    let (system, _running) = mounted(&MemorySystemView::default()).await;
    let (token, ttl) = system.identity_token("aws", Duration::from_secs(600)).await.unwrap();
    assert_eq!((token.as_str(), ttl), ("token for aws", Duration::from_secs(600)));
}

#[tokio::test]
async fn a_call_that_the_host_does_not_have_is_an_error() {
    let (system, _running) = mounted(&MemorySystemView::default()).await;
    let error = system.generate_password("strong").await.unwrap_err();
    assert_eq!(error.to_string(), "the test host has no identity store and no policies");
}
