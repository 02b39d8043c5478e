//! `doctor --live`: compares what a live platform and Secrets Manager answer with what the rotation handles.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio::task::JoinHandle;

use super::exit::{CommandFailure, ErrorJson, Exit};
use super::target::interruption::run_until;
use super::target::secret_reference::SecretReference;
use super::target::session::Session;
use super::target::store::AnyStore;
use super::terminal::human_time::parse_duration;
use super::terminal::output::{Format, Output};
use super::terminal::signals::Signals;
use super::terminal::style::Colour;
use super::terminal::table::{Cell, lines};
use crate::rotation::{Deadline, ErrorKind, Observation, Result as Rotated, RotationError, SecretId, VersionId};
use crate::store::aws::AwsSecretsManager;

/// The arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH: the secret whose credentials are used
    pub secret: String,
    /// Send the requests; otherwise only list what they are
    #[arg(long)]
    pub live: bool,
    /// Beginning of the name of the secret that is created and deleted, if SECRET is in Secrets Manager
    #[arg(long, default_value = "genesys-rotator-doctor/", value_name = "PREFIX")]
    pub prefix: String,
    /// Maximum duration: 30s, 5m
    #[arg(long, default_value = "2m", value_parser = parse_duration)]
    pub timeout: Duration,
}

#[derive(Serialize)]
struct DoctorJson<'a> {
    version: &'static str,
    observations: Vec<ObservationJson<'a>>,
    errors: Vec<ErrorJson>,
}

#[derive(Serialize)]
struct ObservationJson<'a> {
    fact: &'static str,
    expected: &'static [&'static str],
    seen: &'a str,
    ok: bool,
}

/// What was observed, and the errors that ended an observation.
struct Report {
    observations: Vec<Observation>,
    errors: Vec<RotationError>,
}

/// Observes the services and prints the report.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or an interruption. What the report contains is printed.
pub async fn run(arguments: &DoctorArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let secret = SecretReference::parse(&arguments.secret)?;
    if !arguments.live {
        explain(arguments, &session.output);
        return Ok(Exit::Done);
    }
    let rotator = session.rotator(&secret, session.platforms()?).await;
    let rotator = rotator.map_err(|error| CommandFailure::settings(&error))?;
    // A task of its own: an interruption does not leave the secret that it creates.
    let observed = match &rotator.store {
        AnyStore::Aws(store) => Some(observe_aws(store.clone(), secret.id.clone(), &arguments.prefix)),
        _ => None,
    };
    let observe = rotator.observe(&secret.id, Deadline::after(arguments.timeout));
    let platform = run_until(Signals::listen().next(), &rotator, observe).await;
    let mut report = Report { observations: Vec::new(), errors: Vec::new() };
    if let Some(observed) = observed {
        report.add(observed.await.unwrap_or_else(|_| Err(not_observed())));
    }
    report.add(platform.map_err(|interrupted| interruption(interrupted.left, &report.errors))?);
    Ok(report.show(&session.output))
}

fn observe_aws(store: AwsSecretsManager, secret: SecretId, prefix: &str) -> JoinHandle<Rotated<Vec<Observation>>> {
    let created = SecretId::new(format!("{prefix}{}", VersionId::random()));
    tokio::spawn(async move {
        let mut seen = store.observe_rules(&secret).await?;
        seen.extend(store.observe_versions(&created).await?);
        Ok(seen)
    })
}

fn explain(arguments: &DoctorArgs, output: &Output) {
    output.result("With --live, doctor sends requests to the real services, and changes nothing that exists:");
    output.result("  it requests one token with the credentials of the secret, validates it, and revokes it");
    output.result("  it sends one token request of a client and two API requests of a token that do not exist");
    output.result(format_args!(
        "  if the secret is in Secrets Manager, it creates a secret {}UUID, changes its labels, and deletes it",
        arguments.prefix
    ));
    output.result("It prints which answers differ from what the rotation handles. The report contains no secret.");
}

fn not_observed() -> RotationError {
    RotationError::new(ErrorKind::StoreUnavailable, "the observation of Secrets Manager did not finish")
}

fn interruption(left: Option<RotationError>, errors: &[RotationError]) -> CommandFailure {
    let token =
        left.map(|error| format!("; its token was not revoked and stays valid until it expires: {}", error.chain()));
    let others = errors.iter().map(|error| format!("; {}", error.chain()));
    let hint = format!("run it again{}", token.into_iter().chain(others).collect::<String>());
    CommandFailure { exit: Exit::Failed, message: "doctor was interrupted".to_owned(), hint }
}

impl Report {
    fn add(&mut self, observed: Rotated<Vec<Observation>>) {
        match observed {
            Ok(seen) => self.observations.extend(seen),
            Err(error) => self.errors.push(error),
        }
    }

    fn show(&self, output: &Output) -> Exit {
        match output.format {
            Format::Json => output.json(&self.to_json()),
            Format::Text => self.table(output),
        }
        for error in &self.errors {
            output.error(&error.chain(), error.hint());
        }
        let is_complete = self.errors.is_empty() && self.observations.iter().all(Observation::is_expected);
        if is_complete { Exit::Done } else { Exit::Failed }
    }

    fn to_json(&self) -> DoctorJson<'_> {
        let observations = self.observations.iter().map(|one| ObservationJson {
            fact: one.fact,
            expected: one.expected,
            seen: &one.seen,
            ok: one.is_expected(),
        });
        DoctorJson {
            version: env!("CARGO_PKG_VERSION"),
            observations: observations.collect(),
            errors: self.errors.iter().map(ErrorJson::from).collect(),
        }
    }

    fn table(&self, output: &Output) {
        let rows = self.observations.iter().map(|one| {
            let seen = match one.is_expected() {
                true => Cell::plain(&one.seen),
                false => Cell::coloured(format!("{} (differs)", one.seen), Colour::Red),
            };
            vec![Cell::plain(one.fact), seen, Cell::plain(one.expected.join(" | "))]
        });
        let rows: Vec<_> = rows.collect();
        for line in lines(["FACT", "SEEN", "EXPECTED"], &rows, output.style) {
            output.styled(&line);
        }
        let differing = self.observations.iter().filter(|one| !one.is_expected()).count();
        output.result(format_args!(
            "genesys-rotator {}: {} facts observed, {differing} differ",
            env!("CARGO_PKG_VERSION"),
            self.observations.len()
        ));
    }
}
