//! Every kind of token and every way to renew credentials, in files and in KV of a real OpenBao: a rotation that
//! succeeds, and one whose process is killed at the worst moment.

use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use simulators::cxone::AccessKey;
use simulators::faults::{Effect, Fault};
use simulators::genesys::OAuthClient;

use super::bao::{Bao, ROOT};
use super::{CLIENT_ID, CLIENT_SECRET, Command, Scene, Transcript, document, read, write};

const SECOND_ID: &str = "5f3c8a52-0002-4e71-9d0c-6f2b3c9d1e10";
const SECOND_SECRET: &str = "hush-hush-second-secret-0123456789";
const KEY: (&str, &str) = ("HUSHLESSACCESSKEYID====", "HUSHHUSHACCESSKEYSECRET0123456789====");
const ADMIN_ID: &str = "5f3c8a52-000a-4e71-9d0c-6f2b3c9d1e10";
const ADMIN_SECRET: &str = "hush-hush-admin-secret-0123456789";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Generated,
    ApiToken,
    Alternating,
    InPlace,
    AccessKeys,
}

impl Mode {
    fn document(self, admin: &str) -> Value {
        let mut document = document(CLIENT_SECRET);
        if self == Self::AccessKeys {
            document = json!({
                "platform": "nice-cxone", "area": "na1", "access_key_id": KEY.0, "access_key_secret": KEY.1, "ours": 1,
            });
        }
        let fields = match self {
            Self::Generated => json!({"token": "generated", "resource_owner": "5f3c8a52-0f00-4e71-9d0c-6f2b3c9d1e10"}),
            Self::ApiToken => json!({"token": "api-token", "name": "pipelines", "scopes": ["routing"]}),
            Self::Alternating => json!({
                "rotate": "client_secret",
                "clients": [
                    {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET},
                    {"client_id": SECOND_ID, "client_secret": SECOND_SECRET},
                ],
                "admin_credentials": admin,
            }),
            Self::InPlace => json!({"rotate": "client_secret", "accept_gap": true}),
            Self::AccessKeys => json!({"rotate": "client_secret"}),
        };
        document.as_object_mut().expect("a JSON object").extend(fields.as_object().expect("a JSON object").clone());
        document
    }

    /// The call that creates a token or secret on the platform, which is not stored yet when the call returns.
    fn creating_call(self) -> &'static str {
        match self {
            Self::Generated => "POST /api/v2/oauth/token/generate",
            Self::ApiToken => "POST /api/v2/oauth/apitokens",
            Self::AccessKeys => "POST /access-key-management/v1/access-keys",
            Self::Alternating | Self::InPlace => "POST /api/v2/oauth/clients/{id}/secret",
        }
    }
}

/// A secret of one mode, in a file or in KV.
struct Kept<'a> {
    scene: &'a Scene,
    bao: Option<&'a Bao>,
    typed: String,
}

impl<'a> Kept<'a> {
    async fn new(scene: &'a Scene, bao: Option<&'a Bao>, mode: Mode) -> Self {
        scene.simulation.genesys.set(|knobs| knobs.unpublished_endpoints = true);
        for (id, secret) in [(CLIENT_ID, CLIENT_SECRET), (SECOND_ID, SECOND_SECRET), (ADMIN_ID, ADMIN_SECRET)] {
            scene.simulation.genesys.add_client(OAuthClient::new(id, secret));
        }
        scene.simulation.cxone.add_access_key(AccessKey::new(KEY.0, KEY.1));
        let rotates = [CLIENT_ID, SECOND_ID];
        let admin = json!({
            "region": "eu-west-1", "client_id": ADMIN_ID, "client_secret": ADMIN_SECRET, "rotates": rotates,
        })
        .to_string();
        let typed = match bao {
            Some(bao) => {
                bao.put("admin", &admin).await;
                bao.put("team/genesys", &mode.document("secret/admin").to_string()).await;
                "vault:secret/team/genesys".to_owned()
            }
            None => {
                let admin = write(scene.directory.path(), "admin.json", &admin).display().to_string();
                let path = write(scene.directory.path(), "token.json", &mode.document(&admin).to_string());
                format!("file:{}", path.display())
            }
        };
        Self { scene, bao, typed }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.scene.command(arguments);
        if let Some(bao) = self.bao {
            command.env("VAULT_ADDR", &bao.url).env("VAULT_TOKEN", ROOT);
        }
        command
    }

    async fn run(&self, arguments: &[&str]) -> Transcript {
        let mut command = self.command(arguments);
        let done = tokio::task::spawn_blocking(move || command.output()).await.expect("the task completes");
        let transcript = self.scene.without_log(Transcript::of(done.expect("the binary runs")));
        let clients = self.scene.simulation.genesys.clients().into_iter().map(|client| client.secret);
        let keys = self.scene.simulation.cxone.access_keys().into_iter().map(|key| key.secret);
        for secret in clients.chain(keys) {
            assert!(!transcript.stdout.contains(&secret), "a secret was printed: {}", transcript.stdout);
        }
        transcript
    }

    async fn document(&self) -> Value {
        match (self.bao, self.typed.strip_prefix("file:")) {
            (Some(bao), _) => bao.get("team/genesys").await,
            (None, path) => read(path.expect("a file").as_ref()),
        }
    }

    async fn rotate(&self, what: &str) {
        let before = self.document().await["access_token"].clone();
        let transcript = self.run(&["rotate", &self.typed]).await;
        assert_eq!(transcript.exit, Some(0), "{what}: {}", transcript.stderr);
        assert!(self.token_works().await && self.client_works().await, "{what}");
        let now = self.document().await;
        assert_ne!(now["access_token"], before, "{what}");
        assert_eq!(now["ours"], 1, "{what}: unknown fields are kept");
        let status = self.run(&["status", &self.typed, "--output", "json"]).await;
        let labels = status.json()[0]["versions"].to_string();
        assert!(!labels.contains("AWSPENDING") && !labels.contains("ROTATOR_AHEAD"), "{what}: {labels}");
    }

    /// Starts a rotation whose process is killed after the platform has executed the call and before it responds.
    async fn rotate_and_die(&self, operation: &str) {
        let child: Arc<Mutex<Option<Child>>> = Arc::default();
        let victim = child.clone();
        self.scene.simulation.faults.on_kill(move || {
            victim
                .lock()
                .expect("no test panicked")
                .as_mut()
                .expect("the process was started")
                .kill()
                .expect("the process can be killed");
        });
        self.scene.simulation.faults.add(Fault::once(operation, Effect::KillAfter));
        let mut command = self.command(&["rotate", &self.typed]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let exit = tokio::task::spawn_blocking(move || {
            *child.lock().expect("no test panicked") = Some(command.spawn().expect("the binary runs"));
            loop {
                let ended =
                    child.lock().expect("no test panicked").as_mut().expect("the process was started").try_wait();
                if let Some(status) = ended.expect("the process can be polled") {
                    return status.code();
                }
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        assert_eq!(exit.await.expect("the task completes"), None, "the process was killed");
    }

    async fn token_works(&self) -> bool {
        let document = self.document().await;
        let token = document["access_token"].as_str().expect("a token");
        let live = [self.scene.simulation.genesys.live_tokens(), self.scene.simulation.cxone.live_tokens()].concat();
        live.iter().any(|live| live == token)
    }

    /// Whether the platform accepts the stored credentials.
    async fn client_works(&self) -> bool {
        let current = self.document().await;
        let keys = self.scene.simulation.cxone.access_keys();
        if keys.iter().any(|key| current["access_key_id"] == *key.id && current["access_key_secret"] == *key.secret) {
            return true;
        }
        let clients = self.scene.simulation.genesys.clients();
        clients.iter().any(|client| current["client_id"] == *client.id && current["client_secret"] == *client.secret)
    }
}

async fn is_rotated_and_survives_a_kill(scene: &Scene, bao: Option<&Bao>, mode: Mode) {
    let kept = Kept::new(scene, bao, mode).await;
    kept.rotate(&format!("{mode:?}, first")).await;
    if mode == Mode::Alternating {
        assert_eq!(kept.document().await["client_id"], SECOND_ID);
    }
    kept.rotate_and_die(mode.creating_call()).await;
    assert!(kept.token_works().await, "{mode:?}: readers keep a working token");
    // `accept_gap`: only the in-place mode has a gap.
    assert_eq!(kept.client_works().await, mode != Mode::InPlace, "{mode:?}");
    kept.rotate(&format!("{mode:?}, after the kill")).await;
    scene.simulation.faults.add(Fault::once(mode.creating_call(), Effect::LoseAnswer));
    if matches!(mode, Mode::Generated | Mode::ApiToken) {
        let transcript = kept.run(&["rotate", &kept.typed]).await;
        assert_eq!(transcript.exit, Some(1), "a request for a token of a year is not repeated");
        assert!(transcript.error().0.contains("may have issued a token"), "{}", transcript.stderr);
    }
    kept.rotate(&format!("{mode:?}, with a lost answer")).await;
}

macro_rules! modes {
    ($($name:ident: $mode:expr;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn in_a_file_is_rotated_and_survives_a_kill() {
                is_rotated_and_survives_a_kill(&Scene::new().await, None, $mode).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn in_vault_is_rotated_and_survives_a_kill() {
                let Some(bao) = Bao::start() else { return };
                is_rotated_and_survives_a_kill(&Scene::new().await, Some(&bao), $mode).await;
            }
        }
    )*};
}

modes! {
    a_generated_token: Mode::Generated;
    an_api_token: Mode::ApiToken;
    two_clients: Mode::Alternating;
    one_client: Mode::InPlace;
    access_keys: Mode::AccessKeys;
}
