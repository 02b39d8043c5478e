//! `status`: versions, labels, time to expiry, next rotation.

mod json;
mod rows;
mod watch;

use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use self::json::StatusJson;
use self::rows::HEADER;
use crate::cli::arguments::Format;
use crate::cli::exit::{Exit, Failure, sentence};
use crate::cli::target::selection::{Chosen, Selection};
use crate::cli::target::session::Session;
use crate::cli::terminal::table;
use crate::rotation::{
    CURRENT, Clock, Deadline, Description, Document, ErrorKind, LabelledVersion, RetryPolicy, RotationError, SecretId,
    SecretStore, VersionSelector,
};
use crate::secret::SecretString;

/// How long one secret may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many secrets are looked at side by side.
const AT_ONCE: usize = 8;
const NOTHING: &str = "no secret of this account and region that was asked for rotates";

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// aws:NAME_OR_ARN, a bare name, vault:MOUNT/PATH, or file:PATH; without any, all secrets of the account that rotate
    #[arg(value_name = "SECRET")]
    pub secrets: Vec<String>,
    /// Which secrets, where none is named.
    #[command(flatten)]
    pub selection: Selection,
    /// Look again every so many seconds (5 if none are given), until Ctrl-C
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5", value_parser = parse_interval)]
    pub watch: Option<Duration>,
}

/// A second at least: every look is a call for each secret, which is paid for and written into audit logs.
fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=86_400).contains(seconds));
    let wrong = || "write a number of seconds from 1 to 86400, or put --watch after the secrets".to_owned();
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// What could be learnt of one secret.
struct Status {
    typed: String,
    described: Option<Description>,
    token: TokenStatus,
    error: Option<RotationError>,
}

/// What is known of the token that readers read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenStatus {
    Stored {
        issued_at: Option<Timestamp>,
        expires_at: Option<Timestamp>,
    },
    Missing,
    /// Only the metadata may be read.
    NotPermitted,
    Unknown,
}

/// Shows the secrets, or all that rotate.
///
/// # Errors
/// A [usage](Failure::usage) failure, or no list could be had. What is wrong with one secret is shown in its row.
pub async fn run(arguments: &StatusArgs, session: &Session) -> Result<Exit, Failure> {
    if let Some(interval) = arguments.watch {
        return watch::run(arguments, interval, session).await;
    }
    let statuses = look_at_all(arguments, session, TIMEOUT).await?;
    show(&statuses, session);
    let failed: Vec<_> = statuses.iter().filter_map(|status| Some((status, status.error.as_ref()?))).collect();
    for (status, error) in &failed {
        session.output.error(&format!("{}: {}", status.typed, sentence(error)), error.hint());
    }
    Ok(if failed.is_empty() { Exit::Done } else { Exit::Failed })
}

/// The secrets that were named. Of those in Secrets Manager that match, the ones that it rotates and the ones that hold
/// a token of a rotation; without anything to match, the former alone.
async fn look_at_all(arguments: &StatusArgs, session: &Session, patience: Duration) -> Result<Vec<Status>, Failure> {
    let chosen = arguments.selection.choose(&arguments.secrets, session).await?;
    let is_narrowed = arguments.selection.is_narrowed();
    let rotates = |chosen: &Chosen| chosen.listed.as_ref().is_none_or(|listed| listed.rotates);
    let looks = stream::iter(chosen.into_iter().filter(|chosen| is_narrowed || rotates(chosen))).map(|chosen| {
        let is_sure = rotates(&chosen);
        async move { Some(look(chosen, session, patience).await).filter(|status| is_sure || status.is_ours()) }
    });
    Ok(looks.buffered(AT_ONCE).filter_map(std::future::ready).collect().await)
}

async fn look(chosen: Chosen, session: &Session, patience: Duration) -> Status {
    let secret = chosen.secret;
    match session.store(secret.place).await {
        Ok(store) => Status::of(secret.typed, &store, &secret.id, patience).await,
        Err(error) => Status::unknown(secret.typed, error),
    }
}

fn show(statuses: &[Status], session: &Session) {
    let output = &session.output;
    match output.format {
        Format::Json => statuses.iter().for_each(|status| output.json(&StatusJson::of(status))),
        Format::Text if statuses.is_empty() => output.note(NOTHING),
        Format::Text => {
            let now = session.clock.now();
            let rows: Vec<_> = statuses.iter().flat_map(|status| status.rows(now)).collect();
            table::lines(HEADER, &rows, output.style).iter().for_each(|line| output.result(line));
        }
    }
}

impl Status {
    async fn of(typed: String, store: &impl SecretStore, id: &SecretId, patience: Duration) -> Self {
        let (retries, deadline) = (RetryPolicy::default(), Deadline::after(patience));
        let described = match retries.run("look at the secret", deadline, || store.describe(id)).await {
            Ok(described) => described,
            Err(error) => return Self::unknown(typed, error),
        };
        let read = || store.read(id, VersionSelector::Current);
        let value = retries.run("read the secret", deadline, read).await;
        let text = value.map(|value| value.map(|stored| stored.text));
        let (token, error) = match text.and_then(|text| TokenStatus::of(&described, text.as_ref())) {
            Ok(token) => (token, None),
            Err(error) if error.kind() == ErrorKind::StoreDenied => (TokenStatus::NotPermitted, None),
            Err(error) => (TokenStatus::Unknown, Some(error)),
        };
        Self { typed, described: Some(described), token, error }
    }

    fn unknown(typed: String, error: RotationError) -> Self {
        Self { typed, described: None, token: TokenStatus::Unknown, error: Some(error) }
    }

    /// Whether it holds a token of a rotation, or may do so.
    fn is_ours(&self) -> bool {
        match (self.token, &self.error) {
            (TokenStatus::Stored { issued_at, expires_at }, _) => issued_at.is_some() && expires_at.is_some(),
            (TokenStatus::Missing, _) => false,
            (TokenStatus::NotPermitted, _) | (_, None) => true,
            (_, Some(error)) => !matches!(error.kind(), ErrorKind::DocumentInvalid | ErrorKind::NoCurrentVersion),
        }
    }

    /// The labelled versions; what readers read comes first.
    fn versions(&self) -> Vec<&LabelledVersion> {
        let mut versions: Vec<_> = self.described.iter().flat_map(|described| &described.versions).collect();
        versions.sort_by_key(|version| !version.labels.iter().any(|label| label == CURRENT));
        versions
    }
}

impl TokenStatus {
    fn of(described: &Description, value: Option<&SecretString>) -> Result<Self, RotationError> {
        let Some(value) = value else {
            let message = format!("the secret {} has no {CURRENT} value", described.name);
            return Err(RotationError::new(ErrorKind::NoCurrentVersion, message));
        };
        let document = Document::parse(value)?;
        Ok(match document.access_token()? {
            Some(_) => Self::Stored { issued_at: document.issued_at(), expires_at: document.expires_at() },
            None => Self::Missing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::{Result as Rotated, Staged, StoredValue, VersionId};
    use crate::store::memory::MemoryStore;

    async fn status_of(value: &str) -> Status {
        let (store, id) = (MemoryStore::new(), SecretId::new("token"));
        store.create(id.clone(), SecretString::from(value));
        Status::of("token".to_owned(), &store, &id, TIMEOUT).await
    }

    #[tokio::test]
    async fn a_stored_token_shows_its_times() {
        let value = r#"{"access_token":"t","issued_at":"2026-01-02T03:04:05Z","expires_at":"2026-01-03T03:04:04Z"}"#;
        let status = status_of(value).await;
        let moment = |text: &str| Some(text.parse().expect("a valid timestamp"));
        let (issued_at, expires_at) = (moment("2026-01-02T03:04:05Z"), moment("2026-01-03T03:04:04Z"));
        assert_eq!(status.token, TokenStatus::Stored { issued_at, expires_at });
        assert!(status.error.is_none());
    }

    #[tokio::test]
    async fn credentials_without_a_token_are_no_fault() {
        let status = status_of(r#"{"client_id":"c","client_secret":"s"}"#).await;
        assert_eq!(status.token, TokenStatus::Missing);
        assert!(status.error.is_none());
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_a_fault() {
        let status = status_of("not JSON").await;
        assert_eq!(status.error.map(|error| error.kind()), Some(ErrorKind::DocumentInvalid));
        let nothing = Status::of("none".to_owned(), &MemoryStore::new(), &SecretId::new("none"), TIMEOUT).await;
        assert_eq!(nothing.error.map(|error| error.kind()), Some(ErrorKind::SecretNotFound));
    }

    /// Shows the metadata alone.
    struct Closed(MemoryStore);

    impl SecretStore for Closed {
        async fn describe(&self, secret: &SecretId) -> Rotated<Description> {
            self.0.describe(secret).await
        }

        async fn read(&self, _: &SecretId, _: VersionSelector<'_>) -> Rotated<Option<StoredValue>> {
            Err(RotationError::new(ErrorKind::StoreDenied, "denied"))
        }

        async fn stage(
            &self,
            _: &SecretId,
            _: &VersionId,
            _: &SecretString,
            _: Option<&SecretString>,
        ) -> Rotated<Staged> {
            unreachable!("status stores nothing")
        }

        async fn promote(&self, _: &SecretId, _: &VersionId, _: Option<&VersionId>) -> Rotated<()> {
            unreachable!("status promotes nothing")
        }

        async fn unstage(&self, _: &SecretId, _: &VersionId) -> Rotated<()> {
            unreachable!("status drops nothing")
        }
    }

    #[tokio::test]
    async fn a_value_that_may_not_be_read_leaves_the_metadata() {
        let (store, id) = (MemoryStore::new(), SecretId::new("token"));
        store.create(id.clone(), SecretString::from("{}"));
        let status = Status::of("token".to_owned(), &Closed(store), &id, TIMEOUT).await;
        assert_eq!((status.token, status.error.is_none()), (TokenStatus::NotPermitted, true));
        assert_eq!(status.versions().len(), 1);
    }
}
