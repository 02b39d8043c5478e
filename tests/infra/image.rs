//! The OCI images: their form, and the engine's in OpenBao, which pulls it from a registry on loopback, registers it, and
//! upgrades it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::package::{run, tests_python};
use super::{CLIENT, ENGINE, NAME, plugin, simulate, stdout};
use crate::bao::{Bao, signal, until};

const OLD: &str = env!("CARGO_PKG_VERSION");
/// A stand-in for a later version, with as many characters.
const NEW: &str = "9.9.9";
const REPOSITORY: &str = "genesys/vault-plugin-secrets-genesys";
const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// The files of a registry, by the path of their request: content type and bytes.
type Files = HashMap<String, (String, Vec<u8>)>;

/// The engine, stripped, in a version.
fn binary(directory: &Path, version: &str) -> Vec<u8> {
    let path = directory.join(format!("engine-{version}"));
    let stripped = Command::new("strip").arg("-o").arg(&path).arg(ENGINE).status();
    if !stripped.is_ok_and(|status| status.success()) {
        fs::copy(ENGINE, &path).expect("a file");
    }
    let mut bytes = fs::read(path).expect("a file");
    let (from, to) = (format!("v{OLD}"), format!("v{version}"));
    let places: Vec<_> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from.as_bytes())).collect();
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to.as_bytes()));
    bytes
}

/// Writes the image of a binary, for this machine and for another one, and returns its archive.
fn image(directory: &Path, name: &str, version: &str, binary: &[u8]) -> Vec<u8> {
    let [input, other, output, files] = ["input", "other", "output", "files"].map(|file| directory.join(file));
    fs::write(&input, binary).expect("a file");
    fs::write(&other, b"for another machine").expect("a file");
    fs::create_dir_all(&files).expect("a directory");
    for file in ["LICENSE", "THIRD-PARTY-LICENSES.txt", "README.md"] {
        fs::write(files.join(file), file).expect("a file");
    }
    let another = if MACHINE == "arm64" { "amd64" } else { "arm64" };
    let binaries =
        [(MACHINE, &input), (another, &other)].map(|(machine, path)| format!("{machine}={}", path.display()));
    let [file, files] = [&output, &files].map(|path| path.display().to_string());
    stdout(&run("image.py", &[name, version, &file, &files, &binaries[0], &binaries[1]]));
    fs::read(output).expect("an archive")
}

/// The files of an archive, as a registry names them.
fn served(directory: &Path, archive: &[u8]) -> Files {
    let layout = tempfile::tempdir_in(directory).expect("a directory");
    fs::write(layout.path().join("archive"), archive).expect("a file");
    let tar = Command::new("tar").args(["-xf", "archive"]).current_dir(layout.path()).status();
    assert!(tar.expect("tar").success());
    let read = |path: &str| fs::read(layout.path().join(path)).expect("the layout has this file");
    let blob = |reference: &Value| read(&format!("blobs/sha256/{}", digest(reference).trim_start_matches("sha256:")));
    let parsed = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
    let mut files = Files::new();
    let mut add = |place: String, reference: &Value| {
        let kind = reference["mediaType"].as_str().expect("a media type").to_owned();
        files.insert(format!("/v2/{REPOSITORY}/{place}"), (kind, blob(reference)));
    };
    let tagged = &parsed(&read("index.json"))["manifests"][0];
    let tag = tagged["annotations"]["org.opencontainers.image.ref.name"].as_str().expect("a tag");
    add(format!("manifests/{tag}"), tagged);
    for reference in parsed(&blob(tagged))["manifests"].as_array().expect("an index") {
        add(format!("manifests/{}", digest(reference)), reference);
        let manifest = parsed(&blob(reference));
        for part in manifest["layers"].as_array().expect("layers").iter().chain([&manifest["config"]]) {
            add(format!("blobs/{}", digest(part)), part);
        }
    }
    files
}

fn digest(reference: &Value) -> &str {
    reference["digest"].as_str().expect("a digest")
}

/// A registry that answers reads, on loopback without TLS. Returns its address.
async fn registry(files: Files) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let files = Arc::new(files);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection, files.clone()));
        }
    });
    address
}

/// Answers one request, and closes the connection.
async fn answer(connection: TcpStream, files: Arc<Files>) {
    let mut connection = BufReader::new(connection);
    let (mut request, mut line) = (String::new(), String::new());
    if connection.read_line(&mut request).await.is_err() {
        return;
    }
    while connection.read_line(&mut line).await.is_ok_and(|length| length > 2) {
        line.clear();
    }
    let mut words = request.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let empty = ("text/plain".to_owned(), Vec::new());
    let (status, (kind, bytes)) = match (path, files.get(path)) {
        ("/v2/", _) => ("200 OK", &empty),
        (_, Some(file)) => ("200 OK", file),
        (_, None) => ("404 Not Found", &empty),
    };
    let length = bytes.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = connection.write_all(head.as_bytes()).await;
    if method != "HEAD" {
        let _ = connection.write_all(bytes).await;
    }
    let _ = connection.shutdown().await;
}

/// The version of the engine that the mount runs.
async fn running(bao: &Bao) -> Value {
    let (_, mut mount) = bao.call("GET", "sys/mounts/genesys-cloud", Value::Null).await;
    mount["data"]["running_plugin_version"].take()
}

/// A file of the registry whose path and content are as asked, as JSON.
fn found(files: &Files, place: &str, has: impl Fn(&Value) -> bool) -> Value {
    let parsed =
        files.iter().filter(|(path, _)| path.contains(place)).map(|(_, (_, bytes))| serde_json::from_slice(bytes));
    parsed.flatten().find(has).expect("the registry has it")
}

#[test]
fn an_image_is_reproducible_and_runs_as_a_user_with_certificates() {
    if tests_python().is_none() {
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    for (name, program) in [(NAME, NAME), ("genesys-rotator", "usr/bin/genesys-rotator")] {
        let archive = image(directory.path(), name, OLD, b"a binary");
        assert_eq!(archive, image(directory.path(), name, OLD, b"a binary"));
        let files = served(directory.path(), &archive);
        let index = found(&files, &format!("manifests/v{OLD}"), |_| true);
        let machines: Vec<_> =
            index["manifests"].as_array().expect("two").iter().map(|it| &it["platform"]["architecture"]).collect();
        assert_eq!(machines, ["amd64", "arm64"]);
        let config = found(&files, "blobs/", |it| it["architecture"] == MACHINE);
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Entrypoint"], json!([format!("/{program}")]));

        let reference =
            index["manifests"].as_array().expect("two").iter().find(|it| it["platform"]["architecture"] == MACHINE);
        let manifest = found(&files, digest(reference.expect("this machine's")), |_| true);
        let mut listed = String::new();
        for layer in manifest["layers"].as_array().expect("layers") {
            let (_, (_, bytes)) = files.iter().find(|(path, _)| path.ends_with(digest(layer))).expect("a layer");
            fs::write(directory.path().join("layer"), bytes).expect("a file");
            let mut tar = Command::new("tar");
            tar.args(["--numeric-owner", "-tvzf", "layer"]).current_dir(directory.path()).env("TZ", "UTC");
            listed += &stdout(&tar.output().expect("tar"));
        }
        let lines: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
        let entries: Vec<_> = lines.iter().map(|words| (words[0], words[1], words[3], words[5])).collect();
        let file = |place: &str| ("-rw-r--r--", "0/0", "2026-01-02", place.to_owned());
        let document = |file: &str| format!("usr/share/doc/{name}/{file}");
        let expected = [
            ("-rwxr-xr-x", "0/0", "2026-01-02", program.to_owned()),
            file("etc/ssl/certs/ca-certificates.crt"),
            file(&document("CERTIFICATES")),
            file(&document("LICENSE")),
            file(&document("THIRD-PARTY-LICENSES.txt")),
        ];
        assert_eq!(entries, expected.each_ref().map(|(mode, owner, day, place)| (*mode, *owner, *day, place.as_str())));
    }
}

/// Declares a version of the engine, as an operator does.
fn declared(registry: &str, version: &str, binary: &[u8], directory: &Path, environment: &[String]) -> String {
    let file = directory.join("sum");
    fs::write(&file, binary).expect("a file");
    let sum = stdout(&Command::new("sha256sum").arg(file).output().expect("sha256sum"));
    let sum = sum.split(' ').next().unwrap_or_default();
    format!(
        "plugin \"secret\" \"{NAME}\" {{\n  image = \"{registry}/{REPOSITORY}\"\n  version = \"v{version}\"\n  \
         sha256sum = \"{sum}\"\n  env = {environment:?}\n}}\n"
    )
}

// The start of a server blocks a thread, and the registry needs another one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openbao_pulls_the_engine_upgrades_it_and_gives_it_up() {
    if tests_python().is_none() {
        return;
    }
    let home = tempfile::tempdir().expect("a directory");
    let [old, new] = [OLD, NEW].map(|version| binary(home.path(), version));
    let mut files = served(home.path(), &image(home.path(), NAME, OLD, &old));
    files.extend(served(home.path(), &image(home.path(), NAME, NEW, &new)));
    let (registry, simulation) = (registry(files).await, simulate().await);
    let engine = plugin(&simulation);
    let [old, new] = [(OLD, &old), (NEW, &new)]
        .map(|(version, binary)| declared(&registry, version, binary, home.path(), &engine.environment));
    let settings = |plugins: &Path| {
        format!("plugin_directory = {plugins:?}\nplugin_auto_download = true\nplugin_auto_register = true\n")
    };
    let started = Bao::configured(&engine, |plugins| {
        fs::remove_file(plugins.join(NAME)).expect("the engine comes from the registry alone");
        settings(plugins) + &old
    });
    let Some(bao) = started else { return };
    bao.post("sys/mounts/genesys-cloud", json!({"type": NAME})).await;
    let config = json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.post("genesys-cloud/config/main", config).await;
    bao.post("genesys-cloud/roles/ci", json!({"config": "main"})).await;
    let (_, leased) = bao.call("GET", "genesys-cloud/creds/ci", Value::Null).await;

    // The upgrade: both versions are declared, and the mount is pinned to the new one.
    let plugins = bao.server.home().join("plugins");
    fs::write(bao.server.home().join("config.hcl"), settings(&plugins) + &old + &new).expect("a file");
    signal(bao.server.id(), "HUP");
    let catalog = format!("sys/plugins/catalog/secret/{NAME}?version=v{NEW}");
    until("the new version is registered", async || bao.call("GET", &catalog, Value::Null).await.0 == 200).await;
    let bao_command = |command: &str| {
        let output = bao.command(&command.split(' ').collect::<Vec<_>>());
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    };
    bao_command(&format!("plugin reload -plugin {NAME}"));
    until("the old version answers", async || bao.call("GET", "genesys-cloud/creds/ci", Value::Null).await.0 == 200)
        .await;
    assert_eq!(running(&bao).await, format!("v{OLD}"), "the mount is pinned to the version with which it was enabled");
    bao_command(&format!("secrets tune -plugin-version=v{NEW} genesys-cloud/"));
    bao_command(&format!("plugin reload -plugin {NAME}"));
    until("the new version answers", async || bao.call("GET", "genesys-cloud/creds/ci", Value::Null).await.0 == 200)
        .await;
    assert_eq!(running(&bao).await, format!("v{NEW}"));

    // The end: leases are revoked with the mount, and nothing is registered or running.
    assert!(leased["lease_id"].is_string() && simulation.genesys.live_tokens().len() >= 2);
    bao_command("secrets disable genesys-cloud/");
    assert!(simulation.genesys.live_tokens().is_empty(), "leases of both versions are revoked");
    fs::write(bao.server.home().join("config.hcl"), settings(&plugins)).expect("a file");
    for version in [OLD, NEW] {
        bao_command(&format!("plugin deregister -version=v{version} secret {NAME}"));
    }
    until("no process is left", async || bao.engines().is_empty()).await;
    assert_eq!(bao.call("GET", &catalog, Value::Null).await.0, 404);
}
