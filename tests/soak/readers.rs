//! Readers, which use each secret all the while.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::chaos::around;
use crate::kinds::pairs;
use crate::ledger::Broken;
use crate::secrets::{Driver, Secret, Unread};
use crate::world::World;

const AGAIN: Duration = Duration::from_millis(100);
/// The status of `users/me` for a client's token, and those of an accepted token.
const ACCEPTED: [u16; 2] = [200, 400];

/// Reads one secret and calls the platform, until it is aborted.
pub async fn read(world: Arc<World>, index: usize) {
    let secret = &world.secrets[index];
    let mut rng = Rng::with_seed(world.settings.seed ^ (0x4ead_0000 + index as u64));
    let mut unread = None;
    loop {
        let began = Instant::now();
        let broken = match use_once(&world, secret).await {
            Err(Unread::Unavailable) => {
                let since = *unread.get_or_insert(began);
                world.ledger.with(|entries| {
                    entries.unread = (entries.unread.0 + 1, entries.unread.1.max(since.elapsed()));
                });
                sleep(AGAIN).await;
                continue;
            }
            used => used.unwrap_or(Some(Broken::Refused)),
        };
        unread = None;
        world.ledger.note(index, broken);
        world.ledger.with(|entries| entries.reads.push(began.elapsed()));
        let pause = if broken.is_some() { AGAIN } else { around(&mut rng, world.settings.reading) };
        sleep(pause).await;
    }
}

/// Reads the document once and uses it. A document that was replaced meanwhile is read again.
async fn use_once(world: &World, secret: &Secret) -> Result<Option<Broken>, Unread> {
    let mut document = secret.read(world).await?;
    loop {
        let broken = judge(world, secret, &document).await;
        if broken.is_none() {
            return Ok(None);
        }
        let again = secret.read(world).await?;
        if again["access_token"] == document["access_token"] && pairs(&again) == pairs(&document) {
            return Ok(broken);
        }
        document = again;
    }
}

async fn judge(world: &World, secret: &Secret, document: &Value) -> Option<Broken> {
    let Some(token) = document["access_token"].as_str() else { return Some(Broken::Document) };
    world.note_token(token, secret.index);
    // Without an answer the reader learns nothing about its token.
    if world.call(secret, token).await.is_some_and(|status| !ACCEPTED.contains(&status)) {
        return Some(Broken::Token);
    }
    let in_use = [("client_id", "client_secret"), ("access_key_id", "access_key_secret")];
    let mut stored = in_use.into_iter().filter_map(|(id, key)| document[id].as_str().zip(document[key].as_str()));
    let is_engine = secret.driver == Driver::Engine;
    (!is_engine && !stored.all(|(id, key)| world.accepts(id, key))).then_some(Broken::Secret)
}
