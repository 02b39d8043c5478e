//! `revoke`: a leaked token, and all tokens of a client.

mod client;
mod token;

use std::fs::File;

use serde_json::{Value, json};
use simulators::genesys::{ClientState, OAuthClient};

use super::{Scene, Transcript, output, write};

const ADMIN_ID: &str = "5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10";
const ADMIN_SECRET: &str = "hush-hush-admin-secret-0123456789";

impl Scene {
    /// Runs a command with a text on standard input, which neither stream may repeat, TRACE log included.
    async fn run_piped(&self, arguments: &[&str], input: &str) -> Transcript {
        let path = write(self.directory.path(), "input", input);
        let mut command = self.command(arguments);
        command.stdin(File::open(path).expect("the file was written"));
        let transcript = output(command).await;
        let token = input.trim();
        let is_printed = |text: &str| !token.is_empty() && text.contains(token);
        assert!(!is_printed(&transcript.stdout) && !is_printed(&transcript.stderr), "the token was printed");
        self.without_log(transcript)
    }

    /// Adds the administrator's client, and returns the reference of its secret.
    pub fn admin(&self, change: impl FnOnce(&mut OAuthClient)) -> String {
        let mut admin = OAuthClient::new(ADMIN_ID, ADMIN_SECRET);
        change(&mut admin);
        self.simulation.genesys.add_client(admin);
        let document = json!({"region": "eu-west-1", "client_id": ADMIN_ID, "client_secret": ADMIN_SECRET}).to_string();
        format!("file:{}", write(self.directory.path(), "admin.json", &document).display())
    }

    fn state_of(&self, client_id: &str) -> ClientState {
        let clients = self.simulation.genesys.clients();
        clients.iter().find(|client| client.id == client_id).expect("the client").state
    }
}

impl Transcript {
    fn report(&self) -> Value {
        self.json().pop().unwrap_or_else(|| panic!("no report: {}", self.stderr))
    }
}
