//! The status as text of OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! Every name begins with `genesys_`, because collectors of text files reject names that they have themselves, such as
//! `process_start_time_seconds`.

use strum::VariantArray;

use super::summary::{Status, Summary};
use crate::engine::counters::{Action, TokenUse};
use crate::openmetrics::{END, family};

/// The text, which ends with `# EOF`. The config is empty for tokens of earlier versions and for roles that cannot be
/// read. Names of configs need no escapes: they are letters, digits, `_`, `-` and `.`.
pub(crate) fn text(status: &Status) -> String {
    let mut text = String::new();
    let configs = &status.by_config;
    family(
        &mut text,
        ("genesys_process_start_time_seconds", "gauge"),
        "When this process began to serve the mount; all counters began at 0 then.",
        [(String::new(), status.since.as_second())],
    );
    let issued = configs.iter().flat_map(|(config, summary)| {
        TokenUse::VARIANTS.iter().map(move |used| {
            let count = summary.issued.get(used).copied().unwrap_or_default();
            (format!(r#"{{config="{config}",use="{used}"}}"#), count)
        })
    });
    family(&mut text, ("genesys_tokens_issued", "counter"), "Tokens that were issued and validated.", issued);
    let failed = configs.iter().flat_map(|(config, summary)| {
        summary.failed.iter().map(move |((action, kind), count)| {
            (format!(r#"{{config="{config}",action="{action}",type="{kind}"}}"#), *count)
        })
    });
    family(&mut text, ("genesys_failures_by_type", "counter"), "Failed work by error type.", failed);
    let failed = configs.iter().flat_map(|(config, summary)| {
        Action::VARIANTS.iter().map(move |action| {
            let of_action = summary.failed.iter().filter(|((failed, _), _)| *failed == *action);
            (format!(r#"{{config="{config}",action="{action}"}}"#), of_action.map(|(_, count)| count).sum::<u64>())
        })
    });
    family(&mut text, ("genesys_failures", "counter"), "Failed work.", failed);
    let mut each = |name, kind, help, value: fn(&Summary) -> Option<i64>| {
        let samples =
            configs.iter().filter_map(|(config, summary)| Some((format!(r#"{{config="{config}"}}"#), value(summary)?)));
        family(&mut text, (name, kind), help, samples);
    };
    each("genesys_tokens_revoked", "counter", "Tokens that the platform revoked.", |summary| count(summary.revoked));
    each("genesys_client_secrets_rotated", "counter", "New client secrets and access keys.", |summary| {
        count(summary.roots_rotated)
    });
    each("genesys_tokens_kept_alive", "counter", "Uses of tokens that must not idle out.", |summary| {
        count(summary.kept_alive)
    });
    each(
        "genesys_revocations_owed",
        "gauge",
        "Tokens whose revocation was requested and has not succeeded.",
        |summary| count(summary.revocations_owed),
    );
    each("genesys_static_roles", "gauge", "Static roles.", |summary| count(summary.static_roles));
    each("genesys_static_roles_failing", "gauge", "Static roles whose last rotation failed.", |summary| {
        i64::try_from(summary.failing.len()).ok()
    });
    each("genesys_static_roles_damaged", "gauge", "Static roles that cannot be read.", |summary| {
        i64::try_from(summary.damaged.len()).ok()
    });
    each("genesys_static_roles_due", "gauge", "Static roles that wait for their rotation.", |summary| {
        i64::try_from(summary.queue().len()).ok()
    });
    each(
        "genesys_client_secret_rotations_failing",
        "gauge",
        "Whether the last automated rotation of the secret failed.",
        |summary| count(summary.failing_roots),
    );
    each(
        "genesys_client_secret_last_rotation_timestamp_seconds",
        "gauge",
        "The last rotation of a secret that rotates automatically.",
        |summary| summary.last_root_rotation.map(|time| time.as_second()),
    );
    each(
        "genesys_client_secret_next_rotation_timestamp_seconds",
        "gauge",
        "The next automated rotation of the secret.",
        |summary| summary.next_root_rotation.map(|time| time.as_second()),
    );
    each("genesys_static_last_rotation_timestamp_seconds", "gauge", "The last rotation of a static role.", |summary| {
        summary.last_rotation.map(|time| time.as_second())
    });
    each("genesys_static_next_rotation_timestamp_seconds", "gauge", "The next rotation of a static role.", |summary| {
        summary.next_rotation.map(|time| time.as_second())
    });
    each(
        "genesys_static_oldest_token_timestamp_seconds",
        "gauge",
        "The issue of the oldest static token.",
        |summary| summary.oldest_token.map(|time| time.as_second()),
    );
    each(
        "genesys_static_first_expiry_timestamp_seconds",
        "gauge",
        "The expiry of the static token that expires first.",
        |summary| summary.first_expiry.map(|time| time.as_second()),
    );
    text.push_str(END);
    text
}

fn count(count: u64) -> Option<i64> {
    i64::try_from(count).ok()
}
