//! Cache of the endpoints that discovery documents name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use url::Url;

/// NICE moves tenants between areas now and then.
const TIME_TO_LIVE: Duration = Duration::from_secs(3600);

/// The discovered endpoints by the URL of their discovery document, for this process only.
#[derive(Clone, Debug, Default)]
pub(super) struct EndpointCache(Arc<Mutex<HashMap<String, (Instant, Url)>>>);

impl EndpointCache {
    pub(super) fn get(&self, document: &str) -> Option<Url> {
        let cached = self.0.lock();
        cached.get(document).filter(|(since, _)| since.elapsed() < TIME_TO_LIVE).map(|(_, endpoint)| endpoint.clone())
    }

    pub(super) fn insert(&self, document: String, endpoint: Url) {
        let mut cached = self.0.lock();
        cached.retain(|_, (since, _)| since.elapsed() < TIME_TO_LIVE);
        cached.insert(document, (Instant::now(), endpoint));
    }
}
