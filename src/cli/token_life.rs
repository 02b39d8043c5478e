//! Messages about tokens that expire before the next rotation replaces them.

use super::terminal::human_time::span;
use crate::rotation::{LONGEST_DURATION, TokenLife};

/// The platform subtracts a second from the configured duration, and the rotation itself takes time.
const MARGIN_SECONDS: u64 = 60;

/// The lifetime of NICE CXone tokens, and the ways to rotate them often enough.
pub(super) const HOURLY: &str = "a CXone token is valid for at most 1 hour, and a Secrets Manager schedule rotates at most every 4 hours: call RotateSecret or run `rotate` every 30 min from a scheduler (EventBridge Scheduler, cron, CI), or use the secrets engine for Vault and OpenBao (static-roles/, or token/:role on demand)";

/// The stable name of this error in JSON output.
pub(super) const TOO_SHORT: &str = "TokenLifeTooShort";

/// Message and hint for a token that expires too soon; `None` if its lifetime is sufficient.
pub(super) fn too_short(life: &TokenLife) -> Option<(String, String)> {
    let needed = life.needed.filter(|_| life.ends_before_next_rotation())?;
    let message = format!(
        "the token is valid for {}, but the next rotation may complete only after {}",
        span(life.left),
        span(needed)
    );
    if life.is_fixed {
        return Some((message, HOURLY.to_owned()));
    }
    let rotate = "rotate more often (`aws secretsmanager rotate-secret --rotation-rules`; the interval is the schedule plus its window)";
    let hint = if needed < LONGEST_DURATION {
        format!(
            "raise the OAuth client's token duration to at least {} s (`check --fix`, or Admin > Integrations > OAuth), or {rotate}",
            (needed.as_secs() + MARGIN_SECONDS).min(LONGEST_DURATION.as_secs())
        )
    } else {
        format!(
            "{rotate}; you can also raise the OAuth client's token duration (Admin > Integrations > OAuth), but only up to {} s",
            LONGEST_DURATION.as_secs()
        )
    };
    Some((message, hint))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn message_for(left: u64, needed: Option<u64>) -> Option<(String, String)> {
        let now = "2026-01-02T03:04:05Z".parse().expect("a valid timestamp");
        let expires_at = now + Duration::from_secs(left);
        too_short(&TokenLife::seen(expires_at, now, needed.map(Duration::from_secs)))
    }

    #[test]
    fn the_hint_names_the_token_duration_and_the_schedule() {
        let (message, hint) = message_for(86_400, Some(90_000)).expect("the lifetime is too short");
        assert!(message.contains("for 1 d,") && message.contains("after 1 d 1 h"), "{message}");
        assert!(hint.contains("at least 90060 s") && hint.contains("rotate more often"), "{hint}");
    }

    #[test]
    fn the_hint_does_not_suggest_a_token_duration_above_the_maximum() {
        let (_, hint) = message_for(86_400, Some(30 * 86_400)).expect("the lifetime is too short");
        assert!(hint.starts_with("rotate more often") && hint.contains("only up to 172800 s"), "{hint}");
    }

    #[test]
    fn the_hint_for_a_fixed_lifetime_does_not_suggest_a_token_duration() {
        let now = "2026-01-02T03:04:05Z".parse().expect("a valid timestamp");
        let needed = Some(Duration::from_secs(18_000));
        let life = TokenLife { is_fixed: true, ..TokenLife::seen(now + Duration::from_secs(3_600), now, needed) };
        let (_, hint) = too_short(&life).expect("the lifetime is too short");
        assert!(hint.contains("RotateSecret") && hint.contains("static-roles/"), "{hint}");
        assert!(!hint.contains("token duration"), "{hint}");
    }

    #[test]
    fn a_sufficient_lifetime_gives_no_message() {
        assert_eq!(message_for(90_000, Some(90_000)), None);
        assert_eq!(message_for(1, None), None);
    }
}
