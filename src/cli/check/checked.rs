//! The result of a check, as text and as JSON.

use serde::Serialize;

use super::admin::{self, AdminJson};
use super::fix::{Fix, RaisedJson};
use super::idle;
use crate::cli::exit::{ErrorJson, Exit};
use crate::cli::terminal::human_time::span;
use crate::cli::terminal::output::{Format, Output};
use crate::cli::terminal::printable::one_line;
use crate::cli::token_life::{HOURLY, TOO_SHORT, too_short};
use crate::rotation::{CheckReport, CheckStage, IdleReport, PlatformName, RotationError};

/// The result of a check.
pub(super) struct Checked {
    pub(super) secret: String,
    /// The stages that started; the last one failed if the result is an error.
    pub(super) tried: Vec<CheckStage>,
    pub(super) result: Result<CheckReport, RotationError>,
    pub(super) fix: Fix,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    secret: &'a str,
    ok: bool,
    tried: Vec<StageJson>,
    platform: Option<&'a str>,
    region: Option<&'a str>,
    client_id: Option<&'a str>,
    probes: Option<usize>,
    /// The fields of the document that no rotation reads, and each keeps.
    kept_fields: Option<&'a [String]>,
    /// The lifetime of this client's tokens, in seconds.
    token_lifetime: Option<u64>,
    /// The lifetime that the schedule requires, in seconds.
    token_lifetime_needed: Option<u64>,
    /// The client's configured token duration, in seconds; null if it cannot be read.
    token_duration: Option<u64>,
    /// The time after which a token that is not used ends, in seconds; null if the platform names none.
    idle_timeout: Option<u64>,
    /// When the current token ends unless it is used before.
    idles_at: Option<String>,
    /// What a rotation does not fail with, and readers may.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<ErrorJson>,
    /// The token durations that `--fix` raised.
    #[serde(skip_serializing_if = "Option::is_none")]
    raised: Option<Vec<RaisedJson<'a>>>,
    /// The access of the admin credentials, if the document names some.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin: Option<AdminJson<'a>>,
    /// Why the check's token was not revoked, if it was not.
    #[serde(skip_serializing_if = "Option::is_none")]
    unrevoked: Option<ErrorJson>,
    /// A note on the platform's tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
    error: Option<ErrorJson>,
}

#[derive(Serialize)]
struct StageJson {
    stage: &'static str,
    outcome: &'static str,
}

impl Checked {
    /// The result of a secret that could not be read.
    pub(super) fn not_read(secret: String, error: RotationError) -> Self {
        Self { secret, tried: vec![CheckStage::Read], result: Err(error), fix: Fix::default() }
    }

    /// Prints the result, and returns the exit code.
    pub(super) fn show(&self, output: &Output) -> Exit {
        let error = self.error();
        match output.format {
            Format::Json => output.json(&self.to_json(error.clone())),
            Format::Text => self.explain(output),
        }
        if let Some(error) = self.unrevoked() {
            let message =
                format!("the token of this check was not revoked and stays valid until it expires: {}", error.chain());
            output.warning(&format!("{}: {message}", self.secret), error.hint());
        }
        if let Some((message, hint)) = self.warning() {
            output.warning(&format!("{}: {message}", self.secret), &hint);
        }
        let Some((_, message, hint)) = error else { return Exit::Done };
        output.error(&format!("{}: {message}", self.secret), &hint);
        Exit::Failed
    }

    /// Whether the token's lifetime is too short, and configurable.
    pub(super) fn could_be_raised(&self) -> bool {
        let life = self.result.as_ref().ok().map(|report| report.token_life);
        life.is_some_and(|life| life.ends_before_next_rotation() && !life.is_fixed)
    }

    /// Kind, message and hint. A token that expires before the next rotation is an error too.
    fn error(&self) -> Option<(&'static str, String, String)> {
        match &self.result {
            Err(error) => Some((error.kind().name(), error.chain(), error.hint().to_owned())),
            Ok(report) => match (too_short(&report.token_life), self.fix.rest()) {
                (Some(too_short), _) => {
                    let (message, hint) = self.fix.explain(report, too_short);
                    Some((TOO_SHORT, message, hint))
                }
                (None, Some(error)) => Some((error.kind().name(), error.chain(), error.hint().to_owned())),
                (None, None) => None,
            },
        }
    }

    fn to_json(&self, error: Option<(&'static str, String, String)>) -> CheckJson<'_> {
        let report = self.result.as_ref().ok();
        let tried = self.tried.iter().enumerate();
        let stage = |(index, stage): (usize, &CheckStage)| StageJson {
            stage: stage.name(),
            outcome: match self.succeeded(index) {
                true if *stage == CheckStage::Revoke && self.leaves_token() => "nothing_to_do",
                true if *stage == CheckStage::Revoke && self.unrevoked().is_some() => "failed",
                true => "done",
                false => "failed",
            },
        };
        CheckJson {
            secret: &self.secret,
            ok: error.is_none(),
            tried: tried.map(stage).collect(),
            platform: report.map(|report| report.platform.as_str()),
            region: report.map(|report| report.region.as_str()),
            client_id: report.map(|report| report.client_id.as_str()),
            probes: report.map(|report| report.probes),
            kept_fields: report.map(|report| report.kept_fields.as_slice()),
            token_lifetime: report.map(|report| report.token_life.left.as_secs()),
            token_lifetime_needed: report.and_then(|report| report.token_life.needed).map(|needed| needed.as_secs()),
            token_duration: report.and_then(|report| report.token_duration).map(|duration| duration.as_secs()),
            idle_timeout: self.idle().map(|idle| idle.timeout.as_secs()),
            idles_at: self.idle().and_then(idle::idles_at).map(|at| at.to_string()),
            warning: self.warning().map(|(message, hint)| ErrorJson::new(idle::IDLE_TIMEOUT, message, hint)),
            raised: self.fix.to_json(),
            admin: report.and_then(|report| report.admin.as_ref()).map(AdminJson::of),
            unrevoked: self.unrevoked().map(ErrorJson::from),
            note: report.filter(|report| report.token_life.is_fixed).map(|_| HOURLY),
            error: error.map(|(kind, message, hint)| ErrorJson::new(kind, message, hint)),
        }
    }

    fn explain(&self, output: &Output) {
        output.result(&self.secret);
        for (index, stage) in self.tried.iter().enumerate() {
            let is_done = self.succeeded(index) && (*stage != CheckStage::Revoke || self.unrevoked().is_none());
            output.marked("  ", is_done, self.describe(*stage));
        }
        let Ok(report) = &self.result else { return output.result("  not ready to rotate; nothing was stored") };
        self.fix.show(output);
        if let Some(admin) = &report.admin {
            output.result(format_args!("  note {}", admin::note_on(admin)));
        }
        if !report.kept_fields.is_empty() {
            let fields = one_line(&report.kept_fields.join(", "));
            output.result(format_args!("  note fields of your own, which rotations keep: {fields}"));
        }
        let life = &report.token_life;
        let set = report.token_duration.map(|duration| format!(" (its token duration is {} s)", duration.as_secs()));
        let lifetime = format!("tokens of this client are valid for {}{}", span(life.left), set.unwrap_or_default());
        let (is_sufficient, line) = match life.needed {
            None => (true, format!("{lifetime}; no schedule sets a minimum")),
            Some(needed) => {
                (!life.ends_before_next_rotation(), format!("{lifetime}; the schedule requires up to {}", span(needed)))
            }
        };
        output.marked("  ", is_sufficient, line);
        if life.is_fixed && is_sufficient {
            output.result(format_args!("  note {HOURLY}"));
        }
        for line in self.idle().map(idle::notes).unwrap_or_default() {
            output.result(format_args!("  note {line}"));
        }
        let verdict = if is_sufficient {
            "ready to rotate"
        } else {
            "would rotate, but the token would expire before the next rotation"
        };
        output.result(format_args!("  {verdict}; nothing was stored"));
    }

    fn idle(&self) -> Option<&IdleReport> {
        self.result.as_ref().ok()?.idle.as_ref()
    }

    /// The warning about the idle time-out of the tokens.
    fn warning(&self) -> Option<(String, String)> {
        let needed = self.result.as_ref().ok()?.token_life.needed;
        idle::warning(self.idle()?, needed)
    }

    /// Why the check's token was not revoked.
    fn unrevoked(&self) -> Option<&RotationError> {
        self.result.as_ref().ok()?.unrevoked.as_ref()
    }

    /// Whether the platform cannot revoke tokens.
    fn leaves_token(&self) -> bool {
        self.result.as_ref().is_ok_and(|report| report.platform == PlatformName::Cxone.name())
    }

    fn succeeded(&self, index: usize) -> bool {
        self.result.is_ok() || index + 1 < self.tried.len()
    }

    fn describe(&self, stage: CheckStage) -> String {
        let report = self.result.as_ref().ok();
        match (stage, report) {
            (CheckStage::Read, _) => "read the secret and its document".to_owned(),
            (CheckStage::Exchange, None) => "exchange the client credentials for a token".to_owned(),
            (CheckStage::Exchange, Some(report)) => {
                let CheckReport { platform, region, client_id, .. } = report;
                format!("exchange the credentials of client {client_id} for a token ({platform}, {region})")
            }
            (CheckStage::Validate, report) => match report.map_or(0, |report| report.probes) {
                0 => "validate the token".to_owned(),
                1 => "validate the token, with 1 probe".to_owned(),
                probes => format!("validate the token, with {probes} probes"),
            },
            (CheckStage::Revoke, _) if self.leaves_token() => {
                "let the token expire: CXone cannot revoke tokens".to_owned()
            }
            (CheckStage::Revoke, _) => "revoke the token".to_owned(),
            (CheckStage::Admin, report) => admin::describe(report.and_then(|report| report.admin.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::cli::terminal::output::tests::Captured;
    use crate::rotation::{ErrorKind, TokenLife};

    fn report(needed: Option<u64>) -> CheckReport {
        let now = "2026-01-02T03:04:05Z".parse().expect("a valid timestamp");
        CheckReport {
            platform: "genesys-cloud".to_owned(),
            region: "mypurecloud.ie".to_owned(),
            client_id: "client".to_owned(),
            probes: 1,
            kept_fields: vec!["team".to_owned(), "ours".to_owned()],
            token_life: TokenLife::seen(now + Duration::from_secs(86_399), now, needed.map(Duration::from_secs)),
            token_duration: None,
            idle: None,
            unrevoked: None,
            admin: None,
        }
    }

    fn shown(
        format: Format,
        tried: &[CheckStage],
        result: Result<CheckReport, RotationError>,
    ) -> (Exit, String, String) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let mut output = Output::to(stdout.clone(), stderr.clone());
        output.format = format;
        let exit =
            Checked { secret: "token".to_owned(), tried: tried.to_vec(), result, fix: Fix::default() }.show(&output);
        (exit, stdout.text(), stderr.text())
    }

    const ALL: [CheckStage; 4] = [CheckStage::Read, CheckStage::Exchange, CheckStage::Validate, CheckStage::Revoke];

    #[test]
    fn the_text_has_a_line_for_each_stage() {
        let (exit, stdout, stderr) = shown(Format::Text, &ALL, Ok(report(Some(18_000))));
        let expected = "\
token
  ok   read the secret and its document
  ok   exchange the credentials of client client for a token (genesys-cloud, mypurecloud.ie)
  ok   validate the token, with 1 probe
  ok   revoke the token
  note fields of your own, which rotations keep: team, ours
  ok   tokens of this client are valid for 23 h 59 min; the schedule requires up to 5 h
  ready to rotate; nothing was stored
";
        assert_eq!((exit, stdout.as_str(), stderr.as_str()), (Exit::Done, expected, ""));
    }

    #[test]
    fn the_failed_stage_is_marked() {
        let error = RotationError::new(ErrorKind::TokenRejected, "the token is not accepted").with_hint("rotate again");
        let (exit, stdout, stderr) = shown(Format::Text, &ALL[..3], Err(error));
        assert_eq!(exit, Exit::Failed);
        assert!(stdout.contains("FAIL validate the token\n  not ready to rotate"), "{stdout}");
        assert_eq!(stderr, "error: token: the token is not accepted\nhint: rotate again\n");
    }

    #[test]
    fn a_token_that_expires_before_the_next_rotation_is_an_error() {
        let (exit, stdout, _) = shown(Format::Json, &ALL, Ok(report(Some(90_000))));
        assert_eq!(exit, Exit::Failed);
        let json: serde_json::Value = serde_json::from_str(&stdout).expect("stdout is JSON");
        assert_eq!((&json["ok"], &json["error"]["type"]), (&false.into(), &TOO_SHORT.into()));
        assert_eq!(json["tried"][3], serde_json::json!({"stage": "revoke", "outcome": "done"}));
        assert_eq!((&json["token_lifetime"], &json["token_lifetime_needed"]), (&86_399.into(), &90_000.into()));
    }
}
