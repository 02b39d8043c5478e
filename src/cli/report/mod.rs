//! The printed result of a rotation.

pub(super) mod previous;

use serde::Serialize;

use self::previous::{PreviousEnd, PreviousEndJson};
use super::exit::ErrorJson;
use super::terminal::human_time::from_now;
use super::terminal::output::{Format, Output};
use super::token_life::too_short;
use crate::rotation::{Clock, RotationError, RotationReport, SecretId, Step, StepOutcome, StepRecord, VersionId};

/// A rotation that has ended.
pub(super) struct Rotation {
    /// The secret as the user named it.
    pub(super) typed: String,
    /// The report of its steps.
    pub(super) report: RotationReport,
    /// The revocation of the previous tokens; `None` if it was not requested.
    pub(super) revocation: Option<PreviousEnd>,
}

#[derive(Debug, Serialize)]
pub(super) struct RotationJson<'a> {
    secret: &'a str,
    version_id: Option<&'a str>,
    promoted: bool,
    /// Expiry of the promoted token; null if no token was promoted or the secret cannot be read.
    expires_at: Option<String>,
    steps: Vec<StepJson>,
    error: Option<ErrorJson>,
    /// The revocation of the previous tokens, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    revocation: Option<PreviousEndJson>,
    /// Why the secret was skipped, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<SkippedJson>,
}

#[derive(Debug, Serialize)]
struct SkippedJson {
    reason: &'static str,
    message: String,
}

/// The duration of a step is measured where it ran. For a rotation that Secrets Manager ran, it is the time between two
/// polls of the secret: of the steps that completed between two polls, the last one gets that time, the others 0.
#[derive(Debug, Serialize)]
struct StepJson {
    step: &'static str,
    /// The outcome's name, or `failed`.
    outcome: &'static str,
    ms: u64,
}

impl Rotation {
    /// A rotation that failed before its first step.
    pub(super) fn not_started(typed: String, error: RotationError) -> Self {
        let secret = SecretId::new(&typed);
        let report = RotationReport { secret, version: None, steps: Vec::new(), token_life: None, error: Some(error) };
        Self { typed, report, revocation: None }
    }

    /// Prints the rotation, and its errors to stderr. With `--all`, a secret is one line of text.
    pub(super) fn show(&self, output: &Output, clock: &impl Clock, is_many: bool) {
        match output.format {
            Format::Json => output.json(&self.to_json()),
            Format::Text if is_many => {
                let verdict = self.verdict(VersionId::short, clock);
                output.marked("", self.report.promoted(), format_args!(" {}  {verdict}", self.typed));
            }
            Format::Text => {
                output.heading(&self.typed);
                self.explain(output, clock);
            }
        }
        self.print_errors(output);
    }

    fn print_errors(&self, output: &Output) {
        if let Some((message, hint)) = self.report.token_life.as_ref().and_then(too_short)
            && self.report.promoted()
        {
            output.warning(&format!("{}: {message}", self.typed), &hint);
        }
        if let Some(revocation) = &self.revocation {
            revocation.print_errors(&self.typed, output);
        }
        let Some(error) = &self.report.error else { return };
        let failed = self.report.steps.last().filter(|record| record.outcome.is_none());
        let place = failed.map_or_else(String::new, |record| format!("{} failed: ", record.step));
        output.error(&format!("{}: {place}{}", self.typed, error.chain()), error.hint());
    }

    /// The rotation as JSON.
    pub(super) fn to_json(&self) -> RotationJson<'_> {
        let report = &self.report;
        let life = report.token_life.filter(|_| report.promoted());
        RotationJson {
            secret: &self.typed,
            version_id: report.version.as_ref().map(|version| version.as_str()),
            promoted: report.promoted(),
            expires_at: life.map(|life| life.expires_at.to_string()),
            steps: report.steps.iter().map(StepJson::of).collect(),
            error: report.error.as_ref().map(ErrorJson::from),
            revocation: self.revocation.as_ref().map(PreviousEnd::to_json),
            skipped: None,
        }
    }

    /// Prints the steps line by line, and the result for readers.
    pub(super) fn explain(&self, output: &Output, clock: &impl Clock) {
        for record in &self.report.steps {
            let (step, ms) = (record.step.name(), record.took.as_millis());
            output.marked("  ", record.outcome.is_some(), format_args!("{step:<12} {ms:>6} ms  {}", what(record)));
        }
        output.result(format_args!("  {}", self.verdict(VersionId::as_str, clock)));
    }

    fn verdict(&self, shown: impl Fn(&VersionId) -> &str, clock: &impl Clock) -> String {
        let revocation = self.revocation.as_ref().map(PreviousEnd::text).unwrap_or_default();
        format!("{}{revocation}", self.promotion_text(shown, clock))
    }

    fn promotion_text(&self, shown: impl Fn(&VersionId) -> &str, clock: &impl Clock) -> String {
        let report = &self.report;
        let Some(version) = report.version.as_ref().filter(|_| report.promoted()) else {
            return "nothing was promoted: readers keep the current version".to_owned();
        };
        let version = shown(version);
        match report.token_life {
            None => format!("promoted version {version}"),
            Some(life) => {
                let distance = from_now(life.expires_at, clock.now());
                format!("promoted version {version}, token valid until {} ({distance})", life.expires_at)
            }
        }
    }
}

impl<'a> RotationJson<'a> {
    /// A secret that was skipped for a reason with this stable name.
    pub(super) fn skipped(
        typed: &'a str,
        name: &'static str,
        message: String,
        revocation: Option<&PreviousEnd>,
    ) -> Self {
        Self {
            secret: typed,
            version_id: None,
            promoted: false,
            expires_at: None,
            steps: Vec::new(),
            error: None,
            revocation: revocation.map(PreviousEnd::to_json),
            skipped: Some(SkippedJson { reason: name, message }),
        }
    }
}

impl StepJson {
    fn of(record: &StepRecord) -> Self {
        let outcome = record.outcome.map_or("failed", StepOutcome::name);
        let ms = u64::try_from(record.took.as_millis()).unwrap_or(u64::MAX);
        Self { step: record.step.name(), outcome, ms }
    }
}

fn what(record: &StepRecord) -> &'static str {
    match (record.step, record.outcome) {
        (Step::Create, None) => "could not stage a new token",
        (Step::Set, None) => "failed",
        (Step::Test, None) => "the new token was not validated",
        (Step::Finish, None) => "the new version was not promoted",
        (_, Some(StepOutcome::AlreadyDone)) => "already done",
        (_, Some(StepOutcome::SetUpTested)) => "the credentials work",
        (Step::Set, Some(_)) => "nothing to do for a token",
        (Step::Create, Some(_)) => "exchanged the client credentials, staged the new token",
        (Step::Test, Some(_)) => "the new token works",
        (Step::Finish, Some(_)) => "readers get the new token from now on",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::*;
    use crate::cli::terminal::output::tests::Captured;
    use crate::rotation::{ErrorKind, RotationError, SecretId, TokenLife, VersionId};

    const VERSION: &str = "11111111-1111-1111-1111-111111111111";

    struct At(Timestamp);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            self.0
        }
    }

    fn now() -> At {
        At("2026-01-02T03:04:05Z".parse().expect("a valid timestamp"))
    }

    fn rotation(error: Option<RotationError>) -> Rotation {
        let done = |step, outcome, ms| StepRecord { step, outcome, took: Duration::from_millis(ms) };
        let test = error.is_none().then_some(StepOutcome::Done);
        let mut steps = vec![
            done(Step::Create, Some(StepOutcome::Done), 312),
            done(Step::Set, Some(StepOutcome::NothingToDo), 0),
            done(Step::Test, test, 45),
        ];
        if error.is_none() {
            steps.push(done(Step::Finish, Some(StepOutcome::Done), 20));
        }
        let expires_at = now().0 + Duration::from_secs(86_399);
        let report = RotationReport {
            secret: SecretId::new("token"),
            version: Some(VersionId::from_store(VERSION)),
            steps,
            token_life: Some(TokenLife::seen(expires_at, now().0, None)),
            error,
        };
        Rotation { typed: "aws:token".to_owned(), report, revocation: None }
    }

    fn explained(rotation: &Rotation) -> String {
        let stdout = Captured::default();
        rotation.explain(&Output::to(stdout.clone(), Captured::default()), &now());
        stdout.text()
    }

    #[test]
    fn the_text_explains_each_step() {
        let expected = "  \
  ok   createSecret    312 ms  exchanged the client credentials, staged the new token
  ok   setSecret         0 ms  nothing to do for a token
  ok   testSecret       45 ms  the new token works
  ok   finishSecret     20 ms  readers get the new token from now on
  promoted version 11111111-1111-1111-1111-111111111111, token valid until 2026-01-03T03:04:04Z (in 23 h 59 min)
";
        assert_eq!(explained(&rotation(None)), expected);
    }

    #[test]
    fn a_failed_rotation_says_that_nothing_was_promoted() {
        let text = explained(&rotation(Some(RotationError::new(ErrorKind::TokenRejected, "refused"))));
        assert!(text.contains("FAIL testSecret"), "{text}");
        assert!(text.ends_with("  nothing was promoted: readers keep the current version\n"), "{text}");
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        let text = serde_json::to_string(&rotation(None).to_json()).expect("it is serialised");
        assert_eq!(
            text,
            r#"{"secret":"aws:token","version_id":"11111111-1111-1111-1111-111111111111","promoted":true,"expires_at":"2026-01-03T03:04:04Z","steps":[{"step":"createSecret","outcome":"done","ms":312},{"step":"setSecret","outcome":"nothing_to_do","ms":0},{"step":"testSecret","outcome":"done","ms":45},{"step":"finishSecret","outcome":"done","ms":20}],"error":null}"#
        );
        let error = RotationError::new(ErrorKind::TokenRejected, "refused").with_hint("rotate again");
        let failed = rotation(Some(error));
        let json = serde_json::to_value(failed.to_json()).expect("it is serialised");
        assert_eq!((&json["promoted"], &json["expires_at"]), (&false.into(), &serde_json::Value::Null));
        assert_eq!(json["steps"][2]["outcome"], "failed");
        let error = serde_json::json!({"type": "TokenRejected", "message": "refused", "hint": "rotate again"});
        assert_eq!(json["error"], error);
    }
}
