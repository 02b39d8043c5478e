//! `reader-once.yaml`: a program that reads the token once is restarted when the file changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::kubernetes_files::manifest;

/// A command of the container, with its files in `home`.
fn command(words: &Value, home: &Path) -> Command {
    let home = home.display().to_string();
    let mut words = words.as_array().expect("words").iter().map(|word| {
        let word = word.as_str().expect("a text").replace("/tmp/at-start", &format!("{home}/at-start"));
        word.replace("/run/genesys/access_token", &format!("{home}/access_token"))
    });
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).env_clear().env("PATH", format!("{home}:/usr/bin:/bin"));
    command
}

#[test]
fn the_probe_fails_after_the_token_has_changed_and_a_restart_reads_it() {
    let Some(deployment) = manifest("reader-once.yaml", "Deployment", "genesys-reader-once") else { return };
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    let home = tempfile::tempdir().expect("a directory");
    let pipeline = home.path().join("pipeline");
    fs::write(&pipeline, "#!/bin/sh\nprintf %s \"$GENESYS_TOKEN\"\n").expect("it is written");
    fs::set_permissions(&pipeline, fs::Permissions::from_mode(0o755)).expect("permissions");

    let start = || command(&container["command"], home.path()).output().expect("it runs");
    let probe =
        || command(&container["livenessProbe"]["exec"]["command"], home.path()).status().expect("it runs").success();
    assert!(!start().status.success(), "without the file, the container fails");
    for token in ["first-token", "second-token"] {
        fs::write(home.path().join("access_token"), token).expect("it is written");
        assert!(!probe(), "{token}: the file has changed");
        assert_eq!(String::from_utf8_lossy(&start().stdout), token);
        assert!(probe(), "{token}: the container has the present token");
    }
}
