//! The metrics of the endpoint, as OpenMetrics text.

use std::sync::atomic::{AtomicU64, Ordering};

use super::keeper::Keeper;
use crate::openmetrics::{END, family, label};

/// The content type (OpenMetrics 1.0, "Text Format").
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Counts of requests since the start.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) requests: AtomicU64,
    /// Requests that were passed to the platform.
    pub(super) forwarded: AtomicU64,
}

/// The metrics: names and times, and no part of a value.
pub(super) fn text(Counts { requests, forwarded }: &Counts, keepers: &[Keeper]) -> String {
    let mut text = String::new();
    for (name, help, count) in [
        ("genesys_serve_requests", "Requests of callers.", requests),
        ("genesys_serve_forwarded", "Requests that were passed to the platform.", forwarded),
    ] {
        family(&mut text, (name, "counter"), help, [(String::new(), count.load(Ordering::Relaxed))]);
    }
    let of_each = |value: &dyn Fn(&Keeper) -> Option<i64>| -> Vec<_> {
        let sample = |keeper: &Keeper| Some((format!("{{{}}}", label("secret", &keeper.name)), value(keeper)?));
        keepers.iter().filter_map(sample).collect()
    };
    let expiry = of_each(&|keeper| keeper.held().expires_at.map(|end| end.as_second()));
    family(
        &mut text,
        ("genesys_serve_token_expiry_timestamp_seconds", "gauge"),
        "The expiry of the held token.",
        expiry,
    );
    let failing = of_each(&|keeper| Some(i64::from(keeper.failure().is_some())));
    family(&mut text, ("genesys_serve_store_failing", "gauge"), "Whether the last read of the secret failed.", failing);
    let ready = of_each(&|keeper| Some(i64::from(keeper.is_ready())));
    let help = "Whether the held token has neither expired nor been rejected by the platform.";
    family(&mut text, ("genesys_serve_ready", "gauge"), help, ready);
    text.push_str(END);
    text
}
