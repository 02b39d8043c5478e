//! `init`: writes a checked document to a new file, or prints an example.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::check::check_unstored;
use super::exit::{CommandFailure, Exit};
use super::target::session::Session;
use super::target::store::AnyStore;
use super::terminal::confirmation;
use super::terminal::human_time::parse_duration;
use super::terminal::prompt;
use crate::platform::{Platforms, Region};
use crate::rotation::{Deadline, RotationError, Rotator, SecretId};
use crate::secret::{ExposeSecret, SecretString};
use crate::store::file::FileStore;
use crate::store::memory::MemoryStore;

/// The file that is written if none is named.
const FILE: &str = "genesys.json";
/// How often a person may answer a question.
const TRIES: usize = 3;
/// A document to fill in.
const EXAMPLE: &str = r#"{
  "region": "mypurecloud.ie",
  "client_id": "CLIENT-ID",
  "client_secret": "CLIENT-SECRET",
  "probes": ["GET /api/v2/routing/skills?pageSize=1"]
}
"#;

/// The arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The file to write, which must not exist [default: genesys.json]
    pub file: Option<String>,
    /// Maximum duration of the check: 30s, 5m
    #[arg(long, default_value = "1m", value_parser = parse_duration)]
    pub timeout: Duration,
}

/// The answers of a person.
struct Answers {
    region: String,
    client_id: String,
    client_secret: SecretString,
}

/// Asks for a region and client credentials, checks them, and writes the document. Without a terminal, prints an example.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the file cannot be written. What the check finds is printed.
pub async fn run(arguments: &InitArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let is_piped = arguments.file.is_none() && !io::stdout().is_terminal();
    if is_piped || !confirmation::can_ask() {
        return example(arguments, session);
    }
    let file = arguments.file.as_deref().unwrap_or(FILE);
    let file = file.strip_prefix("file:").unwrap_or(file);
    check_path(file)?;
    let platforms = session.platforms()?;
    let answered = tokio::task::spawn_blocking(ask);
    let Some(answers) = answered.await.ok().transpose().map_err(|error| unreadable(&error))?.flatten() else {
        session.output.note("cancelled: nothing was written");
        return Ok(Exit::Failed);
    };
    let value = answers.to_value();
    let (store, secret) = (MemoryStore::new(), SecretId::new(file));
    store.create(secret.clone(), value.clone());
    let rotator = Rotator::new(AnyStore::Memory(store), platforms, session.clock);
    let (typed, deadline) = (format!("file:{file}"), Deadline::after(arguments.timeout));
    let checked = check_unstored(&typed, &secret, &rotator, deadline, session).await?;
    if checked != Exit::Done {
        session.output.note(format_args!("{file} was not written"));
        return Ok(Exit::Failed);
    }
    FileStore::default().create_document(&secret, &value).await?;
    session.output.note(format_args!(
        "{file} was written, readable by its owner only; to rotate it: genesys-rotator rotate {typed}"
    ));
    Ok(Exit::Done)
}

/// Prints a document to fill in.
fn example(arguments: &InitArgs, session: &Session) -> Result<Exit, CommandFailure> {
    if arguments.file.is_some() {
        let message = "init asks for the client's credentials, and this run cannot ask: standard input or standard error is no terminal";
        return Err(CommandFailure::usage(
            message,
            "run it on a terminal; or omit the file, and init prints an example to fill in: `genesys-rotator init | jq …`",
        ));
    }
    session.output.raw(EXAMPLE);
    session.output.note("replace CLIENT-ID and CLIENT-SECRET, keep the file private (chmod 600), and run `genesys-rotator check file:FILE`");
    Ok(Exit::Done)
}

/// Fails before a person types anything.
fn check_path(file: &str) -> Result<(), CommandFailure> {
    let path = Path::new(file);
    if path.symlink_metadata().is_ok() {
        let message = format!("{file} exists and is not overwritten");
        return Err(CommandFailure::usage(message, "name another file, or remove this one if it is not needed"));
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if path.file_name().is_some() && parent.is_dir() {
        return Ok(());
    }
    Err(CommandFailure::usage(format!("{file} is not in a directory that exists"), "create the directory first"))
}

/// Asks until each answer is valid; `None` if the person cancels.
fn ask() -> io::Result<Option<Answers>> {
    let is_region = |text: &str| Region::parse(text).map(drop);
    let Some(region) = ask_for("Region (such as eu-west-1 or mypurecloud.ie): ", is_region)? else { return Ok(None) };
    let Some(client_id) = ask_for("Client id: ", Platforms::check_client_id)? else { return Ok(None) };
    let secret = prompt::secret("Client secret (not shown): ")?;
    let Some(client_secret) = secret.filter(|secret| !secret.expose_secret().is_empty()) else { return Ok(None) };
    Ok(Some(Answers { region, client_id, client_secret }))
}

fn ask_for(question: &str, check: impl Fn(&str) -> Result<(), RotationError>) -> io::Result<Option<String>> {
    for _ in 0..TRIES {
        let Some(answer) = prompt::line(question)? else { return Ok(None) };
        match check(&answer) {
            Ok(()) => return Ok(Some(answer)),
            Err(error) => prompt::tell(&format!("error: {error}\nhint: {}\n", error.hint()))?,
        }
    }
    Ok(None)
}

impl Answers {
    fn to_value(&self) -> SecretString {
        let Self { region, client_id, client_secret } = self;
        let secret = client_secret.expose_secret();
        let document = json!({ "region": region, "client_id": client_id, "client_secret": secret });
        SecretString::from(format!("{document:#}\n"))
    }
}

fn unreadable(error: &io::Error) -> CommandFailure {
    CommandFailure::usage(format!("the answers cannot be read: {error}"), "run the command on another terminal")
}
