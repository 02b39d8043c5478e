//! Planted bugs: each breaks one rule of a port, as a wrong store, platform client or rotation would.

use crate::report::{find, say};
use crate::scene::{Flavour, Mode, Role, Scene};

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// `stage` overwrites a written value.
    StageOverwrites,
    /// `stage` takes the pending label from another version.
    StageTakesLabel,
    /// `stage` reports success and stores nothing.
    StageStoresNothing,
    /// `promote` is not conditional on the current version.
    PromoteIgnoresCurrent,
    /// `promote` reports success and moves no label.
    PromoteDoesNothing,
    /// `unstage` reports success and removes no label.
    UnstageDoesNothing,
    /// `read` of the pending version returns the pending value of any version.
    PendingOfAnyVersion,
    /// `read` of the current version returns the previous one after a promotion.
    CurrentIsOutdated,
    /// `clear_intent` deletes any write-ahead entry.
    ClearIgnoresHolder,
    /// `clear_intent` reports success and deletes nothing.
    ClearDoesNothing,
    /// `write_intent` reports success and stores nothing.
    IntentIsNotStored,
    /// The write-ahead entry and the lease are not conditional on what the caller saw.
    CompareAndSetIgnoresSeen,
    /// `take_lease` grants the lease to everyone.
    LeaseIsGrantedTwice,
    /// New tokens are dead, and the validation accepts every token.
    ValidationIsSkipped,
    /// Another client's token is issued.
    TokenOfAnotherClient,
    /// A new client secret is lost, and the platform accepts the former one for new tokens.
    OldSecretIsAccepted,
    /// A new client secret is lost: the answer holds the former one.
    RegenerateReturnsFormer,
    /// The client of the request is ignored: the first client gets the new secret.
    RegenerateOfWrongClient,
    /// A revocation reports success and revokes nothing.
    RevokeDoesNothing,
    /// A revocation revokes every token of the client.
    RevokeEndsAllTokens,
    /// Deleting an access key reports success and deletes nothing.
    DeleteKeyDoesNothing,
    /// Deleting an access key deletes the newest one.
    DeleteOfWrongKey,
    /// Creating an access key creates two.
    CreateMakesTwoKeys,
    /// The store drops unknown fields.
    UnknownFieldsAreDropped,
    /// The engine's write-ahead entry is reported as stored, and is not.
    RootIntentIsNotStored,
    /// The engine's write-ahead entry is reported as deleted, and is not.
    RootIntentIsNotDeleted,
    /// The engine's config is reported as stored, and is not.
    ConfigIsNotStored,
}

const ONE: &[Role] = &[Role::Local];
const TWO: &[Role] = &[Role::Local, Role::Local];
const SERVICE: &[Role] = &[Role::Service, Role::Service];
const ROOT: &[Role] = &[Role::Root];
const EDITED: &[Role] = &[Role::Local, Role::Edit];

/// Every planted bug, and where it can be seen.
const PLANTED: [(Bug, Mode, Flavour, &[Role]); 30] = [
    (Bug::StageOverwrites, Mode::Token, Flavour::Aws, SERVICE),
    (Bug::StageTakesLabel, Mode::Token, Flavour::Kv, TWO),
    (Bug::StageStoresNothing, Mode::Token, Flavour::File, ONE),
    (Bug::PromoteIgnoresCurrent, Mode::Token, Flavour::Kv, EDITED),
    (Bug::PromoteDoesNothing, Mode::Token, Flavour::Aws, ONE),
    (Bug::UnstageDoesNothing, Mode::Token, Flavour::File, EDITED),
    (Bug::PendingOfAnyVersion, Mode::Token, Flavour::Aws, TWO),
    (Bug::CurrentIsOutdated, Mode::Alternating, Flavour::Aws, TWO),
    (Bug::ClearIgnoresHolder, Mode::InPlace, Flavour::Kv, TWO),
    (Bug::ClearDoesNothing, Mode::InPlace, Flavour::File, ONE),
    (Bug::IntentIsNotStored, Mode::InPlace, Flavour::Kv, ONE),
    (Bug::CompareAndSetIgnoresSeen, Mode::InPlace, Flavour::Kv, TWO),
    (Bug::LeaseIsGrantedTwice, Mode::Alternating, Flavour::Kv, TWO),
    (Bug::ValidationIsSkipped, Mode::Generated, Flavour::Plugin, ONE),
    (Bug::TokenOfAnotherClient, Mode::Token, Flavour::Plugin, ONE),
    (Bug::OldSecretIsAccepted, Mode::Alternating, Flavour::File, ONE),
    (Bug::RegenerateReturnsFormer, Mode::InPlace, Flavour::File, ONE),
    (Bug::RegenerateOfWrongClient, Mode::Alternating, Flavour::Aws, ONE),
    (Bug::RevokeDoesNothing, Mode::Generated, Flavour::Aws, ONE),
    (Bug::RevokeEndsAllTokens, Mode::Generated, Flavour::File, ONE),
    (Bug::DeleteKeyDoesNothing, Mode::AccessKeys, Flavour::Kv, TWO),
    (Bug::DeleteOfWrongKey, Mode::AccessKeys, Flavour::File, ONE),
    (Bug::CreateMakesTwoKeys, Mode::AccessKeys, Flavour::Aws, ONE),
    (Bug::UnknownFieldsAreDropped, Mode::Token, Flavour::Kv, ONE),
    (Bug::RootIntentIsNotStored, Mode::InPlace, Flavour::Engine, ROOT),
    (Bug::RootIntentIsNotDeleted, Mode::InPlace, Flavour::Engine, ROOT),
    (Bug::ConfigIsNotStored, Mode::Alternating, Flavour::Engine, ROOT),
    (Bug::RevokeDoesNothing, Mode::Alternating, Flavour::Engine, ROOT),
    (Bug::DeleteOfWrongKey, Mode::AccessKeys, Flavour::Engine, ROOT),
    (Bug::OldSecretIsAccepted, Mode::Alternating, Flavour::Engine, ROOT),
];

/// Searches for every planted bug, and returns those that were not found.
pub fn not_found(schedules: u64) -> Vec<Bug> {
    let missed = |(bug, mode, flavour, cast): &(Bug, Mode, Flavour, &'static [Role])| {
        let scene = Scene { mode: *mode, flavour: *flavour, is_late: false, tokens_die: false, cast, bug: Some(*bug) };
        match find(scene, schedules) {
            Some((failure, schedules)) => {
                say(&format!("{bug:?}: found after {schedules} schedules: {}", failure.violation));
                None
            }
            None => Some(*bug),
        }
    };
    PLANTED.iter().filter_map(missed).collect()
}
