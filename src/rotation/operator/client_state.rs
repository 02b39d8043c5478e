//! The state of OAuth clients: disabling one ends all of its tokens.

use std::time::Duration;

use parking_lot::Mutex;
use strum::{Display, EnumString, IntoStaticStr};
use tokio::time::{Instant, sleep, sleep_until};

use super::end_token::{TokenOwners, already_rejected};
use crate::rotation::credentials::keys::Credentials;
use crate::rotation::credentials::place::Place;
use crate::rotation::credentials::platform_name::PlatformName;
use crate::rotation::error::{ErrorKind, Result, RotationError};
use crate::rotation::ports::clock::Clock;
use crate::rotation::ports::{RotationPlatform, RotationStore};
use crate::rotation::rotator::Rotator;
use crate::rotation::tokens::admin::LATE;
use crate::rotation::tokens::retry::Deadline;
use crate::rotation::version::labels::SecretId;
use crate::secret::SecretString;

/// How often the state is written and read back.
const ATTEMPTS: usize = 4;
/// The wait before it is written again.
const POLL: Duration = Duration::from_secs(1);

/// The state of an OAuth client (Platform API, `OAuthClient.state`).
#[derive(Clone, Copy, Debug, Display, EnumString, IntoStaticStr, PartialEq, Eq)]
#[strum(serialize_all = "lowercase")]
pub enum ClientState {
    /// It may request tokens.
    Active,
    /// It may not request tokens, and the tokens issued to it have ended.
    Disabled,
    /// It may not request tokens, and may be deleted.
    Inactive,
}

impl ClientState {
    /// Returns the name that the platform uses.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// An OAuth client, as the platform returned it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundClient {
    /// Its name.
    pub name: Option<String>,
    /// Its state.
    pub state: ClientState,
    /// The grant that it may use; `None` if the platform did not tell.
    pub grant: Option<String>,
}

/// Reads and sets the states of OAuth clients. Each method makes one attempt.
pub trait ClientStates: Send + Sync {
    /// Reads a client.
    ///
    /// # Errors
    /// `PermissionMissing`; `DocumentInvalid` if the client does not exist; and other platform errors.
    fn client(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
    ) -> impl Future<Output = Result<FoundClient>> + Send;

    /// Sets a client's state and changes nothing else.
    ///
    /// # Errors
    /// As for [`client`](Self::client).
    fn set_client_state(
        &self,
        place: &Place,
        client_id: &str,
        token: &SecretString,
        state: ClientState,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// A client whose state was read back.
#[derive(Debug)]
pub struct ClientChange {
    /// The client before the change.
    pub before: FoundClient,
    /// Whether the platform rejects the given token; `None` if none was given.
    pub token: Option<Result<()>>,
}

/// A client that a token may edit.
struct EditedClient<'a> {
    place: &'a Place,
    id: &'a str,
    authorization: &'a SecretString,
}

impl<S: RotationStore, I: RotationPlatform + ClientStates + TokenOwners, C: Clock> Rotator<S, I, C> {
    /// Disables or enables an OAuth client with the credentials of the secret `admin`, and reads its state back. Then checks
    /// that the platform rejects `token`, if one is given.
    ///
    /// # Errors
    /// `DocumentInvalid` if the client is the admin's own, does not exist or is inactive and must be enabled, or if the platform has
    /// no OAuth clients; `PermissionMissing`; `PlatformUnavailable` if another writer changes the state back.
    pub async fn set_client_state(
        &self,
        admin: &SecretId,
        client_id: &str,
        state: ClientState,
        token: Option<&SecretString>,
        deadline: Deadline,
    ) -> Result<ClientChange> {
        let change = async {
            let (described, document) = self.read_current(admin, deadline).await?;
            let credentials = self.credentials(&document, &described, deadline).await?;
            check_admin(&credentials, client_id)?;
            let place = credentials.place();
            let authorization = self.tokens().exchange(&credentials, deadline).await?;
            let client =
                EditedClient { place: &place, id: client_id, authorization: &authorization.token.access_token };
            let is_known = match token {
                Some(token) => !self.issuer.token_owner(&place, token).await.is_err_and(is_rejected),
                None => true,
            };
            let before = self.change_state(&client, state, deadline).await?;
            let token = match token {
                // It was rejected before: its later rejection says nothing about this client.
                Some(_) if !is_known && before.state == ClientState::Active => Some(Err(already_rejected())),
                Some(token) => Some(self.tokens().await_rejection(&place, token, deadline).await),
                None => None,
            };
            Ok(ClientChange { before, token })
        };
        self.tokens().settle(deadline, Box::pin(change)).await
    }
}

fn is_rejected(error: RotationError) -> bool {
    error.kind() == ErrorKind::TokenRejected
}

impl<S: Sync, I: ClientStates, C: Sync> Rotator<S, I, C> {
    /// Writes the state until a read returns it. Returns the client before the change.
    async fn change_state(
        &self,
        client: &EditedClient<'_>,
        state: ClientState,
        deadline: Deadline,
    ) -> Result<FoundClient> {
        let EditedClient { place, id, authorization } = *client;
        let unanswered = Mutex::new(None);
        let read = || self.issuer.client(place, id, authorization);
        let write = || async {
            let written = self.issuer.set_client_state(place, id, authorization, state).await;
            let is_lost = |error: &RotationError| error.kind() == ErrorKind::PlatformUnavailable;
            if written.as_ref().is_err_and(is_lost) {
                *unanswered.lock() = Some(Instant::now() + LATE);
            }
            written
        };
        let before = self.retries.run("read the OAuth client", deadline, read).await?;
        check_change(id, before.state, state)?;
        let mut now = before.state;
        for attempt in 0..=ATTEMPTS {
            let late = unanswered.lock().take();
            match late {
                // A request without an answer may still be carried out, over a later change of the state.
                Some(late) if now == state => sleep_until(late).await,
                _ if now == state => return Ok(before),
                _ => {
                    if attempt > 0 {
                        sleep(POLL).await;
                    }
                    *unanswered.lock() = late;
                    self.retries.run("change the state of the OAuth client", deadline, write).await?;
                }
            }
            now = self.retries.run("read the OAuth client back", deadline, read).await?.state;
        }
        Err(changed_back(id, state, now))
    }
}

fn check_admin(admin: &Credentials, client_id: &str) -> Result<()> {
    let refuse = |message, hint| Err(RotationError::new(ErrorKind::DocumentInvalid, message).with_hint(hint));
    if admin.place().platform() == PlatformName::Cxone {
        let message =
            "the credentials are of NICE CXone, whose applications and access keys this program cannot disable";
        return refuse(message, "deactivate the access key or the application in CXone; tokens live at most one hour");
    }
    if admin.id().eq_ignore_ascii_case(client_id) {
        let message = "the client that is to be changed is the admin's own: once disabled, it could not enable itself";
        return refuse(
            message,
            "name a secret with another client that has oauth:client:edit, or disable the client in Admin > Integrations > OAuth",
        );
    }
    Ok(())
}

/// An inactive client is prepared for its deletion.
fn check_change(id: &str, from: ClientState, to: ClientState) -> Result<()> {
    if (from, to) != (ClientState::Inactive, ClientState::Active) {
        return Ok(());
    }
    let message = format!("the OAuth client {id} is inactive, not disabled: it is prepared for deletion");
    Err(RotationError::new(ErrorKind::DocumentInvalid, message)
        .with_hint("activate it in Admin > Integrations > OAuth, if it is still needed"))
}

fn changed_back(id: &str, wanted: ClientState, now: ClientState) -> RotationError {
    let message =
        format!("the OAuth client {id} is {now} again after it was set to {wanted}: another writer changes it");
    RotationError::new(ErrorKind::PlatformUnavailable, message)
        .with_hint("stop the person or the tool (such as Terraform) that edits the client, and run the command again")
        .permanent()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rotation::credentials::keys::KeyPair;

    /// A platform that loses the first answers and carries these requests out late.
    struct Loses {
        first: usize,
        late: Duration,
        client: Mutex<(ClientState, Vec<Instant>)>,
        began: Instant,
    }

    impl ClientStates for Loses {
        async fn client(&self, _: &Place, _: &str, _: &SecretString) -> Result<FoundClient> {
            let mut client = self.client.lock();
            let late: Vec<_> = client.1.extract_if(.., |due| *due <= Instant::now()).collect();
            if !late.is_empty() {
                client.0 = ClientState::Disabled;
            }
            Ok(FoundClient { name: None, state: client.0, grant: None })
        }

        async fn set_client_state(&self, _: &Place, _: &str, _: &SecretString, state: ClientState) -> Result<()> {
            let mut client = self.client.lock();
            if client.1.len() < self.first && self.began.elapsed() < self.late {
                client.1.push(Instant::now() + self.late);
                return Err(RotationError::new(ErrorKind::PlatformUnavailable, "no answer"));
            }
            client.0 = state;
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_without_an_answer_is_repeated_at_once_and_confirmed_when_it_is_no_longer_carried_out() {
        for (from, to) in [(ClientState::Active, ClientState::Disabled), (ClientState::Disabled, ClientState::Active)] {
            let began = Instant::now();
            let client = Mutex::new((from, Vec::new()));
            // A late request of an earlier command disables the client as well.
            let rotator = Rotator::new((), Loses { first: 1, late: LATE / 2, client, began }, ());
            let (place, authorization) = (Place::GenesysCloud { region: "mypurecloud.ie".to_owned() }, "token".into());
            let client = EditedClient { place: &place, id: "client", authorization: &authorization };
            let deadline = Deadline::after(Duration::from_secs(60));
            let before = rotator.change_state(&client, to, deadline).await.expect("the state is set");
            assert_eq!((before.state, rotator.issuer.client.lock().0), (from, to));
            assert!(began.elapsed() >= LATE, "tokio's clock is paused");
        }
    }

    #[test]
    fn the_admins_own_client_and_an_inactive_client_are_refused() {
        let client = KeyPair { id: "Own".to_owned(), secret: "secret".into() };
        let admin = Credentials::GenesysCloud { region: "mypurecloud.ie".to_owned(), client };
        assert!(check_admin(&admin, "own").is_err() && check_admin(&admin, "other").is_ok());
        let (active, disabled, inactive) = (ClientState::Active, ClientState::Disabled, ClientState::Inactive);
        assert!(check_change("c", inactive, active).is_err() && check_change("c", inactive, disabled).is_ok());
        assert!(check_change("c", disabled, active).is_ok() && check_change("c", active, active).is_ok());
    }
}
