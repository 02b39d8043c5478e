//! The stores: files, KV version 2, and Secrets Manager.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Credentials, Region};
use serde_json::{Value, json};
use simulators::Simulation;
use tempfile::TempDir;

use crate::ADMIN;
use crate::bao::Bao;
use crate::recording::Recording;

const FILE: &str = "token.json";
const KV: &str = "team/genesys";
/// The path of KV's state.
const KV_STATE: &str = "genesys-rotator/pending/team/genesys";
const AWS: &str = "genesys/prod";
/// The entry of a file with the administrator's document.
const AWS_ADMIN: &str = "genesys/admin";

/// Where a secret is stored.
pub enum Store {
    File { home: TempDir, secret: String },
    Kv(Bao),
    Aws(Client),
}

impl Store {
    /// An empty store: `file`, `kv` or `aws`. `None` where OpenBao is not installed.
    pub fn new(kind: &str, simulation: &Simulation) -> Option<Self> {
        Some(match kind {
            "file" => {
                let home = tempfile::tempdir().expect("a folder");
                let secret = format!("file:{}", home.path().join(FILE).display());
                Self::File { home, secret }
            }
            "kv" => Self::Kv(Bao::start()?),
            _ => Self::Aws(client(simulation)),
        })
    }

    /// The name of the secret on the command line.
    pub fn secret(&self) -> &str {
        match self {
            Self::File { secret, .. } => secret,
            Self::Kv(_) => "vault:secret/team/genesys",
            Self::Aws(_) => AWS,
        }
    }

    /// The working directory of commands. The earliest programs find other documents there.
    pub fn folder(&self) -> &Path {
        match self {
            Self::File { home, .. } => home.path(),
            Self::Kv(_) | Self::Aws(_) => Path::new("/"),
        }
    }

    /// The name of the administrator's document in documents.
    pub fn admin(&self) -> &'static str {
        match self {
            Self::File { .. } => "admin.json",
            Self::Kv(_) => "secret/team/admin",
            Self::Aws(_) => AWS_ADMIN,
        }
    }

    /// Creates the secret, and the administrator's document.
    pub async fn create(&self, document: &Value) {
        let admin = administrator().to_string();
        match self {
            Self::File { home, .. } => {
                write(home, FILE, &document.to_string());
                write(home, "admin.json", &admin);
            }
            Self::Kv(bao) => {
                bao.put(KV, &document.to_string()).await;
                bao.put("team/admin", &admin).await;
            }
            Self::Aws(client) => {
                for (name, text) in [(AWS, document.to_string()), (AWS_ADMIN, admin)] {
                    client.create_secret().name(name).secret_string(text).send().await.expect("it is created");
                }
            }
        }
    }

    /// Everything that is stored for the secret.
    pub async fn entries(&self, simulation: &Simulation) -> BTreeMap<String, String> {
        match self {
            Self::File { home, .. } => {
                let names = [FILE, "token.json.rotation"].map(str::to_owned);
                let read = |name: String| Some((name.clone(), fs::read_to_string(home.path().join(name)).ok()?));
                names.into_iter().filter_map(read).collect()
            }
            Self::Kv(bao) => {
                let mut entries = BTreeMap::new();
                for path in [KV, KV_STATE] {
                    let (status, answer) = bao.call("GET", &format!("secret/data/{path}"), Value::Null).await;
                    if status == 200 {
                        let metadata = &answer["data"]["metadata"];
                        let entry = json!({
                            "data": answer["data"]["data"], "version": metadata["version"],
                            "created_time": metadata["created_time"],
                        });
                        entries.insert(path.to_owned(), entry.to_string());
                    }
                }
                entries
            }
            Self::Aws(_) => {
                let versions = simulation.secrets_manager.versions(AWS).into_iter().enumerate();
                let entry = |(number, version): (usize, simulators::secrets_manager::VersionView)| {
                    let entry = json!({"id": version.id, "labels": version.labels, "value": version.value});
                    (format!("{number:02}"), entry.to_string())
                };
                versions.map(entry).collect()
            }
        }
    }

    /// Stores entries in an empty store, and the administrator's document.
    pub async fn restore(&self, entries: &BTreeMap<String, String>, recording: &Recording) {
        match self {
            Self::File { home, .. } => {
                write(home, "admin.json", &administrator().to_string());
                entries.iter().for_each(|(name, text)| write(home, name, text));
            }
            Self::Kv(bao) => {
                bao.put("team/admin", &administrator().to_string()).await;
                restore_kv(bao, entries, recording).await;
            }
            Self::Aws(client) => {
                let admin = administrator().to_string();
                client.create_secret().name(AWS_ADMIN).secret_string(admin).send().await.expect("it is created");
                restore_aws(client, entries).await;
            }
        }
    }

    /// The document that readers read.
    pub async fn document(&self, simulation: &Simulation) -> Value {
        match self {
            Self::File { home, .. } => {
                serde_json::from_str(&fs::read_to_string(home.path().join(FILE)).expect("a file")).expect("JSON")
            }
            Self::Kv(bao) => bao.get(KV).await,
            Self::Aws(_) => {
                let mut versions = simulation.secrets_manager.versions(AWS).into_iter();
                let current = versions.find(|version| version.labels.iter().any(|label| label == "AWSCURRENT"));
                let value = current.and_then(|current| current.value).expect("a current value");
                serde_json::from_str(&value).expect("JSON")
            }
        }
    }

    /// The variables of a command that acts on the store.
    pub fn environment(&self, simulation: &Simulation) -> Vec<(String, String)> {
        let variables = match self {
            Self::File { .. } => vec![],
            Self::Kv(bao) => vec![("BAO_ADDR", bao.url.clone()), ("BAO_TOKEN", bao.root.clone())],
            Self::Aws(_) => vec![
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", simulation.secrets_manager_url()),
                ("AWS_REGION", "eu-west-1".to_owned()),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
                ("AWS_SECRET_ACCESS_KEY", "hush-hush-access-key".to_owned()),
            ],
        };
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// A client of the simulated Secrets Manager.
pub fn client(simulation: &Simulation) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "hush-hush-access-key", None, None, "test"))
        .endpoint_url(simulation.secrets_manager_url());
    Client::from_conf(config.build())
}

/// The administrator's document.
pub fn administrator() -> Value {
    let rotates = [crate::CLIENT.0, crate::SECOND.0];
    json!({"region": "mypurecloud.ie", "client_id": ADMIN.0, "client_secret": ADMIN.1, "rotates": rotates})
}

fn write(home: &TempDir, name: &str, text: &str) {
    let path: PathBuf = Path::new(home.path()).join(name);
    fs::write(&path, text).expect("it is written");
    fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode is set");
}

/// Writes the entries, with as many versions as there were. The state names the document's version by its time.
async fn restore_kv(bao: &Bao, entries: &BTreeMap<String, String>, recording: &Recording) {
    let recorded: Value = serde_json::from_str(&recording.entries[KV]).expect("JSON");
    let entry = |path: &str| serde_json::from_str::<Value>(&entries[path]).expect("JSON");
    let document = entry(KV);
    for _ in 0..document["version"].as_u64().expect("a number") {
        bao.put(KV, &document["data"].to_string()).await;
    }
    let (_, answer) = bao.call("GET", &format!("secret/data/{KV}"), Value::Null).await;
    let created = answer["data"]["metadata"]["created_time"].as_str().expect("a time").to_owned();
    if entries.contains_key(KV_STATE) {
        let before = recorded["created_time"].as_str().expect("a time");
        bao.put(KV_STATE, &entry(KV_STATE)["data"].to_string().replace(before, &created)).await;
    }
}

/// Creates the versions in their order, each with its labels.
async fn restore_aws(client: &Client, entries: &BTreeMap<String, String>) {
    for (number, text) in entries.values().enumerate() {
        let version: Value = serde_json::from_str(text).expect("JSON");
        let (id, value) = (version["id"].as_str().expect("an id"), version["value"].as_str().unwrap_or("{}"));
        if number == 0 {
            let create = client.create_secret().name(AWS).client_request_token(id).secret_string(value);
            create.send().await.expect("the secret is created");
            continue;
        }
        let labels = version["labels"].as_array().expect("labels").iter();
        let labels: Vec<_> = labels.map(|label| label.as_str().expect("a label").to_owned()).collect();
        // A version without labels is deprecated. PutSecretValue would make it the current one.
        if !labels.is_empty() {
            let put = client.put_secret_value().secret_id(AWS).client_request_token(id).secret_string(value);
            put.set_version_stages(Some(labels)).send().await.expect("the version is stored");
        }
    }
}
