//! Servers that keep what they are told: raft storage, alone or three of them.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::catalog::Plugin;
use super::server::free_port;
use super::{Bao, client, until};

/// OpenBao documentation, "Declarative Audit Devices". The nodes of a cluster would have to agree on the file.
const AUDIT: &str = "audit \"file\" \"to-file\" {\noptions {\nfile_path = \"HOME/audit\"\n}\n}\n";

/// Three nodes that know each other. They end when this is dropped.
pub struct Cluster {
    /// The nodes, dead ones among them.
    pub nodes: Vec<Bao>,
}

impl Bao {
    /// One node with an engine in its catalog: initialised, unsealed, and with all that it can log.
    pub async fn durable(plugin: &Plugin) -> Option<Self> {
        let mut bao = node(plugin, "one", "", AUDIT)?;
        bao.initialise().await;
        plugin.register(&bao).await;
        Some(bao)
    }

    /// Makes its first keys, unseals it, and waits until it is active.
    async fn initialise(&mut self) {
        let keys = self.post("sys/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        (self.root, self.unseal_key) = (text(&keys["root_token"]), text(&keys["keys_base64"][0]));
        self.unseal().await;
        self.has_status(200).await;
    }

    /// Unseals it. It may need a while yet before it answers.
    pub async fn unseal(&self) {
        self.post("sys/unseal", json!({"key": self.unseal_key})).await;
    }

    /// Seals it.
    pub async fn seal(&self) {
        self.post("sys/seal", Value::Null).await;
    }

    /// Starts it after its end, with what it kept, unseals it, and waits until it is active.
    pub async fn start_again(&mut self) {
        self.server.start_again();
        // The connections of the old one lead nowhere.
        self.client = client();
        self.unseal().await;
        self.has_status(200).await;
    }

    /// Its health: 200 active, 429 standby, 501 not initialised, 503 sealed; 0 where nobody answers.
    pub async fn health(&self) -> u16 {
        self.try_call("GET", "sys/health", Value::Null).await.map_or(0, |(status, _)| status)
    }

    /// Waits until its health is this.
    pub async fn has_status(&self, status: u16) {
        until(&format!("{} answers {status}", self.url), async || self.health().await == status).await;
    }
}

impl Cluster {
    /// Three nodes with an engine in their catalog, of which one is active.
    pub async fn start(plugin: &Plugin) -> Option<Self> {
        let mut first = node(plugin, "one", "", "")?;
        first.initialise().await;
        // Otherwise a node has to be well for ten seconds before it votes.
        let impatient = json!({"server_stabilization_time": "100ms"});
        first.post("sys/storage/raft/autopilot/configuration", impatient).await;
        let leader = format!("retry_join {{ leader_api_addr = {:?} }}\n", first.url);
        let mut nodes = vec![first];
        for name in ["two", "three"] {
            let mut joining = node(plugin, name, &leader, "")?;
            (joining.root, joining.unseal_key) = (nodes[0].root.clone(), nodes[0].unseal_key.clone());
            // It takes keys once it has found its leader.
            until("it joined", async || joining.takes_key().await).await;
            joining.has_status(429).await;
            nodes.push(joining);
        }
        plugin.register(&nodes[0]).await;
        let cluster = Self { nodes };
        until("all of them vote", async || cluster.voters().await == 3).await;
        Some(cluster)
    }

    /// Waits for a node that is active, and answers its index.
    pub async fn active(&self) -> usize {
        until("a node is active", async || self.find(200).await.is_some()).await;
        self.find(200).await.expect("it was active just now")
    }

    /// The index of a node that is a standby.
    pub async fn standby(&self) -> usize {
        self.find(429).await.expect("a standby")
    }

    async fn find(&self, health: u16) -> Option<usize> {
        join_all(self.nodes.iter().map(Bao::health)).await.iter().position(|status| *status == health)
    }

    async fn voters(&self) -> usize {
        let peers = self.nodes[0].read("sys/storage/raft/configuration").await;
        let servers = peers["config"]["servers"].as_array().expect("servers").iter();
        servers.filter(|server| server["voter"] == true).count()
    }
}

impl Bao {
    async fn takes_key(&self) -> bool {
        let (status, answer) = self.call("POST", "sys/unseal", json!({"key": self.unseal_key})).await;
        status == 200 && answer["sealed"] == false
    }
}

/// A node that is not initialised yet.
fn node(plugin: &Plugin, name: &str, join: &str, audit: &str) -> Option<Bao> {
    Bao::start_with(&[], |home, port| {
        let config = home.path().join("config.hcl");
        std::fs::write(&config, plugin.install(home) + &settings(home, name, join, port)).expect("a file");
        std::fs::write(home.path().join("audit.hcl"), audit.replace("HOME", &home.path().display().to_string()))
            .expect("a file");
        let configs = [config, home.path().join("audit.hcl")].map(|file| format!("-config={}", file.display()));
        configs.into_iter().chain(["-log-level=trace".to_owned()]).collect()
    })
}

/// OpenBao documentation, "Integrated Storage (Raft) backend". Elections are as fast as they can be.
fn settings(home: &TempDir, name: &str, join: &str, port: u16) -> String {
    let data = home.path().join("data");
    std::fs::create_dir(&data).expect("a directory");
    let cluster = format!("127.0.0.1:{}", free_port());
    format!(
        "storage \"raft\" {{\npath = {data:?}\nnode_id = {name:?}\nperformance_multiplier = 1\n\
         autopilot_reconcile_interval = \"300ms\"\nautopilot_update_interval = \"200ms\"\n{join}}}\n\
         listener \"tcp\" {{\naddress = \"127.0.0.1:{port}\"\ncluster_address = {cluster:?}\ntls_disable = true\n}}\n\
         api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://{cluster}\"\n"
    )
}
