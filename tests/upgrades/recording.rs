//! Recorded state: the entries of a store at one moment, and what the platform knew then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use genesys_rotator::rotation::{Clock, SystemClock};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use simulators::Simulation;
use simulators::genesys::OAuthClient;

use crate::form::move_times;

/// The state of a store, and of the platform.
#[derive(Clone, Deserialize, Serialize)]
pub struct Recording {
    /// The commit whose programs wrote the entries.
    pub commit: String,
    /// The command that recorded it.
    pub command: String,
    pub at: Timestamp,
    /// The valid tokens: their clients by their text.
    pub tokens: BTreeMap<String, String>,
    /// The secrets of the clients.
    pub clients: BTreeMap<String, String>,
    /// The entries of the store.
    pub entries: BTreeMap<String, String>,
}

impl Recording {
    /// Records entries, with the current state of the platform.
    pub fn new(commit: &str, entries: BTreeMap<String, String>, simulation: &Simulation) -> Self {
        let tokens = simulation.genesys.issued_tokens().into_iter().map(|token| (token.text, token.client_id));
        let clients = simulation.genesys.clients().into_iter().map(|client| (client.id, client.secret));
        let command = format!("make upgrades FROM={commit} RECORD=1");
        let (tokens, clients) = (tokens.collect(), clients.collect());
        Self { commit: commit.to_owned(), command, at: SystemClock.now(), tokens, clients, entries }
    }

    /// The recordings of all commits of one kind of store and moment, such as `file/pending`.
    pub fn all(name: &str) -> Vec<Self> {
        let commits = fs::read_dir(folder().join("recorded")).expect("recorded state");
        let files = commits.map(|commit| commit.expect("a folder").path().join(format!("{name}.json")));
        let texts = files.filter_map(|file| fs::read_to_string(file).ok());
        texts.map(|text| serde_json::from_str(&text).expect("a recording")).collect()
    }

    /// Writes it below `recorded/`.
    pub fn store(&self, name: &str) {
        let file = folder().join("recorded").join(&self.commit).join(format!("{name}.json"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let text = serde_json::to_string_pretty(self).expect("JSON");
        fs::write(file, text + "\n").expect("it is written");
    }

    /// Lets the simulated platform know the clients and tokens, and returns the entries as they would be now: with tokens
    /// that the platform accepts, and with times as long ago as they were then. Leases have ended.
    pub async fn revive(&self, simulation: &Simulation) -> BTreeMap<String, String> {
        for (id, secret) in &self.clients {
            simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        let by = SystemClock.now().duration_since(self.at);
        let mut entries = self.entries.clone();
        for (token, client) in &self.tokens {
            let valid = issue(simulation, client, &self.clients[client]).await;
            entries.values_mut().for_each(|text| *text = text.replace(token, &valid));
        }
        entries.values_mut().for_each(|text| *text = end_leases(&move_times(text, by)));
        // The state of files names their content by a digest.
        for (name, before) in &self.entries {
            let (before, now) = (digest(before), digest(&entries[name]));
            entries.values_mut().for_each(|text| *text = text.replace(&before, &now));
        }
        entries
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrades")
}

/// The file with the form of what today's programs write.
pub fn written() -> PathBuf {
    folder().join("written.json")
}

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lets the leases of stopped rotations end, as 45 seconds do.
fn end_leases(text: &str) -> String {
    let mut parts = text.split("lease-1");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, rest| text + "lease-1" + rest.trim_start_matches(|letter: char| letter.is_ascii_digit()))
}

/// Issues a token to a client.
async fn issue(simulation: &Simulation, id: &str, secret: &str) -> String {
    let request = reqwest::Client::new().post(format!("{}/oauth/token", simulation.genesys_url()));
    let request = request.basic_auth(id, Some(secret)).form(&[("grant_type", "client_credentials")]);
    let answer = request.send().await.expect("an answer").text().await.expect("a text");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}
