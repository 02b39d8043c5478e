//! The wire itself, over the sockets of each side and over one connection for all.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

use super::example::engine;
use openbao_plugin::testing::wire::{pb, plugin};
use openbao_plugin::testing::{Host, Identity, Plugin, Road, Session, Storage, of_mount};

const MUX: (&str, &str) = ("PLUGIN_MULTIPLEX_GRPC", "true");

fn start(host: &Identity, environment: &[(&str, &str)]) -> Plugin {
    Plugin::start(&engine(), host, environment)
}

async fn over_sockets(storage: Storage) -> (Plugin, Host) {
    let identity = Identity::new();
    let plugin = start(&identity, &[]);
    let host = Host::connect(&identity, Road::Sockets(plugin.socket()), storage).await;
    (plugin, host)
}

async fn write_and_read(host: &Host, mount: &str) {
    assert_eq!(host.setup(mount).await, "");
    let initialized = host.backend().initialize(of_mount(mount, pb::InitializeArgs {})).await.unwrap();
    assert!(initialized.into_inner().err.is_none());
    goes_on(host, mount).await;
}

async fn goes_on(host: &Host, mount: &str) {
    let reply = host.ask(mount, "create", "store/a", r#"{"x":1}"#).await.unwrap();
    assert!(reply.err.is_none());
    let reply = host.ask(mount, "read", "store/a", "").await.unwrap();
    assert_eq!(reply.response.unwrap().data, r#"{"x":1}"#);
}

#[tokio::test]
async fn the_handshake_is_one_line_and_the_socket_its_owners_alone() {
    let plugin = start(&Identity::new(), &[]);
    let fields: Vec<_> = plugin.line.split('|').collect();
    assert_eq!((&fields[..3], fields[4], fields.len()), (&["1", "5", "unix"][..], "grpc", 6));
    assert!(!fields[5].contains('='), "without padding");
    assert!(plugin.certificate().starts_with(&[0x30]));
    let mode = plugin.socket().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let asked = start(&Identity::new(), &[MUX]);
    assert_eq!(asked.field(6), "true");
}

#[tokio::test]
async fn a_mount_works_over_sockets() {
    let (mut plugin, host) = over_sockets(Storage::default()).await;
    assert_eq!(host.version().await, "v1.2.3");
    write_and_read(&host, "one").await;
    drop(host);
    plugin.ended().await;
}

#[tokio::test]
async fn mounts_work_over_one_connection() {
    let identity = Identity::new();
    let mut plugin = start(&identity, &[MUX]);
    // A stranger's connection comes first, and is in nobody's way.
    drop(UnixStream::connect(plugin.socket()).unwrap());
    let session = Session::connect(&plugin.socket()).await;
    let host = Host::connect(&identity, Road::Mux(session), Storage::default()).await;
    for mount in ["one", "two", "three"] {
        write_and_read(&host, mount).await;
    }
    let mut controller = plugin::grpc_controller_client::GrpcControllerClient::new(host.channel.clone());
    controller.shutdown(plugin::Empty {}).await.unwrap();
    plugin.ended().await;
}

#[tokio::test]
async fn shutdown_ends_the_process() {
    let (mut plugin, host) = over_sockets(Storage::default()).await;
    write_and_read(&host, "one").await;
    let mut controller = plugin::grpc_controller_client::GrpcControllerClient::new(host.channel.clone());
    controller.shutdown(plugin::Empty {}).await.unwrap();
    plugin.ended().await;
}

#[tokio::test]
async fn nobody_reading_its_log_does_not_keep_it_from_ending() {
    let (mut plugin, host) = over_sockets(Storage::default()).await;
    write_and_read(&host, "one").await;
    plugin.errors = None;
    assert!(host.ask("one", "read", "panic", "").await.unwrap().err.is_some());
    drop(host);
    plugin.ended().await;
}

#[tokio::test]
async fn strangers_are_turned_away_and_disturb_nobody() {
    let (plugin, host) = over_sockets(Storage::default()).await;
    let stranger = Identity::new().connector();
    let socket = tokio::net::UnixStream::connect(plugin.socket()).await.unwrap();
    let greeted = stranger.connect("localhost".try_into().unwrap(), socket).await;
    if let Ok(mut stream) = greeted {
        use tokio::io::AsyncReadExt;
        // With TLS 1.3 a client learns of its refusal from its first read.
        assert!(stream.read_u8().await.is_err());
    }
    let mut rubbish = UnixStream::connect(plugin.socket()).unwrap();
    rubbish.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = rubbish.read_to_end(&mut said);
    let _silent = UnixStream::connect(plugin.socket()).unwrap();
    write_and_read(&host, "one").await;
}

#[tokio::test]
async fn what_no_host_should_send_is_answered_with_an_error() {
    let (_plugin, host) = over_sockets(Storage::default()).await;
    assert!(host.ask("nowhere", "read", "store/a", "").await.is_err());
    assert!(host.backend().special_paths(of_mount("nowhere", pb::Empty {})).await.is_err());
    assert_eq!(host.backend().r#type(pb::Empty {}).await.unwrap().into_inner().r#type, 1);
    write_and_read(&host, "one").await;
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
    goes_on(&host, "one").await;
}

#[tokio::test]
async fn the_hosts_own_words_pass_through_unchanged() {
    let refusal = "cannot write to readonly storage".to_owned();
    let (_plugin, host) = over_sockets(Storage::refusing(&refusal)).await;
    assert_eq!(host.setup("one").await, "");
    let failure = host.ask("one", "create", "store/a", r#"{"x":1}"#).await.unwrap().err.unwrap();
    assert_eq!((failure.err_type, failure.err_msg), (0, refusal));
}
