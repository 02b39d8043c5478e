//! Servers with durable storage: one raft node, or a cluster of three.

use std::fs;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::client::{Bao, http_client, until};
use super::plugin::Plugin;
use super::server::free_port;

/// OpenBao documentation, "Declarative Audit Devices". A cluster has none, because its nodes would have to agree on
/// the file.
const AUDIT: &str = "audit \"file\" \"to-file\" {\noptions {\nfile_path = \"HOME/audit\"\n}\n}\n";

/// Three nodes of one cluster. They are killed when this is dropped.
pub struct Cluster {
    /// The nodes, stopped ones included.
    pub nodes: Vec<Bao>,
}

impl Bao {
    /// Starts one node with a plugin in its catalog: initialized, unsealed, with an audit file and the finest log level.
    pub async fn durable(plugin: &Plugin) -> Option<Self> {
        let mut bao = node(plugin, "one", "", AUDIT)?;
        bao.initialize().await;
        bao.register(plugin).await;
        Some(bao)
    }

    /// Initializes and unseals it, and waits until it is active.
    async fn initialize(&mut self) {
        let keys = self.post("sys/init", json!({"secret_shares": 1, "secret_threshold": 1})).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (self.root, self.unseal_key) = (text(&keys["root_token"]), text(&keys["keys_base64"][0]));
        self.unseal().await;
        self.wait_for_health(200).await;
    }

    /// Unseals it. It may take a moment until it answers requests.
    pub async fn unseal(&self) {
        self.post("sys/unseal", json!({"key": self.unseal_key})).await;
    }

    /// Seals it.
    pub async fn seal(&self) {
        self.post("sys/seal", Value::Null).await;
    }

    /// Starts it again after [`Server::stop`](super::Server::stop), with its storage, unseals it, and waits
    /// until it is active.
    pub async fn restart(&mut self) {
        self.server.restart();
        // The pooled connections lead to the stopped process.
        self.client = http_client();
        self.unseal().await;
        self.wait_for_health(200).await;
    }

    /// Returns its health: 200 active, 429 standby, 501 not initialized, 503 sealed, 0 without an answer.
    pub async fn health(&self) -> u16 {
        self.try_call("GET", "sys/health", Value::Null).await.map_or(0, |(status, _)| status)
    }

    /// Waits until [`health`](Self::health) returns this status.
    pub async fn wait_for_health(&self, status: u16) {
        until(&format!("{} answers {status}", self.url), async || self.health().await == status).await;
    }

    async fn accepts_unseal_key(&self) -> bool {
        let (status, answer) = self.call("POST", "sys/unseal", json!({"key": self.unseal_key})).await;
        status == 200 && answer["sealed"] == false
    }
}

impl Cluster {
    /// Starts three nodes, one active and two standbys, with a plugin in their catalog.
    pub async fn start(plugin: &Plugin) -> Option<Self> {
        let mut first = node(plugin, "one", "", "")?;
        first.initialize().await;
        // By default a node must be healthy for ten seconds before it votes.
        let stabilization = json!({"server_stabilization_time": "100ms"});
        first.post("sys/storage/raft/autopilot/configuration", stabilization).await;
        let leader = format!("retry_join {{ leader_api_addr = {:?} }}\n", first.url);
        let mut nodes = vec![first];
        for name in ["two", "three"] {
            let mut joining = node(plugin, name, &leader, "")?;
            (joining.root, joining.unseal_key) = (nodes[0].root.clone(), nodes[0].unseal_key.clone());
            // It accepts the key once it has found its leader.
            until("the node joined", async || joining.accepts_unseal_key().await).await;
            joining.wait_for_health(429).await;
            nodes.push(joining);
        }
        nodes[0].register(plugin).await;
        let cluster = Self { nodes };
        until("all nodes vote", async || cluster.voters().await == 3).await;
        Some(cluster)
    }

    /// Waits for an active node, and returns its index.
    pub async fn active(&self) -> usize {
        until("a node is active", async || self.find(200).await.is_some()).await;
        self.find(200).await.unwrap()
    }

    /// Returns the index of a standby.
    pub async fn standby(&self) -> usize {
        self.find(429).await.unwrap()
    }

    async fn find(&self, health: u16) -> Option<usize> {
        join_all(self.nodes.iter().map(Bao::health)).await.iter().position(|status| *status == health)
    }

    async fn voters(&self) -> usize {
        let peers = self.nodes[0].read("sys/storage/raft/configuration").await;
        let servers = peers["config"]["servers"].as_array().unwrap().iter();
        servers.filter(|server| server["voter"] == true).count()
    }
}

/// Starts a node that is not initialized.
fn node(plugin: &Plugin, name: &str, join: &str, audit: &str) -> Option<Bao> {
    Bao::start_with(&[], |home, port| {
        let (config, audit_config) = (home.join("config.hcl"), home.join("audit.hcl"));
        fs::write(&config, plugin.install(home) + &settings(home, name, join, port)).unwrap();
        fs::write(&audit_config, audit.replace("HOME", &home.display().to_string())).unwrap();
        let configs = [config, audit_config].map(|file| format!("-config={}", file.display()));
        configs.into_iter().chain(["-log-level=trace".to_owned()]).collect()
    })
}

/// OpenBao documentation, "Integrated Storage (Raft) backend". The intervals make elections as fast as possible.
fn settings(home: &Path, name: &str, join: &str, port: u16) -> String {
    let data = home.join("data");
    fs::create_dir(&data).unwrap();
    let cluster = format!("127.0.0.1:{}", free_port());
    format!(
        "storage \"raft\" {{\npath = {data:?}\nnode_id = {name:?}\nperformance_multiplier = 1\n\
         autopilot_reconcile_interval = \"300ms\"\nautopilot_update_interval = \"200ms\"\n{join}}}\n\
         listener \"tcp\" {{\naddress = \"127.0.0.1:{port}\"\ncluster_address = {cluster:?}\ntls_disable = true\n}}\n\
         api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"https://{cluster}\"\n"
    )
}
