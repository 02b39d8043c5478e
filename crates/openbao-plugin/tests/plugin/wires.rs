//! The protocol, over separate sockets and over one multiplexed connection.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::bao::until;
use super::example::engine;
use openbao_plugin::testing::wire::{pb, plugin};
use openbao_plugin::testing::{Host, HostIdentity, MemoryStorage, PluginProcess, Transport, YamuxSession, of_mount};

const MUX: (&str, &str) = ("PLUGIN_MULTIPLEX_GRPC", "true");

fn start(host: &HostIdentity, environment: &[(&str, &str)]) -> PluginProcess {
    PluginProcess::start(&engine(), host, environment)
}

async fn over_sockets(storage: MemoryStorage) -> (PluginProcess, Host) {
    let identity = HostIdentity::new();
    let plugin = start(&identity, &[]);
    let host = Host::connect(&identity, Transport::Sockets(plugin.socket()), storage).await;
    (plugin, host)
}

async fn set_up_and_use(host: &Host, mount: &str) {
    assert_eq!(host.setup(mount).await, "");
    let initialized = host.backend().initialize(of_mount(mount, pb::InitializeArgs {})).await.unwrap();
    assert!(initialized.into_inner().err.is_none());
    write_and_read(host, mount).await;
}

async fn write_and_read(host: &Host, mount: &str) {
    let reply = host.ask(mount, "create", "store/a", r#"{"x":1}"#).await.unwrap();
    assert!(reply.err.is_none());
    let reply = host.ask(mount, "read", "store/a", "").await.unwrap();
    assert_eq!(reply.response.unwrap().data, r#"{"x":1}"#);
}

#[tokio::test]
async fn the_handshake_is_one_line_and_the_socket_has_mode_0600() {
    let plugin = start(&HostIdentity::new(), &[]);
    let fields: Vec<_> = plugin.line.split('|').collect();
    assert_eq!((&fields[..3], fields[4], fields.len()), (&["1", "5", "unix"][..], "grpc", 6));
    assert!(!fields[5].contains('='), "without padding");
    assert!(plugin.certificate().starts_with(&[0x30]));
    let mode = plugin.socket().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let asked = start(&HostIdentity::new(), &[MUX]);
    assert_eq!(asked.field(6), "true");
}

#[tokio::test]
async fn a_transaction_is_committed_or_discarded() {
    let storage = MemoryStorage::default();
    storage.enable_transactions();
    let (_plugin, host) = over_sockets(storage.clone()).await;
    assert_eq!(host.setup("one").await, "");
    storage.set("store/a", "{}");
    storage.take_calls();
    assert!(host.ask("one", "update", "renamed/a/b", "").await.unwrap().err.is_none());
    assert_eq!(storage.take_calls(), ["get store/a", "begin", "put store/b", "delete store/a", "commit"]);
    storage.refuse("the disk is full");
    let refused = host.ask("one", "update", "renamed/b/c", "").await.unwrap().err.unwrap();
    assert_eq!(refused.err_msg, "the disk is full");
    until("the transaction is rolled back", async || storage.open_transactions() == 0).await;
    assert_eq!(
        (storage.keys(), storage.calls().last().map(String::as_str)),
        (vec!["store/b".to_owned()], Some("rollback"))
    );
}

#[tokio::test]
async fn a_directory_that_is_too_long_for_a_socket_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let long = directory.path().join("x".repeat(91 - directory.path().as_os_str().len() - 1));
    std::fs::create_dir(&long).unwrap();
    let mut plugin = start(&HostIdentity::new(), &[("PLUGIN_UNIX_SOCKET_DIR", long.to_str().unwrap())]);
    let mut said = String::new();
    plugin.errors.take().unwrap().read_to_string(&mut said).unwrap();
    plugin.ended().await;
    assert_eq!(plugin.line, "");
    let expected =
        "its path has 91 bytes, and a directory of sockets may have 90: set TMPDIR of the server to a shorter one";
    assert!(said.contains("cannot open a socket in ") && said.contains(expected), "{said}");
}

#[tokio::test]
async fn a_mount_works_over_sockets() {
    let (mut plugin, host) = over_sockets(MemoryStorage::default()).await;
    assert_eq!(host.version().await, "v1.2.3");
    set_up_and_use(&host, "one").await;
    drop(host);
    plugin.ended().await;
}

#[tokio::test]
async fn mounts_work_over_one_multiplexed_connection() {
    let identity = HostIdentity::new();
    let mut plugin = start(&identity, &[MUX]);
    // Another peer's connection comes first, and does not block the host's.
    drop(UnixStream::connect(plugin.socket()).unwrap());
    let session = YamuxSession::connect(&plugin.socket()).await;
    let host = Host::connect(&identity, Transport::Multiplexed(session), MemoryStorage::default()).await;
    for mount in ["one", "two", "three"] {
        set_up_and_use(&host, mount).await;
    }
    let mut controller = plugin::grpc_controller_client::GrpcControllerClient::new(host.channel.clone());
    controller.shutdown(plugin::Empty {}).await.unwrap();
    plugin.ended().await;
}

#[tokio::test]
async fn shutdown_ends_the_process() {
    let (mut plugin, host) = over_sockets(MemoryStorage::default()).await;
    set_up_and_use(&host, "one").await;
    let mut controller = plugin::grpc_controller_client::GrpcControllerClient::new(host.channel.clone());
    controller.shutdown(plugin::Empty {}).await.unwrap();
    plugin.ended().await;
}

#[tokio::test]
async fn a_closed_standard_error_does_not_prevent_shutdown() {
    let (mut plugin, host) = over_sockets(MemoryStorage::default()).await;
    set_up_and_use(&host, "one").await;
    plugin.errors = None;
    assert!(host.ask("one", "read", "panic", "").await.unwrap().err.is_some());
    drop(host);
    plugin.ended().await;
}

#[tokio::test]
async fn other_peers_are_rejected_without_effect_on_the_host() {
    let (plugin, host) = over_sockets(MemoryStorage::default()).await;
    let stranger = HostIdentity::new().connector();
    let socket = tokio::net::UnixStream::connect(plugin.socket()).await.unwrap();
    let greeted = stranger.connect("localhost".try_into().unwrap(), socket).await;
    if let Ok(mut stream) = greeted {
        use tokio::io::AsyncReadExt;
        // With TLS 1.3 the first read reports the rejection.
        assert!(stream.read_u8().await.is_err());
    }
    let mut rubbish = UnixStream::connect(plugin.socket()).unwrap();
    rubbish.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = rubbish.read_to_end(&mut said);
    let _silent = UnixStream::connect(plugin.socket()).unwrap();
    set_up_and_use(&host, "one").await;
}

#[tokio::test]
async fn malformed_requests_are_answered_with_an_error() {
    let (_plugin, host) = over_sockets(MemoryStorage::default()).await;
    assert!(host.ask("nowhere", "read", "store/a", "").await.is_err());
    assert!(host.backend().special_paths(of_mount("nowhere", pb::Empty {})).await.is_err());
    assert_eq!(host.backend().r#type(pb::Empty {}).await.unwrap().into_inner().r#type, 1);
    set_up_and_use(&host, "one").await;
    for operation in ["resolve-path", "alias-lookahead", "", "READ"] {
        let reply = host.ask("one", operation, "store/a", "").await.unwrap();
        assert_eq!(reply.err.unwrap().err_type, 5, "{operation}");
    }
    let deep = "[".repeat(100_000);
    for data in ["{", "[]", "1", "\"x\"", "{\"x\":", deep.as_str(), "\u{0}"] {
        let reply = host.ask("one", "update", "store/a", data).await.unwrap();
        assert_eq!(reply.err.unwrap().err_type, 7, "{}", &data[..1]);
    }
    let empty = pb::HandleRequestArgs::default();
    assert!(host.backend().handle_request(of_mount("one", empty)).await.unwrap().into_inner().err.is_some());
    let lease_options = pb::LeaseOptions {
        ttl: i64::MIN,
        max_ttl: i64::MAX,
        increment: -1,
        issue_time: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: -1 }),
        renewable: true,
    };
    let secret = pb::Secret { lease_options: Some(lease_options), internal_data: "null".into(), lease_id: "x".into() };
    let request = pb::Request { operation: "revoke".into(), secret: Some(secret), ..Default::default() };
    let arguments = pb::HandleRequestArgs { storage_id: 0, request: Some(request) };
    assert!(host.backend().handle_request(of_mount("one", arguments)).await.is_ok());
    write_and_read(&host, "one").await;
}

#[tokio::test]
async fn the_hosts_errors_are_passed_back_unchanged() {
    let refusal = "cannot write to readonly storage".to_owned();
    let (_plugin, host) = over_sockets(MemoryStorage::refusing(&refusal)).await;
    assert_eq!(host.setup("one").await, "");
    let failure = host.ask("one", "create", "store/a", r#"{"x":1}"#).await.unwrap().err.unwrap();
    assert_eq!((failure.err_type, failure.err_msg), (0, refusal));
}
