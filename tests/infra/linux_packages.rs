//! The Debian and RPM packages, from stand-ins of the programs and the tools: their files, scripts and checks. `make package`
//! does the same with the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::package::{VERSION, script, tests_python};
use super::{NAME, stdout};

const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
/// A stand-in for both programs, which report their version in different forms.
const PROGRAM: &str = "#!/bin/sh\n[ \"${0##*/}\" = genesys-rotator ] && echo \"genesys-rotator VERSION (x)\" || echo \"engine vVERSION\"\n";

/// Writes an executable file.
fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it may be run");
}

/// Writes both packages of a program with the stand-ins of the tools. `None` without the tests' Python or dpkg-deb.
fn packages(name: &str) -> Option<TempDir> {
    Command::new("dpkg-deb").arg("--version").output().ok()?;
    let (python, home) = (tests_python()?, tempfile::tempdir().expect("a directory"));
    let files = home.path().join("files");
    for (file, content) in [
        ("LICENSE", "Apache License"),
        ("README.md", "read me"),
        ("THIRD-PARTY-LICENSES.txt", "all crates"),
        ("man/man1/genesys-rotator.1", ".TH genesys-rotator 1"),
        ("completions/genesys-rotator.bash", "bash"),
        ("completions/genesys-rotator.fish", "fish"),
        ("completions/_genesys-rotator", "zsh"),
    ] {
        // The engine has neither manual pages nor completions.
        if name == NAME && file.contains('/') {
            continue;
        }
        fs::create_dir_all(files.join(file).parent().expect("a directory")).expect("a directory");
        fs::write(files.join(file), content).expect("a file");
    }
    let (program, tools) = (home.path().join("program"), home.path().join("tools"));
    executable(&program, &PROGRAM.replace("VERSION", VERSION));
    fs::create_dir(&tools).expect("a directory");
    let cargo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/stand_in_cargo.py");
    executable(&tools.join("cargo"), &format!("#!/bin/sh\nexec {} -B {} \"$@\"\n", python.display(), cargo.display()));
    let mut command = script("linux.py")?;
    command.arg(program).args([name, MACHINE, VERSION]).arg(home.path()).arg(files).arg(home.path().join("work"));
    stdout(
        &command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.display())).output().expect("it runs"),
    );
    Some(home)
}

/// Runs Python with the modules of `infra/package/`, and with the Debian package of a program as `data`.
fn checked(home: &TempDir, name: &str, code: &str) -> Output {
    let prelude = "import sys; sys.path.insert(0, sys.argv[1]); import readers, system_packages; \
                   from artefacts import named; from pathlib import Path; home = Path(sys.argv[2]); \
                   artefact, machine, version = named(sys.argv[3]), sys.argv[4], sys.argv[5]; \
                   binary = (home / 'program').read_bytes(); data = (home / artefact.deb(version, machine)).read_bytes()\n";
    let mut command = Command::new(tests_python().expect("the tests' Python"));
    command.args(["-B", "-c", &format!("{prelude}{code}")]).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/infra/package"));
    command.arg(home.path()).args([name, MACHINE, VERSION]).output().expect("it runs")
}

/// Prints what is wrong with the Debian package.
const FAULTS: &str = "print(*system_packages.faults('deb', data, artefact, version, machine, binary), sep='\\n')";

#[test]
fn a_package_has_all_files_and_a_faulty_one_is_reported() {
    for name in [NAME, "genesys-rotator"] {
        let Some(home) = packages(name) else { return };
        assert_eq!(stdout(&checked(&home, name, FAULTS)).trim(), "", "{name}");
    }
    let Some(home) = packages("genesys-rotator") else { return };
    for (change, expected) in [
        ("package.name = 'another'", "it describes another"),
        ("package.files['usr/bin/genesys-rotator'] = (b'', 0o755)", "its binary is another one"),
        ("del package.files['usr/lib/systemd/system/genesys-rotator.timer']", "genesys-rotator.timer is missing"),
        ("package.files['etc/genesys-rotator/environment'] = (b'', 0o644)", "environment has the mode 644"),
        ("package.configuration.clear()", "an upgrade keeps no file"),
        ("package.scripts['prerm'] = 'exit 0'", "its scripts are others"),
        ("package.files = {path: it for path, it in package.files.items() if 'man1' not in path}", "no manual pages"),
    ] {
        let code = format!("package = readers.deb(data)\n{change}\nreaders.deb = lambda data: package\n{FAULTS}");
        let said = stdout(&checked(&home, "genesys-rotator", &code));
        assert!(said.contains(expected), "{change}: {said}");
    }
}

#[test]
fn a_packaged_unit_starts_the_packaged_program() {
    let Some(home) = packages("genesys-rotator") else { return };
    for kind in ["deb", "rpm"] {
        let root = home.path().join("work").join(kind).join("root");
        let unit = fs::read_to_string(root.join("usr/lib/systemd/system/genesys-rotator.service")).expect("the unit");
        let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
        let program = start.split(' ').next().expect("a program").trim_start_matches('/');
        assert!(root.join(program).is_file(), "{start}");
    }
    let rpm =
        fs::read_to_string(home.path().join(format!("genesys-rotator-{VERSION}-1.{}.rpm", std::env::consts::ARCH)));
    let rpm = rpm.expect("the settings of the RPM package");
    for line in [
        r#"dest = "/etc/genesys-rotator/environment", mode = "600", config = "noreplace""#,
        "post_install_script = ",
        "pre_uninstall_script = ",
        "post_uninstall_script = ",
        r#""/usr/sbin/useradd" = "*""#,
    ] {
        assert!(rpm.contains(line), "{line}: {rpm}");
    }
}

/// A stand-in of a command that notes its call.
fn noted(directory: &Path, name: &str, status: u8) {
    executable(&directory.join(name), &format!("#!/bin/sh\necho \"{name} $*\" >>\"$CALLS\"\nexit {status}\n"));
}

/// Runs a script of the packages with stand-ins of the commands. Returns their calls, and the output.
fn scripted(name: &str, arguments: &[&str], systemctl: u8) -> (Vec<String>, String) {
    let home = tempfile::tempdir().expect("a directory");
    let calls = home.path().join("calls");
    noted(home.path(), "getent", 2);
    noted(home.path(), "useradd", 0);
    noted(home.path(), "systemctl", systemctl);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/package/linux").join(name);
    let mut command = Command::new("sh");
    command.arg(path).args(arguments).env("CALLS", &calls);
    let output = command.env("PATH", format!("{}:/usr/bin:/bin", home.path().display())).output().expect("sh");
    let noted = fs::read_to_string(calls).unwrap_or_default();
    // Whether systemd runs depends on the machine.
    let lines = noted.lines().map(|line| line.replace(" --now", "")).filter(|line| !line.contains("daemon-reload"));
    (lines.collect(), stdout(&output))
}

#[test]
fn the_scripts_tell_installation_upgrade_and_removal_apart() {
    let useradd = "useradd --system --user-group --no-create-home --home-dir /var/lib/genesys-rotator \
                   --shell /usr/sbin/nologin genesys-rotator";
    let (created, disabled) = (["getent passwd genesys-rotator", useradd], ["systemctl disable genesys-rotator.timer"]);
    let none: [&str; 0] = [];
    let updated = [&created[..], &["systemctl is-enabled --quiet genesys-rotator.timer"]].concat();
    for (name, arguments, calls, says) in [
        ("postinst", &["configure"][..], &created[..], true),
        ("postinst", &["configure", "0.0.9"], &updated, false),
        ("postinst", &["abort-upgrade", "0.0.9"], &none, false),
        ("postinst", &["1"], &created, true),
        ("postinst", &["2"], &updated, false),
        ("prerm", &["remove"], &disabled, false),
        ("prerm", &["upgrade", "0.2.0"], &none, false),
        ("prerm", &["0"], &disabled, false),
        ("prerm", &["1"], &none, false),
        ("postrm", &["upgrade", "0.2.0"], &none, false),
        ("postrm", &["1"], &none, false),
    ] {
        let (called, said) = scripted(name, arguments, 0);
        assert_eq!(called, calls, "{name} {arguments:?}");
        assert_eq!(said.contains("systemctl enable --now genesys-rotator.timer"), says, "{name} {arguments:?}: {said}");
    }
}

#[test]
fn a_timer_that_is_not_enabled_is_named_and_a_systemd_that_fails_blocks_nothing() {
    let (_, said) = scripted("postinst", &["configure", "0.0.9"], 1);
    assert!(said.contains("the timer is not enabled"), "{said}");
    for (name, argument) in [("postinst", "configure"), ("prerm", "remove"), ("postrm", "purge"), ("prerm", "0")] {
        scripted(name, &[argument], 1);
    }
}

#[test]
fn a_debian_package_is_installed_upgraded_and_removed() {
    let Some(home) = packages("genesys-rotator") else { return };
    let install = "print(*system_packages.fails_to_install('deb', data, artefact, version), sep='\\n')";
    let said = stdout(&checked(&home, "genesys-rotator", install));
    if said.starts_with("SKIPPED: ") {
        return;
    }
    assert_eq!(said.trim(), "");
    let said = stdout(&checked(&home, "genesys-rotator", &install.replace("version)", "'9.9.9')")));
    assert!(said.contains("fails to install") && said.contains("another version runs"), "{said}");
    let places = ["/usr/bin/genesys-rotator", "/etc/genesys-rotator"].map(PathBuf::from);
    assert!(!places.iter().any(|place| place.exists()), "the overlay keeps this machine as it is");
    let Some(home) = packages(NAME) else { return };
    assert_eq!(stdout(&checked(&home, NAME, install)).trim(), "");
}
