//! `revoke --token -`: ends one token.

use serde::Serialize;

use super::arguments::{RevokeArgs, in_time};
use super::standard_input::USAGE;
use crate::cli::exit::{CommandFailure, ErrorJson, Exit};
use crate::cli::target::secret_reference::SecretReference;
use crate::cli::target::session::Session;
use crate::cli::terminal::output::{Format, Output};
use crate::platform::Platforms;
use crate::rotation::{
    Deadline, NamedId, Place, Result as RotationResult, RotationError, Rotator, TokenEnd, TokenOwner,
};
use crate::secret::SecretString;

/// What names the token's platform and region.
enum Origin {
    Region(Place),
    Secret(SecretReference),
}

/// A token whose revocation was tried, and the secret whose readers get it.
struct Ended {
    token: TokenEnd,
    current_in: Option<String>,
}

#[derive(Serialize)]
struct EndedJson<'a> {
    revoked: bool,
    /// Null if the platform did not tell.
    owner: Option<OwnerJson<'a>>,
    /// The secret whose readers had this token.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_in: Option<&'a str>,
    error: Option<ErrorJson>,
}

#[derive(Serialize)]
struct OwnerJson<'a> {
    client: Option<NamedIdJson<'a>>,
    user: Option<NamedIdJson<'a>>,
    organization: Option<NamedIdJson<'a>>,
}

#[derive(Serialize)]
struct NamedIdJson<'a> {
    id: &'a str,
    name: Option<&'a str>,
}

/// # Errors
/// A [usage](CommandFailure::usage) failure. Other errors are printed.
pub(super) async fn run(arguments: &RevokeArgs, session: &Session) -> Result<Exit, CommandFailure> {
    let platforms = session.platforms()?;
    let origin = Origin::of(arguments)?;
    if let Origin::Secret(secret) = &origin {
        session.validate_settings(&[secret.store]).await?;
    }
    let token = match arguments.token {
        Some(source) => source.read()?,
        None => return Err(CommandFailure::usage("--token is missing", USAGE)),
    };
    let ended = end(&origin, &token, platforms, session, Deadline::after(arguments.timeout)).await;
    Ok(show(ended.map_err(in_time), &session.output))
}

impl Origin {
    fn of(arguments: &RevokeArgs) -> Result<Self, CommandFailure> {
        match (&arguments.region, &arguments.secret) {
            (Some(region), _) => {
                let place = Place::GenesysCloud { region: region.clone() };
                Platforms::check_place(&place).map_err(|error| CommandFailure::settings(&error))?;
                Ok(Self::Region(place))
            }
            (None, Some(secret)) => SecretReference::parse(secret).map(Self::Secret),
            (None, None) => {
                let hint = "add --region REGION, or --secret SECRET with a secret of the same organization";
                Err(CommandFailure::usage("the region of the token is missing", hint))
            }
        }
    }
}

async fn end(
    origin: &Origin,
    token: &SecretString,
    platforms: Platforms,
    session: &Session,
    deadline: Deadline,
) -> RotationResult<Ended> {
    let (place, current_in) = match origin {
        Origin::Region(place) => (place.clone(), None),
        Origin::Secret(secret) => {
            let read = async {
                session.rotator(secret, platforms.clone()).await?.place_of_secret(&secret.id, token, deadline).await
            };
            let (place, is_current) = read.await.map_err(|error| of_secret(secret, &error))?;
            (place, is_current.then(|| secret.typed.clone()))
        }
    };
    let token = Rotator::new((), platforms, session.clock).end_token(&place, token, deadline).await?;
    Ok(Ended { token, current_in })
}

fn show(ended: RotationResult<Ended>, output: &Output) -> Exit {
    let owner = ended.as_ref().ok().map(|ended| &ended.token.owner);
    let current_in = ended.as_ref().ok().and_then(|ended| ended.current_in.as_deref());
    let error = match &ended {
        Ok(ended) => ended.token.ended.as_ref().err().map(|error| not_ended(error, owner)),
        Err(error) => Some(error.clone()),
    };
    match output.format {
        Format::Json => output.json(&EndedJson {
            revoked: error.is_none(),
            owner: owner.and_then(|owner| owner.as_ref().ok()).map(OwnerJson::of),
            current_in,
            error: error.as_ref().map(ErrorJson::from),
        }),
        Format::Text => {
            if let Some(Ok(owner)) = owner {
                output.heading(&describe(owner));
            }
            let text = if error.is_none() { "revoked; the platform rejects it" } else { "revoke the token" };
            output.marked("  ", error.is_none(), text);
        }
    }
    if let Some(Err(error)) = owner {
        let message = format!("the platform did not tell whose token it is: {}", error.chain());
        output.warning(&message, error.hint());
    }
    if let (Some(secret), None) = (current_in, &error) {
        let hint = format!("run `genesys-rotator rotate {secret}` now; readers must read the secret again");
        output.warning(&format!("readers of {secret} had this token, and get 401 until it is rotated"), &hint);
    }
    let Some(error) = error else { return Exit::Done };
    output.error(&error.chain(), error.hint());
    Exit::Failed
}

fn of_secret(secret: &SecretReference, error: &RotationError) -> RotationError {
    RotationError::new(error.kind(), format!("{}: {}", secret.typed, error.chain())).with_hint(error.hint().to_owned())
}

fn not_ended(error: &RotationError, owner: Option<&RotationResult<TokenOwner>>) -> RotationError {
    let client = owner.and_then(|owner| owner.as_ref().ok()?.client.as_ref()).map_or("ID", |client| &client.id);
    let hint = format!(
        "{}; run the command again, or disable its OAuth client, which ends all of its tokens: `genesys-rotator revoke --client {client} --admin SECRET`",
        error.hint()
    );
    RotationError::new(error.kind(), format!("the token may still be valid: {}", error.chain())).with_hint(hint)
}

/// The owner in one line.
fn describe(owner: &TokenOwner) -> String {
    let parts = [("user", &owner.user), ("OAuth client", &owner.client), ("organization", &owner.organization)];
    let known = parts.into_iter().filter_map(|(what, who)| {
        let NamedId { id, name } = who.as_ref()?;
        Some(name.as_ref().map_or_else(|| format!("{what} {id}"), |name| format!("{what} {id} ({name})")))
    });
    let known: Vec<_> = known.collect();
    if known.is_empty() { "a token without a known owner".to_owned() } else { format!("token of {}", known.join(", ")) }
}

impl<'a> OwnerJson<'a> {
    fn of(owner: &'a TokenOwner) -> Self {
        let json = |who: &'a Option<NamedId>| {
            who.as_ref().map(|NamedId { id, name }| NamedIdJson { id, name: name.as_deref() })
        };
        Self { client: json(&owner.client), user: json(&owner.user), organization: json(&owner.organization) }
    }
}
