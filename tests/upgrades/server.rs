//! The engine's binary is replaced under a real OpenBao with durable storage, as docs/upgrading.md says.

use std::fs;

use serde_json::{Value, json};

use crate::bao::{Bao, Plugin, until};
use crate::mount::Mount;
use crate::programs::Programs;
use crate::{CLIENT, SECOND};

const NAME: &str = "vault-plugin-secrets-genesys";
const MOUNT: &str = "genesys-cloud";

fn plugin(programs: &Programs, url: &str) -> Plugin {
    let environment = ["ROTATOR_LOGIN_URL", "ROTATOR_API_URL"].map(|name| format!("{name}={url}")).into();
    Plugin { name: NAME, version: concat!("v", env!("CARGO_PKG_VERSION")), binary: programs.engine(), environment }
}

/// Replaces the binary, registers it again, and reloads it.
async fn replace(bao: &Bao, plugin: &Plugin) {
    let place = bao.server.home().join("plugins").join(NAME);
    let beside = place.with_extension("new");
    fs::copy(&plugin.binary, &beside).expect("it is copied");
    fs::rename(&beside, &place).expect("it is replaced");
    bao.register(plugin).await;
    bao.reload(plugin).await;
    let is_ready = async || bao.call("GET", &format!("{MOUNT}/config/main"), Value::Null).await.0 == 200;
    until("the mount answers", is_ready).await;
}

async fn replaced(before: &Programs, after: &Programs) {
    let platform = Mount::new().await.simulation;
    let (url, genesys) = (platform.genesys_url(), &platform.genesys);
    let Some(mut bao) = Bao::durable(&plugin(before, &url)).await else { return };
    let path = |path: &str| format!("{MOUNT}/{path}");
    bao.mount(&plugin(before, &url), MOUNT).await;
    let config = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1, "rotates": [CLIENT.0, SECOND.0]});
    bao.post(&path("config/main"), config).await;
    bao.post(&path("roles/ci"), json!({"config": "main"})).await;
    bao.post(&path("static-roles/ci"), json!({"config": "main", "rotation_period": "6h"})).await;
    let (_, lease) = bao.call("GET", &path("creds/ci"), Value::Null).await;
    let (shared, fixed) = (bao.read(&path("token/ci")).await, bao.read(&path("static-creds/ci")).await);
    replace(&bao, &plugin(after, &url)).await;
    for is_restarted in [false, true] {
        if is_restarted {
            bao.server.stop("TERM");
            bao.restart().await;
        }
        assert_eq!(bao.read(&path("token/ci")).await["access_token"], shared["access_token"]);
        assert_eq!(bao.read(&path("static-creds/ci")).await["access_token"], fixed["access_token"]);
    }
    bao.post("sys/leases/revoke", json!({"lease_id": lease["lease_id"], "sync": true})).await;
    let leased = lease["data"]["access_token"].as_str().expect("a token");
    assert!(genesys.owner_of(leased).is_none(), "the token of the lease is not revoked");
    bao.post(&path("rotate-root/main"), json!({})).await;
    assert!(!genesys.accepts(CLIENT.0, CLIENT.1), "the client secret is new");
    bao.post(&path("rotate-role/ci"), json!({})).await;
    bao.read(&path("creds/ci")).await;
    // And back.
    let fixed = bao.read(&path("static-creds/ci")).await;
    replace(&bao, &plugin(before, &url)).await;
    assert_eq!(bao.read(&path("static-creds/ci")).await["access_token"], fixed["access_token"]);
    bao.read(&path("creds/ci")).await;
}

/// `make upgrades`.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs earlier programs: make upgrades"]
async fn the_engine_is_replaced_under_a_server() {
    let (earlier, today) = (Programs::earlier(), Programs::today());
    replaced(&earlier, &today).await;
    replaced(&today, &earlier).await;
}
