//! Shared tokens during concurrent changes and storage failures.

use serde_json::Value;
use simulators::faults::{Effect, Fault};

use crate::hosted::{Hosted, Refused, until};
use crate::scene::SECOND;

#[tokio::test]
async fn a_role_deleted_while_its_token_is_minted_leaves_no_token() {
    let hosted = Hosted::with_shared_role().await;
    let minted = hosted.simulation.genesys.minted();
    hosted.simulation.faults.add(Fault::once("GET /api/v2/users/me", Effect::Delay(SECOND)));
    let read = hosted.call("read", "token/ci", Value::Null);
    let delete = async {
        until("the token is minted", || hosted.simulation.genesys.minted() > minted).await;
        hosted.call("delete", "roles/ci", Value::Null).await.unwrap();
    };
    let (read, ()) = tokio::join!(read, delete);
    let Refused(_, sentence) = read.expect_err("the role was deleted");
    assert!(sentence.contains("no role \"ci\""), "{sentence}");
    assert_eq!(hosted.storage.keys(), ["config/main"]);
    assert!(hosted.live().is_empty());
}

/// A node that loses its leadership during a commit answers like this.
#[tokio::test]
async fn a_token_that_may_have_been_stored_is_not_revoked() {
    let hosted = Hosted::with_shared_role().await;
    hosted.storage.lose_answers("leadership lost while committing log");
    assert!(hosted.call("read", "token/ci", Value::Null).await.is_err());
    hosted.storage.refuse("");
    let token = hosted.read("token/ci").await["access_token"].clone();
    assert!(hosted.is_live(token.as_str().unwrap()), "the stored token is valid");
}

#[tokio::test]
async fn a_token_that_was_not_stored_is_revoked() {
    let hosted = Hosted::with_shared_role().await;
    hosted.storage.refuse("cannot write to readonly storage");
    assert!(hosted.call("read", "token/ci", Value::Null).await.is_err());
    assert!(hosted.live().is_empty());
}

#[tokio::test]
async fn a_damaged_entry_is_replaced_by_a_new_token_and_does_not_block_deleting_the_role() {
    let hosted = Hosted::with_shared_role().await;
    hosted.store("shared/ci", "{}").await;
    let token = hosted.read("token/ci").await["access_token"].clone();
    assert!(hosted.is_live(token.as_str().unwrap()));
    hosted.store("shared/ci", "{}").await;
    let warnings = hosted.call("delete", "roles/ci", Value::Null).await.unwrap().warnings;
    assert!(warnings.concat().contains("shared/ci is damaged"), "{warnings:?}");
    assert_eq!(hosted.storage.keys(), ["config/main"]);
}
