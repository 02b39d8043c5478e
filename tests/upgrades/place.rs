//! A secret in one of the stores, and the simulators.

use std::collections::BTreeMap;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use simulators::secrets_manager::SecretsManagerSettings;
use simulators::{Simulation, SimulationSettings};

use crate::moment::Moment;
use crate::programs::Programs;
use crate::recording::Recording;
use crate::stores::Store;
use crate::{ADMIN, CLIENT, SECOND};

/// The wait for a held rotation to reach its moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A secret in a store.
pub struct Place {
    pub simulation: Simulation,
    store: Store,
    moment: Moment,
}

impl Place {
    /// A secret that does not exist yet. `None` where OpenBao is not installed.
    pub async fn new(kind: &str, moment: Moment) -> Option<Self> {
        let clients = [CLIENT, SECOND, ADMIN].map(|(id, secret)| (id.to_owned(), secret.to_owned())).into();
        let secrets_manager = SecretsManagerSettings { writes_per_second: None, ..SecretsManagerSettings::default() };
        let settings = SimulationSettings { clients, secrets_manager, ..SimulationSettings::default() };
        let simulation = Simulation::start(settings).await.expect("the simulators start");
        let store = Store::new(kind, &simulation)?;
        Some(Self { simulation, store, moment })
    }

    /// Creates the secret, rotates it, and stops another rotation of it at the moment. Returns the state.
    pub async fn prepare(&self, programs: &Programs, commit: &str) -> Recording {
        self.store.create(&self.moment.document(self.store.admin())).await;
        self.rotate(programs).await;
        if self.moment != Moment::Promoted {
            self.stop_a_rotation(programs).await;
        }
        self.assert_readers_are_served().await;
        Recording::new(commit, self.store.entries(&self.simulation).await, &self.simulation)
    }

    /// Starts a rotation, and kills it at the moment.
    async fn stop_a_rotation(&self, programs: &Programs) {
        self.simulation.journal.clear();
        let before = self.reads().await["client_secret"].as_str().expect("a secret").to_owned();
        self.moment.hold(&self.simulation);
        let mut command = self.command(programs, &["rotate", "--local", self.store.secret()]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut child = Killed(child);
        let reached = async {
            while !self.moment.is_reached(&self.simulation, &before) {
                assert!(child.0.try_wait().expect("a process").is_none(), "the rotation ended before the moment");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the rotation reaches the moment");
        drop(child);
        self.simulation.faults.clear();
    }

    /// Restores a recorded state.
    pub async fn restore(&self, recording: &Recording) {
        let entries = recording.revive(&self.simulation).await;
        self.store.restore(&entries, recording).await;
        self.assert_readers_are_served().await;
    }

    /// Lets programs try that cannot read everything: they rotate the secret, or fail and leave the document as it is.
    pub async fn go_on_or_refuse(&self, programs: &Programs) {
        let before = self.reads().await;
        let done = self.try_run(programs, &["rotate", "--local", self.store.secret()]).await;
        let is_done = done.status.success();
        assert!(is_done || self.reads().await == before, "{:?}: the failed rotation changed the document", self.moment);
        // Only an in-place rotation may fail: the earlier programs do not know today's write-ahead entry.
        assert!(is_done || self.moment.is_in_place(), "{}", String::from_utf8_lossy(&done.stderr));
        self.assert_readers_are_served().await;
    }

    /// Lets the programs show the state, rotate the secret, and rotate it again.
    pub async fn go_on(&self, programs: &Programs) {
        self.run(programs, &["status", self.store.secret()]).await;
        let before = self.reads().await;
        for _ in 0..2 {
            self.rotate(programs).await;
            self.assert_readers_are_served().await;
        }
        let after = self.reads().await;
        assert_ne!(before["access_token"], after["access_token"]);
        assert_eq!(before["ours"], after["ours"]);
        let (id, secret) = (after["client_id"].as_str(), after["client_secret"].as_str());
        assert!(self.simulation.genesys.accepts(id.expect("an id"), secret.expect("a secret")));
        let entries = self.store.entries(&self.simulation).await;
        for left in ["\"pending\"", "AWSPENDING", "\"ahead\"", "ROTATOR_AHEAD"] {
            let left_in = entries.iter().find(|(_, text)| text.contains(left));
            assert!(left_in.is_none(), "{:?}: {left} is left: {left_in:?}", self.moment);
        }
    }

    /// The document that readers read.
    async fn reads(&self) -> Value {
        self.store.document(&self.simulation).await
    }

    /// Asserts that readers have a complete document with a valid token.
    async fn assert_readers_are_served(&self) {
        let document = self.reads().await;
        let token = document["access_token"].as_str().expect("a token");
        let owner = self.simulation.genesys.owner_of(token);
        assert_eq!(owner.as_deref(), document["client_id"].as_str(), "{:?}: the token is not valid", self.moment);
        if !self.moment.is_in_place() {
            let secret = document["client_secret"].as_str().expect("a secret");
            let is_accepted = self.simulation.genesys.accepts(&owner.expect("a client"), secret);
            assert!(is_accepted, "{:?}: the client secret is not valid", self.moment);
        }
    }

    /// The lines of the state file of a run that rotates the secret.
    pub async fn run_state(&self, programs: &Programs) -> BTreeMap<String, String> {
        let state = self.store.folder().join("run");
        let arguments = ["rotate", "--local", "--state", state.to_str().expect("a path"), self.store.secret()];
        self.run(programs, &arguments).await;
        let text = std::fs::read_to_string(state).expect("a state file");
        text.lines().enumerate().map(|(number, line)| (number.to_string(), line.to_owned())).collect()
    }

    async fn rotate(&self, programs: &Programs) {
        self.run(programs, &["rotate", "--local", self.store.secret()]).await;
    }

    async fn run(&self, programs: &Programs, arguments: &[&str]) {
        let output = self.try_run(programs, arguments).await;
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{:?}: {arguments:?}: {printed}", self.moment);
    }

    async fn try_run(&self, programs: &Programs, arguments: &[&str]) -> Output {
        let mut command = self.command(programs, arguments);
        let done = tokio::task::spawn_blocking(move || command.output()).await.expect("it does not panic");
        done.expect("the program runs")
    }

    fn command(&self, programs: &Programs, arguments: &[&str]) -> Command {
        let url = self.simulation.genesys_url();
        let mut command = Command::new(programs.command_line());
        command.args(arguments).env_clear().stdin(Stdio::null()).envs(self.store.environment(&self.simulation));
        command.current_dir(self.store.folder());
        command.env("ROTATOR_LOGIN_URL", &url).env("ROTATOR_API_URL", &url);
        command
    }
}

/// A process that is killed when this is dropped.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
