//! The model of a platform: clients or access keys, and the tokens issued for them.

use std::time::Duration;

use genesys_rotator::rotation::{ErrorKind, Result, RotationError};

use crate::hash::{mix, of_text};
use crate::planted::Bug;
use crate::scene::Mode;
use crate::value::{ADMIN_CLIENT, FIRST, SECOND};

/// How long a new secret needs to propagate, where it needs time (FACTS: about ten seconds).
pub const PROPAGATION: Duration = Duration::from_secs(8);
/// The access keys that a user may have.
const MOST_KEYS: usize = 5;

/// Why a token no longer works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    Revoked,
    /// It died with the secret that it was issued with.
    Regenerated,
    /// Likewise, and a person regenerated the secret.
    RegeneratedByHand,
}

/// A client, or an access key.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub secret: String,
    /// When the platform began to know the secret, in milliseconds.
    pub since: u64,
    pub is_deleted: bool,
    /// Nobody can know its secret: the answer of its creation was lost, or its creator was killed.
    pub is_excused: bool,
    pub maker: usize,
}

#[derive(Clone, Debug)]
pub struct Token {
    pub text: String,
    pub owner: String,
    pub maker: usize,
    pub death: Option<Death>,
    /// Nobody can know it, or who knew it was killed.
    pub is_excused: bool,
    pub was_current: bool,
}

/// The platform.
#[derive(Clone, Debug)]
pub struct Platform {
    pub clients: Vec<Client>,
    pub tokens: Vec<Token>,
    is_late: bool,
    tokens_die: bool,
    is_cxone: bool,
    made: [u32; 8],
    bug: Option<Bug>,
}

impl Platform {
    pub fn new(mode: Mode, is_late: bool, tokens_die: bool, bug: Option<Bug>) -> Self {
        let client = |id: &str, secret: &str| Client {
            id: id.to_owned(),
            secret: secret.to_owned(),
            since: 0,
            is_deleted: false,
            is_excused: false,
            maker: 7,
        };
        let is_cxone = mode == Mode::AccessKeys;
        let clients = match is_cxone {
            true => vec![client(FIRST, "s1")],
            false => vec![client(FIRST, "s1"), client(SECOND, "s2"), client(ADMIN_CLIENT, "sa")],
        };
        let current = Token {
            text: "t1".to_owned(),
            owner: FIRST.to_owned(),
            maker: 7,
            death: None,
            is_excused: false,
            was_current: true,
        };
        Self { clients, tokens: vec![current], is_late, tokens_die, is_cxone, made: [0; 8], bug }
    }

    /// A name that is the same in every schedule in which this actor makes the same calls.
    fn name(&mut self, kind: &str, maker: usize) -> String {
        self.made[maker] += 1;
        format!("{kind}-{}-{}", (b'A' + maker as u8) as char, self.made[maker])
    }

    /// Adds the token that readers read at the start.
    pub fn add_current(&mut self, text: &str) {
        let token = Token { text: text.to_owned(), was_current: true, ..self.tokens[0].clone() };
        self.tokens = vec![token];
        self.made = [9; 8];
    }

    pub fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.id == id && !client.is_deleted)
    }

    pub fn token(&self, text: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.text == text)
    }

    /// The live token of a text.
    fn authorized(&self, text: &str) -> Result<&Token> {
        self.token(text).filter(|token| token.death.is_none()).ok_or_else(rejected)
    }

    /// Whether this is the latest secret of the client; it may not have propagated yet.
    pub fn is_latest(&self, id: &str, secret: &str) -> bool {
        self.client(id).is_some_and(|client| client.secret == secret)
    }

    pub fn issue(&mut self, id: &str, secret: &str, maker: usize, now: u64) -> Result<String> {
        let is_accepted = self.bug == Some(Bug::OldSecretIsAccepted);
        let client = self.client(id).filter(|client| client.secret == secret || is_accepted);
        let is_known = |client: &&Client| {
            !self.is_late || client.since == 0 || now >= client.since + PROPAGATION.as_millis() as u64
        };
        if client.filter(is_known).is_none() {
            return Err(RotationError::new(ErrorKind::CredentialsRejected, "invalid_client"));
        }
        let owner = if self.bug == Some(Bug::TokenOfAnotherClient) { SECOND } else { id };
        Ok(self.add_token(owner, maker))
    }

    /// A long-lived token for the owner of another one.
    pub fn generate(&mut self, token: &str, maker: usize) -> Result<String> {
        let owner = self.authorized(token)?.owner.clone();
        let text = self.add_token(&owner, maker);
        if self.bug == Some(Bug::ValidationIsSkipped) {
            self.kill(|issued| issued.text == text, Death::Revoked);
        }
        Ok(text)
    }

    fn add_token(&mut self, owner: &str, maker: usize) -> String {
        let text = self.name("t", maker);
        let token = Token {
            text: text.clone(),
            owner: owner.to_owned(),
            maker,
            death: None,
            is_excused: false,
            was_current: false,
        };
        self.tokens.push(token);
        text
    }

    pub fn verify(&self, id: &str, token: &str) -> Result<()> {
        if self.bug == Some(Bug::ValidationIsSkipped) {
            return Ok(());
        }
        match self.authorized(token)?.owner == id {
            true => Ok(()),
            false => Err(RotationError::new(ErrorKind::TokenOwnerMismatch, "another client's token")),
        }
    }

    pub fn revoke(&mut self, token: &str) {
        let owner = self.token(token).map(|token| token.owner.clone());
        let is_meant = |candidate: &Token, bug| {
            candidate.text == token
                || (bug == Some(Bug::RevokeEndsAllTokens) && Some(&candidate.owner) == owner.as_ref())
        };
        let bug = self.bug;
        // CXone offers no revocation.
        if !self.is_cxone && bug != Some(Bug::RevokeDoesNothing) {
            self.kill(|candidate| is_meant(candidate, bug), Death::Revoked);
        }
    }

    pub fn regenerate(&mut self, id: &str, token: &str, maker: usize, now: u64) -> Result<String> {
        let owner = &self.authorized(token)?.owner;
        if owner != ADMIN_CLIENT && owner != id {
            return Err(RotationError::new(ErrorKind::PermissionMissing, "oauth:client:edit"));
        }
        let former = self.client(id).map(|client| client.secret.clone()).unwrap_or_default();
        let id = if self.bug == Some(Bug::RegenerateOfWrongClient) { FIRST } else { id };
        let secret = self.replace_secret(id, maker, now, Death::Regenerated);
        let is_lost = matches!(self.bug, Some(Bug::RegenerateReturnsFormer | Bug::OldSecretIsAccepted));
        Ok(if is_lost { former } else { secret })
    }

    /// Gives a client a new secret.
    pub fn replace_secret(&mut self, id: &str, maker: usize, now: u64, death: Death) -> String {
        let secret = self.name("s", maker);
        if let Some(client) = self.clients.iter_mut().find(|client| client.id == id) {
            (client.secret, client.since) = (secret.clone(), now.max(1));
        }
        if self.tokens_die {
            self.kill(|token| token.owner == id, death);
        }
        secret
    }

    fn kill(&mut self, is_killed: impl Fn(&Token) -> bool, death: Death) {
        let killed = self.tokens.iter_mut().filter(|token| token.death.is_none() && is_killed(token));
        killed.for_each(|token| token.death = Some(death));
    }

    pub fn key_exists(&self, id: &str, token: &str) -> Result<()> {
        self.authorized(token)?;
        match self.client(id) {
            Some(_) => Ok(()),
            None => Err(RotationError::new(ErrorKind::DocumentInvalid, "the key does not exist")),
        }
    }

    pub fn create_key(&mut self, token: &str, maker: usize, now: u64) -> Result<(String, String)> {
        self.authorized(token)?;
        if self.clients.iter().filter(|key| !key.is_deleted).count() >= MOST_KEYS {
            return Err(RotationError::new(ErrorKind::DocumentInvalid, "the user has the maximum number of keys"));
        }
        if self.bug == Some(Bug::CreateMakesTwoKeys) {
            self.add_key(maker, now);
        }
        Ok(self.add_key(maker, now))
    }

    pub fn add_key(&mut self, maker: usize, now: u64) -> (String, String) {
        let (id, secret) = (self.name("k", maker), self.name("s", maker));
        let key = Client {
            id: id.clone(),
            secret: secret.clone(),
            since: now.max(1),
            is_deleted: false,
            is_excused: false,
            maker,
        };
        self.clients.push(key);
        (id, secret)
    }

    pub fn delete_key(&mut self, id: &str, token: &str) -> Result<()> {
        self.authorized(token)?;
        let newest = self.clients.last().map(|key| key.id.clone()).unwrap_or_default();
        match self.bug {
            Some(Bug::DeleteKeyDoesNothing) => {}
            Some(Bug::DeleteOfWrongKey) => self.drop_key(&newest),
            _ => self.drop_key(id),
        }
        Ok(())
    }

    pub fn drop_key(&mut self, id: &str) {
        self.clients.iter_mut().filter(|key| key.id == id).for_each(|key| key.is_deleted = true);
    }

    /// Excuses what an actor made: it was killed, and cannot revoke.
    pub fn excuse(&mut self, maker: usize) {
        self.tokens.iter_mut().filter(|token| token.maker == maker).for_each(|token| token.is_excused = true);
        self.clients.iter_mut().filter(|key| key.maker == maker).for_each(|key| key.is_excused = true);
    }

    /// Excuses a token and an access key that a version without a label holds.
    pub fn excuse_stored(&mut self, token: &str, key: &str) {
        self.tokens.iter_mut().filter(|issued| issued.text == token).for_each(|token| token.is_excused = true);
        self.clients.iter_mut().filter(|made| made.id == key).for_each(|key| key.is_excused = true);
    }

    /// Excuses what the last call made: nobody received the answer.
    pub fn excuse_since(&mut self, tokens: usize, clients: usize) {
        self.tokens[tokens..].iter_mut().for_each(|token| token.is_excused = true);
        self.clients[clients..].iter_mut().for_each(|key| key.is_excused = true);
    }

    pub fn hash(&self) -> u64 {
        let mut hash = 0;
        for client in &self.clients {
            let flags = u64::from(client.is_deleted) | u64::from(client.is_excused) << 1;
            hash ^= mix(mix(mix(of_text(&client.id), of_text(&client.secret)), client.since), flags);
        }
        for token in &self.tokens {
            let death = token.death.map_or(0, |death| 1 + death as u64);
            let flags = death << 2 | u64::from(token.is_excused) << 1 | u64::from(token.was_current);
            hash ^= mix(mix(of_text(&token.text), of_text(&token.owner)), flags);
        }
        self.made.iter().fold(hash, |hash, made| mix(hash, u64::from(*made)))
    }
}

fn rejected() -> RotationError {
    RotationError::new(ErrorKind::TokenRejected, "bad.credentials")
}
