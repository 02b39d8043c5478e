//! The table rows of a status: one for each secret, or with `--wide` one for each labelled version.

use std::time::Duration;

use jiff::Timestamp;

use super::condition::Condition;
use super::state::{Status, TokenStatus};
use crate::cli::terminal::human_time::{from_now, minute, span};
use crate::cli::terminal::output::Output;
use crate::cli::terminal::printable::one_line;
use crate::cli::terminal::style::Colour;
use crate::cli::terminal::table::{self, Cell};
use crate::rotation::{Description, RotationError, RotationRules};

/// One row for each secret.
pub(super) const HEADER: [&str; 4] = ["SECRET", "STATE", "TOKEN EXPIRES", "NEXT ROTATION"];
/// With `--wide`.
pub(super) const WIDE_HEADER: [&str; 8] =
    ["SECRET", "STATE", "VERSION", "LABELS", "ISSUED", "TOKEN EXPIRES", "NEXT ROTATION", "SCHEDULE"];

/// The message for an empty table.
pub(super) const NOTHING: &str = "no matching secret has rotation enabled";

/// A token that expires sooner than this is highlighted.
const SOON: Duration = Duration::from_secs(3_600);

/// The lines of the table, the most urgent secret first.
pub(super) fn table_of(statuses: &[Status], now: Timestamp, is_wide: bool, output: &Output) -> Vec<String> {
    let statuses = by_urgency(statuses, now);
    if is_wide {
        let rows: Vec<_> = statuses.iter().flat_map(|status| status.wide_rows(now)).collect();
        return table::lines(WIDE_HEADER, &rows, output.style);
    }
    let mut rows: Vec<_> = statuses.iter().map(|status| status.row(now)).collect();
    if let Some(width) = output.width {
        table::fit(HEADER, &mut rows, width);
    }
    table::lines(HEADER, &rows, output.style)
}

/// The statuses, the most urgent first.
pub(super) fn by_urgency(statuses: &[Status], now: Timestamp) -> Vec<&Status> {
    let mut sorted: Vec<_> = statuses.iter().collect();
    sorted.sort_by_key(|status| (status.condition(now), status.expires_at().unwrap_or(Timestamp::MAX)));
    sorted
}

impl Status {
    /// One row.
    pub(super) fn row(&self, now: Timestamp) -> Vec<Cell> {
        let name = Cell::plain(one_line(&self.typed));
        match &self.described {
            None => vec![name, self.state(now), self.expires(now)],
            Some(described) => vec![name, self.state(now), self.expires(now), next_in(described, now)],
        }
    }

    fn state(&self, now: Timestamp) -> Cell {
        let condition = self.condition(now);
        let mut text = condition.name().replace('_', " ");
        if let Some(age) = self.failing_for(now).filter(|_| condition == Condition::Failing) {
            text = format!("{text} for {}", span(age));
        }
        match condition.colour() {
            Some(colour) => Cell::coloured(text, colour),
            None => Cell::plain(text),
        }
    }

    /// The first row shows the secret and its current version, the others its further versions.
    pub(super) fn wide_rows(&self, now: Timestamp) -> Vec<Vec<Cell>> {
        let name = Cell::plain(one_line(&self.typed));
        let Some(described) = &self.described else {
            let reason = self.error.as_ref().map_or_else(String::new, RotationError::chain);
            return vec![vec![name, Cell::coloured(one_line(&reason), Colour::Red)]];
        };
        let versions = self.versions();
        let mut versions = versions.iter().map(|version| (version.id.short(), version.labels.join(" ")));
        let (id, labels) = versions.next().unwrap_or_default();
        let first = vec![
            name,
            self.state(now),
            Cell::plain(id),
            Cell::plain(labels),
            Cell::plain(self.issued(now)),
            self.expires(now),
            next_rotation(described, now),
            Cell::plain(described.rotation_rules.as_ref().and_then(schedule).unwrap_or_default()),
        ];
        let further = |(id, labels)| {
            let mut row = vec![Cell::default(); WIDE_HEADER.len()];
            row[2] = Cell::coloured(id, Colour::Faint);
            row[3] = Cell::coloured(labels, Colour::Faint);
            row
        };
        std::iter::once(first).chain(versions.map(further)).collect()
    }

    fn issued(&self, now: Timestamp) -> String {
        match self.token {
            TokenStatus::Stored { issued_at: Some(issued_at), .. } => from_now(issued_at, now),
            _ => String::new(),
        }
    }

    fn expires(&self, now: Timestamp) -> Cell {
        let expires_at = match self.token {
            TokenStatus::Stored { expires_at, .. } => expires_at,
            TokenStatus::Missing => return Cell::coloured("no token yet", Colour::Yellow),
            TokenStatus::NotPermitted => return Cell::coloured("access denied", Colour::Faint),
            TokenStatus::Unreadable | TokenStatus::Unknown => {
                return Cell::coloured(self.error.as_ref().map_or("unknown", |error| error.kind().name()), Colour::Red);
            }
        };
        let Some(expires_at) = expires_at else { return Cell::coloured("unknown", Colour::Yellow) };
        let distance = from_now(expires_at, now);
        if expires_at <= now {
            return Cell::coloured(format!("expired {distance}"), Colour::Red);
        }
        let next = self.described.as_ref().and_then(|described| described.next_rotation);
        let is_short = expires_at < now + SOON || next.is_some_and(|next| expires_at < next);
        Cell::coloured(distance, if is_short { Colour::Yellow } else { Colour::Green })
    }
}

fn next_in(described: &Description, now: Timestamp) -> Cell {
    match (described.rotation_enabled, described.next_rotation) {
        (Some(true) | None, Some(next)) => Cell::plain(from_now(next, now)),
        _ => next_rotation(described, now),
    }
}

fn next_rotation(described: &Description, now: Timestamp) -> Cell {
    match (described.rotation_enabled, described.next_rotation) {
        (Some(false), _) => Cell::coloured("disabled", Colour::Yellow),
        (_, Some(next)) => Cell::plain(format!("{} UTC ({})", minute(next), from_now(next, now))),
        (Some(true), None) => Cell::plain("unknown"),
        (None, None) => Cell::coloured("manual", Colour::Faint),
    }
}

/// The schedule as text; `None` if there is none.
pub(super) fn schedule(rules: &RotationRules) -> Option<String> {
    let days = |days: i64| if days == 1 { "every day".to_owned() } else { format!("every {days} days") };
    let often = rules.schedule_expression.clone().or_else(|| rules.automatically_after_days.map(days))?;
    Some(match &rules.duration {
        Some(window) => format!("{often}, window {window}"),
        None => often,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::terminal::style::Style;
    use crate::rotation::{CURRENT, ErrorKind, LabelledVersion, PREVIOUS, VersionId};

    pub(crate) fn moment(text: &str) -> Timestamp {
        text.parse().expect(text)
    }

    pub(crate) fn status(token: TokenStatus) -> Status {
        let version = |digit: &str, label: &str| LabelledVersion {
            id: VersionId::from_store([8, 4, 4, 4, 12].map(|count| digit.repeat(count)).join("-")),
            labels: vec![label.to_owned()],
        };
        let rules = RotationRules {
            schedule_expression: Some("rate(4 hours)".to_owned()),
            duration: Some("2h".to_owned()),
            ..RotationRules::default()
        };
        let described = Description {
            name: "token".to_owned(),
            rotation_enabled: Some(true),
            rotation_rules: Some(rules),
            next_rotation: Some(moment("2026-01-02T08:00:00Z")),
            versions: vec![version("0", PREVIOUS), version("1", CURRENT)],
            ..Description::default()
        };
        Status { typed: "aws:token".to_owned(), described: Some(described), token, pending_since: None, error: None }
    }

    fn stored(expires_at: &str) -> TokenStatus {
        let issued_at = Some(moment("2026-01-02T03:04:05Z"));
        TokenStatus::Stored { issued_at, expires_at: Some(moment(expires_at)) }
    }

    #[test]
    fn the_wide_table_shows_the_current_version_first() {
        let now = moment("2026-01-02T06:00:00Z");
        let rows = status(stored("2026-01-03T03:04:04Z")).wide_rows(now);
        assert_eq!(
            table::lines(WIDE_HEADER, &rows, Style::default()),
            [
                "SECRET     STATE  VERSION   LABELS       ISSUED          TOKEN EXPIRES  NEXT ROTATION                  SCHEDULE",
                "aws:token  ok     11111111  AWSCURRENT   2 h 55 min ago  in 21 h 4 min  2026-01-02 08:00 UTC (in 2 h)  rate(4 hours), window 2h",
                "                  00000000  AWSPREVIOUS",
            ]
        );
    }

    #[test]
    fn the_table_has_one_row_for_each_secret() {
        let now = moment("2026-01-02T06:00:00Z");
        let failing = Status {
            pending_since: Some(moment("2026-01-02T03:00:00Z")),
            typed: "b".to_owned(),
            ..status(stored("2026-01-02T07:00:00Z"))
        };
        let rows = [status(stored("2026-01-03T03:04:04Z")).row(now), failing.row(now)];
        assert_eq!(
            table::lines(HEADER, &rows, Style::default()),
            [
                "SECRET     STATE            TOKEN EXPIRES  NEXT ROTATION",
                "aws:token  ok               in 21 h 4 min  in 2 h",
                "b          failing for 3 h  in 1 h         in 2 h",
            ]
        );
    }

    #[test]
    fn the_colour_of_the_expiry_depends_on_the_remaining_lifetime() {
        let now = moment("2026-01-02T06:00:00Z");
        let rows = [
            ("2026-01-02T05:00:00Z", "expired 1 h ago", Colour::Red),
            ("2026-01-02T06:30:00Z", "in 30 min", Colour::Yellow),
            ("2026-01-02T07:30:00Z", "in 1 h 30 min", Colour::Yellow),
            ("2026-01-02T09:30:00Z", "in 3 h 30 min", Colour::Green),
        ];
        for (expires_at, text, colour) in rows {
            assert_eq!(status(stored(expires_at)).expires(now), Cell::coloured(text, colour));
        }
        assert_eq!(status(TokenStatus::NotPermitted).expires(now).text, "access denied");
    }

    #[test]
    fn a_secret_that_cannot_be_described_shows_its_error() {
        let error = RotationError::new(ErrorKind::SecretNotFound, "the secret does not exist");
        let status = Status::unknown("nothing".to_owned(), error);
        let rows = status.wide_rows(moment("2026-01-02T06:00:00Z"));
        assert_eq!(rows, [vec![Cell::plain("nothing"), Cell::coloured("the secret does not exist", Colour::Red)]]);
    }
}
