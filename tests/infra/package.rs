//! Packing and checking of releases, with stand-ins and debug binaries, and of `dist/` if it exists. Cross-building is not
//! tested here, because it takes too long.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::{CLIENT, ENGINE, NAME, ROTATOR, plugin, simulate, stdout};
use crate::bao::{Bao, Plugin};

const FUNCTION: &str = env!("CARGO_BIN_EXE_genesys-rotator-lambda");
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The offset and values of the machine in an ELF header (ELF-64 Object File Format, section 2).
const MACHINE: usize = 18;
const X86_64: u8 = 62;
const AARCH64: u8 = 183;
/// 2026-01-02T03:04:05Z.
const EPOCH: &str = "1767323045";

#[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter that has the packages")]
pub(super) fn tests_python() -> Option<PathBuf> {
    std::env::var_os("PYTHON").map(PathBuf::from)
}

/// A script of `infra/package/`; `None` without the tests' Python.
pub(super) fn script(name: &str) -> Option<Command> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/package").join(name);
    let mut command = Command::new(tests_python()?);
    command.arg("-B").arg(script).env("SOURCE_DATE_EPOCH", EPOCH).env_remove("FORBIDDEN_PATHS");
    Some(command)
}

/// Runs a script of `infra/package/`.
pub(super) fn run(name: &str, arguments: &[&str]) -> Output {
    script(name).expect("the tests' Python").args(arguments).output().expect("it runs")
}

/// A small library of the tests' Python. Like a function, it is stripped and needs an old glibc.
fn library() -> Option<Vec<u8>> {
    let libraries = tests_python()?.parent()?.parent()?.join("lib");
    let packages = fs::read_dir(libraries).ok()?.flatten().map(|python| python.path().join("site-packages/deflate"));
    let files = packages.filter_map(|package| fs::read_dir(package).ok()).flat_map(Iterator::flatten);
    let found = files.map(|file| file.path()).find(|file| file.extension().is_some_and(|ending| ending == "so"));
    fs::read(found?).ok()
}

/// The binary with another machine in its header.
fn built_for(machine: u8, mut binary: Vec<u8>) -> Vec<u8> {
    binary[MACHINE] = machine;
    binary
}

/// A minimal ELF file: only a header.
fn header(machine: u8) -> Vec<u8> {
    let mut header = vec![0; 64];
    header[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    (header[16], header[MACHINE], header[20]) = (2, machine, 1);
    (header[52], header[54], header[58]) = (64, 56, 64);
    header
}

/// The root crate of every program.
const ROOT: &str = concat!("genesys-rotator@", env!("CARGO_PKG_VERSION"));

/// The binary with a list of crates, of which the first is the root.
fn listing(crates: &[&str], binary: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("binary");
    fs::write(&path, binary).expect("a file");
    let mut command = Command::new(tests_python().expect("the tests' Python"));
    command.arg("-B").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/list_crates.py")).arg(&path).args(crates);
    stdout(&command.output().expect("it runs"));
    fs::read(path).expect("a file")
}

/// Packs a binary for a machine into a new directory.
fn pack(binary: &[u8], name: &str, machine: &str) -> (Output, TempDir) {
    let directory = tempfile::tempdir().expect("a directory");
    let (input, files) = (directory.path().join("input"), directory.path().join("files"));
    fs::create_dir_all(files.join("completions")).expect("a directory");
    fs::write(files.join("LICENSE"), "free").expect("a file");
    fs::write(files.join("completions/shell"), "complete").expect("a file");
    fs::write(&input, binary).expect("a file");
    let [input, files, to] = [&input, &files, directory.path()].map(|path| path.display().to_string());
    let mut arguments = vec![input.as_str(), name, machine, VERSION, &to];
    if !name.ends_with("lambda") {
        arguments.push(&files);
    }
    (run("pack.py", &arguments), directory)
}

/// The packed archive.
fn packed(binary: &[u8], name: &str, machine: &str, archive: &str) -> (Vec<u8>, TempDir) {
    let (output, directory) = pack(binary, name, machine);
    stdout(&output);
    (fs::read(directory.path().join(archive)).expect("an archive"), directory)
}

/// The error of packing a binary.
fn refusal(binary: &[u8], name: &str, machine: &str) -> String {
    let (output, directory) = pack(binary, name, machine);
    assert_eq!(output.status.code(), Some(1));
    assert!(!directory.path().join(format!("{name}-{machine}.zip")).exists());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_functions_zip_contains_only_bootstrap_and_is_reproducible() {
    let Some(library) = library() else { return };
    for (machine, elf) in [("arm64", AARCH64), ("x86_64", X86_64)] {
        let binary = listing(&[ROOT, "serde@1.0.229"], &built_for(elf, library.clone()));
        let archive = format!("genesys-rotator-lambda-{machine}.zip");
        let (first, directory) = packed(&binary, "genesys-rotator-lambda", machine, &archive);
        assert_eq!(first, packed(&binary, "genesys-rotator-lambda", machine, &archive).0);

        let read = "import sys, zipfile; archive = zipfile.ZipFile(sys.argv[1]); assert archive.testzip() is None; \
                    print([(i.filename, oct(i.external_attr >> 16), i.date_time) for i in archive.infolist()]); \
                    archive.extractall(sys.argv[2])";
        let mut command = Command::new(tests_python().expect("it is there"));
        command.args(["-c", read]).arg(directory.path().join(archive)).arg(directory.path());
        let said = stdout(&command.output().expect("it runs"));
        assert_eq!(said.trim(), "[('bootstrap', '0o100755', (2026, 1, 2, 3, 4, 4))]");
        assert_eq!(fs::read(directory.path().join("bootstrap")).expect("a file"), binary);
    }
}

#[test]
fn a_static_program_has_its_licences_and_checksum() {
    let Some(_) = library() else { return };
    let archive = format!("{NAME}_{VERSION}_linux_arm64.tar.gz");
    let binary = listing(&[ROOT], &header(AARCH64));
    let (first, directory) = packed(&binary, NAME, "arm64", &archive);
    assert_eq!(first, packed(&binary, NAME, "arm64", &archive).0);
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "-tvzf"]).arg(directory.path().join(&archive)).env("TZ", "UTC").env("LC_ALL", "C");
    let listed = stdout(&tar.output().expect("tar"));
    let entries: Vec<Vec<_>> = listed.lines().map(|line| line.split_whitespace().collect()).collect();
    let modes: Vec<_> = entries.iter().map(|entry| (entry[0], entry[1], *entry.last().expect("a name"))).collect();
    let file = |name| ("-rw-r--r--", "0/0", name);
    assert_eq!(modes, [file("LICENSE"), file("completions/shell"), ("-rwxr-xr-x", "0/0", NAME)]);
    assert!(entries.iter().all(|entry| entry[3] == "2026-01-02"), "{listed}");

    // The commands of an operator.
    let verify = format!("tar -xzf {archive} && sha256sum -c {NAME}_{VERSION}_linux_arm64.sha256");
    let said = Command::new("sh").args(["-c", &verify]).current_dir(directory.path()).output().expect("sh");
    assert_eq!(stdout(&said), format!("{NAME}: OK\n"));
}

#[test]
fn binaries_for_another_machine_or_libc_are_rejected() {
    let Some(library) = library().map(|library| built_for(X86_64, library)) else { return };
    let newest = |version: &[u8]| replaced(&library, b"GLIBC_2.14\0", version);
    let function = |binary: &[u8]| refusal(binary, "genesys-rotator-lambda", "x86_64");
    for (said, expected) in [
        (function(&built_for(AARCH64, library.clone())), "it is built for EM_AARCH64, not for EM_X86_64"),
        (function(&newest(b"GLIBC_2.35\0")), "it needs glibc 2.35; the maximum is 2.34"),
        (function(&replaced(&library, b"libc.so.6\0", b"libx.so.6\0")), "it needs libx.so.6"),
        (function(b"#!/bin/sh\n"), "it is not an ELF binary"),
        (function(&[&library[..], b"/builder/.cargo/registry/src/a/b.rs"].concat()), "it contains a build path: /bui"),
        (refusal(&library, NAME, "amd64"), "it is not static: it needs libc.so.6"),
    ] {
        assert!(
            said.starts_with("error: ") && said.contains(expected) && said.contains("\nhint: "),
            "{expected}: {said}"
        );
    }
    let binary = listing(&[ROOT], &newest(b"GLIBC_2.34\0"));
    assert!(pack(&binary, "genesys-rotator-lambda", "x86_64").0.status.success());
}

#[test]
fn binaries_without_their_list_of_crates_are_rejected() {
    let Some(_) = library() else { return };
    for (crates, expected) in [
        (&[][..], "it has no list of crates"),
        (&["another@1.0.0"], "its list of crates is that of another 1.0.0, not of genesys-rotator"),
        (&[ROOT, "serde@0.0.1"], "its list has crates that are not in Cargo.lock: serde 0.0.1"),
    ] {
        let binary = if crates.is_empty() { header(AARCH64) } else { listing(crates, &header(AARCH64)) };
        let said = refusal(&binary, NAME, "arm64");
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

fn replaced(binary: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = binary.windows(from.len()).position(|bytes| bytes == from).expect("the text is in the binary");
    [&binary[..at], to, &binary[at + from.len()..]].concat()
}

#[test]
fn a_debug_binary_is_rejected() {
    let Some(_) = library() else { return };
    let said = refusal(&fs::read(ENGINE).expect("a file"), NAME, "amd64");
    for reason in ["it is not static", "it contains a build path", "it is not stripped"] {
        assert!(said.contains(reason), "{reason}: {said}");
    }
}

/// A stand-in for the engine. The debug build needs half a minute for its checksum.
fn engine(home: &TempDir) -> String {
    let path = home.path().join("engine");
    let text =
        format!("#!/bin/sh\n[ \"$1\" = --version ] && echo engine v{VERSION} || sha256sum \"$0\" | cut -c 1-64\n");
    fs::write(&path, text).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it may be run");
    path.display().to_string()
}

#[test]
fn programs_that_fail_are_reported() {
    let Some(_) = library() else { return };
    let home = tempfile::tempdir().expect("a directory");
    let engine = engine(&home);
    stdout(&run("rehearse.py", &[FUNCTION, ROTATOR, &engine, VERSION]));
    for (arguments, expected) in [
        ([&engine, ROTATOR, &engine, VERSION], "error: the function does not answer"),
        ([FUNCTION, &engine, &engine, VERSION], "does not start its simulators"),
        ([FUNCTION, ROTATOR, &engine, "9.9.9"], "expected v9.9.9"),
    ] {
        let output = run("rehearse.py", &arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn an_incomplete_release_is_rejected() {
    let Some(_) = library() else { return };
    let archive = format!("genesys-rotator_{VERSION}_linux_amd64.tar.gz");
    let (_, directory) = packed(&listing(&[ROOT], &header(X86_64)), "genesys-rotator", "amd64", &archive);
    let path = directory.path().display().to_string();
    fs::remove_dir_all(directory.path().join("files")).expect("it goes");
    stdout(&run("pack.py", &["--sums", &path]));
    let sums = Command::new("sha256sum").args(["-c", "SHA256SUMS"]).current_dir(directory.path()).output();
    assert!(stdout(&sums.expect("it runs")).contains(&format!("{archive}: OK\n")));
    fs::write(directory.path().join(&archive), "something else").expect("a file");
    let output = run("verify.py", &[&path]);
    let said = String::from_utf8_lossy(&output.stderr);
    for fault in [
        "error: genesys-rotator-lambda-arm64.zip is missing",
        &format!("error: input does not belong to version {VERSION}"),
        &format!("error: {archive} does not match SHA256SUMS"),
        "hint: make package",
    ] {
        assert!(output.status.code() == Some(1) && said.contains(fault), "{fault}: {said}");
    }
}

#[test]
fn two_builds_that_differ_are_reported_with_their_first_difference() {
    let Some(library) = library() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let [first, second] = ["first", "second"].map(|name| directory.path().join(name));
    let compared = |one: &[u8], other: &[u8]| {
        fs::write(&first, one).expect("a file");
        fs::write(&second, other).expect("a file");
        run("pack.py", &["--same", &first.display().to_string(), &second.display().to_string()])
    };
    stdout(&compared(&library, &library));
    let changed = replaced(&library, b"GLIBC_2.14\0", b"GLIBC_2.15\0");
    for (other, expected) in [
        (&changed[..], ".dynstr differs from byte "),
        (b"no binary", "the file differs from byte 0: "),
        (&library[..library.len() - 1], "error: two builds of "),
    ] {
        let output = compared(&library, other);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(expected), "{expected}: {said}");
        assert!(said.starts_with("error: ") && said.contains("\nhint: "), "{said}");
    }
    let said = compared(&library, &changed);
    let said = String::from_utf8_lossy(&said.stderr);
    assert!(said.contains("GLIBC_2.14") && said.contains("GLIBC_2.15"), "the texts show the reason: {said}");
}

#[test]
fn the_formula_and_the_manifests_name_the_files_of_their_release() {
    let Some(_) = library() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    let path = directory.path().display().to_string();
    let files = file("files");
    fs::create_dir(&files).expect("a directory");
    fs::write(file("binary"), "a binary").expect("a file");
    for machine in ["amd64", "arm64"] {
        fs::write(file(&format!("genesys-rotator_{VERSION}_linux_{machine}.tar.gz")), machine).expect("a file");
    }
    let [image, files, binary] = [file(&format!("genesys-rotator_{VERSION}_linux.oci.tar")), files, file("binary")]
        .map(|it| it.display().to_string());
    let binaries = ["amd64", "arm64"].map(|machine| format!("{machine}={binary}"));
    stdout(&run("image.py", &["genesys-rotator", VERSION, &image, &files, &binaries[0], &binaries[1]]));
    stdout(&run("pack.py", &["--shared", VERSION, "someone/genesys-rotator", &path]));

    let formula = fs::read_to_string(file("genesys-rotator.rb")).expect("the formula");
    for machine in ["amd64", "arm64"] {
        let name = format!("genesys-rotator_{VERSION}_linux_{machine}.tar.gz");
        let sum = stdout(&Command::new("sha256sum").arg(file(&name)).output().expect("sha256sum"));
        let (url, sum) = (format!("/someone/genesys-rotator/releases/download/v{VERSION}/{name}\""), &sum[..64]);
        assert!(formula.contains(&format!("{url}\n    sha256 \"{sum}\"")), "{formula}");
    }
    // Ruby is optional.
    if let Ok(checked) = Command::new("ruby").arg("-c").arg(file("genesys-rotator.rb")).output() {
        stdout(&checked);
    }

    let unpack = "tar -xzf genesys-rotator_*_kubernetes.tar.gz && tar -xOf genesys-rotator_*_linux.oci.tar index.json";
    let index = Command::new("sh").args(["-c", unpack]).current_dir(directory.path()).output().expect("sh");
    let index: Value = serde_json::from_str(&stdout(&index)).expect("JSON");
    let digest = index["manifests"][0]["digest"].as_str().expect("a digest");
    let kustomization = fs::read_to_string(file("kustomization.yaml")).expect("a kustomization");
    let job = fs::read_to_string(file("rotate-kv.yaml")).expect("the CronJob");
    let image = kustomization.lines().find_map(|line| line.trim().strip_prefix("- name: ")).expect("an image");
    assert!(kustomization.contains(&format!("digest: {digest}\n")), "{kustomization}");
    assert!(
        job.contains(&format!("image: {image}:v{VERSION}\n")),
        "the kustomization changes the image of the CronJob"
    );
}

/// The directory `dist/`; `None` if it holds no whole release.
fn release() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dist");
    (directory.join("SHA256SUMS").exists() && library().is_some()).then_some(directory)
}

#[test]
fn dist_is_a_complete_release_that_runs() {
    let Some(directory) = release() else { return };
    stdout(&run("verify.py", &[&directory.display().to_string()]));
    let sums = Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(directory).output();
    assert_eq!(stdout(&sums.expect("it runs")), "");
}

#[tokio::test]
async fn the_engine_in_dist_leases_tokens_in_openbao() {
    let Some(directory) = release() else { return };
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let archive = directory.join(format!("{NAME}_{VERSION}_linux_{machine}.tar.gz"));
    let home = tempfile::tempdir().expect("a directory");
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(&archive).arg("-C").arg(home.path()).arg(NAME);
    // `dist/` may hold another version.
    if !archive.exists() || !tar.status().expect("tar").success() {
        return;
    }
    let simulation = simulate().await;
    let plugin = Plugin { binary: home.path().join(NAME), ..plugin(&simulation) };
    let Some(bao) = Bao::with(&plugin).await else { return };
    bao.mount(&plugin, "genesys-cloud").await;
    let config = serde_json::json!({"region": "mypurecloud.ie", "client_id": CLIENT.0, "client_secret": CLIENT.1});
    bao.post("genesys-cloud/config/main", config).await;
    bao.post("genesys-cloud/roles/ci", serde_json::json!({"config": "main"})).await;
    let (status, answer) = bao.call("GET", "genesys-cloud/creds/ci", Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(simulation.genesys.live_tokens().len(), 1);
}
