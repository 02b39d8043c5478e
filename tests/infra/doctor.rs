//! `make doctor` on machines that lack something.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::pipelines::script;

const PROGRAMS: [&str; 11] =
    ["rustup", "cc", "bash", "git", "tar", "gzip", "curl", "nproc", "cargo", "python3", "cargo-nextest"];

/// A machine with stand-ins for all programs.
fn machine() -> TempDir {
    let bin = tempfile::tempdir().expect("a folder");
    for name in PROGRAMS {
        script(&bin.path().join(name), "#!/bin/sh\necho 1\n");
    }
    script(&bin.path().join("uname"), "#!/bin/sh\necho Linux x86_64\n");
    script(&bin.path().join("df"), "#!/bin/sh\necho a b c d\necho /dev/vda 99 9 29360128 1% /\n");
    bin
}

/// Runs the script with this PATH and without a network. Returns whether `make test` can work, and the lines.
fn examine(path: &Path) -> (bool, String) {
    let mut command = Command::new("/bin/sh");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/doctor.sh")).env_clear();
    let done = command.env("PATH", path).env("DOCTOR_REGISTRIES", "").output().expect("it runs");
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
    (done.status.success(), String::from_utf8(done.stdout).expect("text"))
}

#[test]
fn a_complete_machine_is_well() {
    let (is_well, lines) = examine(machine().path());
    assert!(is_well && !lines.contains("missing: ") && lines.contains("ok: 28 GiB of free space\n"), "{lines}");
    assert!(lines.contains("optional: java → "), "{lines}");
}

#[test]
fn an_empty_machine_misses_everything() {
    let (is_well, lines) = examine(Path::new("/nonexistent"));
    assert!(!is_well, "{lines}");
    for words in ["Linux", "Rust 1.", "a C compiler", "bash", "git", "Python 3.11"] {
        assert!(lines.contains(&format!("missing: {words}")), "{words}: {lines}");
    }
    assert!(lines.lines().all(|line| line.contains(" → ")), "every line says what to do: {lines}");
}

#[test]
fn each_fault_of_a_machine_is_named() {
    for (program, text, words) in [
        ("uname", "echo Darwin arm64", "missing: Linux on x86_64 or arm64 (Darwin arm64)"),
        ("cargo", "exit 1", "missing: the Rust toolchain of rust-toolchain.toml"),
        ("python3", "[ $# -gt 1 ] && exit 1; echo Python 3.9.1", "missing: Python 3.11 or newer (Python 3.9.1"),
        ("python3", "case $* in *sys*) ;; *) exit 1 ;; esac", "missing: venv and pip of Python"),
        ("df", "echo a; echo /dev/vda 99 9 1048576 1% /", " GiB of free space in this folder (make test; there are 1)"),
    ] {
        let bin = machine();
        script(&bin.path().join(program), &format!("#!/bin/sh\n{text}\n"));
        let (is_well, lines) = examine(bin.path());
        assert!(!is_well && lines.contains(words), "{program}: {lines}");
    }
    let bin = machine();
    fs::remove_file(bin.path().join("rustup")).expect("it is there");
    for (version, is_recent, words) in [("1.999.0", true, "optional: rustup"), ("1.60.0", false, "missing: Rust 1.")] {
        script(&bin.path().join("cargo"), &format!("#!/bin/sh\necho 'cargo {version} (0 2026-01-01)'\n"));
        let (is_well, lines) = examine(bin.path());
        assert!(is_well == is_recent && lines.contains(words), "{lines}");
    }
}
