//! What to say of a token that does not live until it is replaced.

use super::terminal::human_time::span;
use crate::rotation::{LONGEST_DURATION, TokenLife};

/// The platform answers with a second less than it was set to, and a rotation takes some of what is left.
const MARGIN_SECONDS: u64 = 60;

/// What is known of every token of NICE CXone, and what makes a rotation often enough for it.
pub(super) const HOURLY: &str = "a CXone token lives an hour and cannot live longer, and a schedule of Secrets Manager rotates every 4 hours at the soonest: have a scheduler (EventBridge Scheduler, cron, CI) call RotateSecret or run `rotate` every 30 min, or let the secrets engine of Vault and OpenBao keep it fresh (static-roles/, or token/:role on demand)";

/// The stable name of this fault in JSON output.
pub(super) const TOO_SHORT: &str = "TokenLifeTooShort";

/// How long the token lives and how long it should, and both ways out; `None` where it lives long enough.
pub(super) fn too_short(life: &TokenLife) -> Option<(String, String)> {
    let needed = life.needed.filter(|_| life.ends_before_next_rotation())?;
    let message = format!(
        "the token lives {}, but up to {} may pass until the next rotation has replaced it",
        span(life.left),
        span(needed)
    );
    if life.is_fixed {
        return Some((message, HOURLY.to_owned()));
    }
    let rotate = "rotate more often (`aws secretsmanager rotate-secret --rotation-rules`; the schedule and its window count together)";
    let hint = if needed < LONGEST_DURATION {
        format!(
            "raise the OAuth client's token duration to at least {} s (`check --fix`, or Admin > Integrations > OAuth), or {rotate}",
            (needed.as_secs() + MARGIN_SECONDS).min(LONGEST_DURATION.as_secs())
        )
    } else {
        format!(
            "{rotate}; raising the OAuth client's token duration (Admin > Integrations > OAuth) helps as well, but only up to {} s",
            LONGEST_DURATION.as_secs()
        )
    };
    Some((message, hint))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn told(left: u64, needed: Option<u64>) -> Option<(String, String)> {
        let now = "2026-01-02T03:04:05Z".parse().expect("a valid timestamp");
        let expires_at = now + Duration::from_secs(left);
        too_short(&TokenLife::seen(expires_at, now, needed.map(Duration::from_secs)))
    }

    #[test]
    fn both_ways_out_are_named() {
        let (message, hint) = told(86_400, Some(90_000)).expect("it is too short");
        assert!(message.contains("lives 1 d,") && message.contains("up to 1 d 1 h"), "{message}");
        assert!(hint.contains("at least 90060 s") && hint.contains("rotate more often"), "{hint}");
    }

    #[test]
    fn a_duration_that_no_client_can_have_is_not_advised() {
        let (_, hint) = told(86_400, Some(30 * 86_400)).expect("it is too short");
        assert!(hint.starts_with("rotate more often") && hint.contains("only up to 172800 s"), "{hint}");
    }

    #[test]
    fn a_duration_that_the_platform_decides_is_not_advised_to_be_raised() {
        let now = "2026-01-02T03:04:05Z".parse().expect("a valid timestamp");
        let needed = Some(Duration::from_secs(18_000));
        let life = TokenLife { is_fixed: true, ..TokenLife::seen(now + Duration::from_secs(3_600), now, needed) };
        let (_, hint) = too_short(&life).expect("it is too short");
        assert!(hint.contains("RotateSecret") && hint.contains("static-roles/"), "{hint}");
        assert!(!hint.contains("token duration"), "{hint}");
    }

    #[test]
    fn a_token_that_lives_long_enough_is_fine() {
        assert_eq!(told(90_000, Some(90_000)), None);
        assert_eq!(told(1, None), None);
    }
}
