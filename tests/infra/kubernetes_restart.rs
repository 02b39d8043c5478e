//! `reader-once.yaml`: a program that reads the token once is restarted when the file changes.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::kubernetes_files::manifest;

/// The user and group of the pod, and its `fsGroup`.
const USER: u32 = 65_532;

/// The volumes of the pod. They outlive a restart of its container.
struct Pod {
    home: TempDir,
    is_root: bool,
}

impl Pod {
    /// A pod without a token, and a program that prints the token which it got.
    fn new() -> Self {
        let home = tempfile::tempdir_in("/tmp").expect("a directory");
        fs::set_permissions(home.path(), Permissions::from_mode(0o755)).expect("permissions");
        let is_root = fs::metadata(home.path()).expect("it exists").uid() == 0;
        let pod = Self { home, is_root };
        for (name, mode) in [("bin", 0o755), ("genesys", 0o2775), ("tmp", 0o2777)] {
            fs::create_dir(pod.path(name)).expect("a directory");
            pod.set(&pod.path(name), mode);
        }
        fs::write(pod.path("bin/pipeline"), "#!/bin/sh\nprintf %s \"$GENESYS_TOKEN\"\n").expect("it is written");
        pod.set(&pod.path("bin/pipeline"), 0o755);
        pod
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Sets the owner and the mode as kubelet does with `fsGroup`. Only root may set the owner; another user owns the
    /// files, which makes them no more writable.
    fn set(&self, path: &Path, mode: u32) {
        if self.is_root {
            chown(path, Some(0), Some(USER)).expect("an owner");
        }
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("permissions");
    }

    /// Replaces the file as kubelet does: a new directory, to which the link `..data` is moved in one step.
    fn project(&self, token: &str, mode: u32) {
        let volume = self.path("genesys");
        let directory = volume.join(format!("..{token}"));
        fs::create_dir(&directory).expect("a directory");
        fs::write(directory.join("access_token"), token).expect("it is written");
        self.set(&directory.join("access_token"), mode);
        self.set(&directory, 0o2755);
        symlink(&directory, volume.join("..data_tmp")).expect("a link");
        fs::rename(volume.join("..data_tmp"), volume.join("..data")).expect("it is moved");
        symlink("..data/access_token", volume.join("access_token")).ok();
    }

    /// A command of the container, as the user of the pod.
    fn command(&self, words: &Value) -> Command {
        let mut words = words.as_array().expect("words").iter().map(|word| {
            let word = word.as_str().expect("a text").replace("/tmp/", &format!("{}/", self.path("tmp").display()));
            word.replace("/run/genesys/", &format!("{}/", self.path("genesys").display()))
        });
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).env_clear().env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display()));
        if self.is_root {
            command.uid(USER).gid(USER);
        }
        command
    }
}

#[test]
fn the_probe_fails_after_each_rotation_and_the_restarted_container_has_the_new_token() {
    let Some(deployment) = manifest("reader-once.yaml", "Deployment", "genesys-reader-once") else { return };
    let spec = &deployment["spec"]["template"]["spec"];
    let (user, container) = (&spec["securityContext"], &spec["containers"][0]);
    for field in ["runAsUser", "runAsGroup", "fsGroup"] {
        assert_eq!(user[field], USER, "{field}");
    }
    let mode = spec["volumes"][0]["secret"]["defaultMode"].as_u64().and_then(|mode| u32::try_from(mode).ok());
    let pod = Pod::new();
    let start = || pod.command(&container["command"]).output().expect("it runs");
    let probe = || pod.command(&container["livenessProbe"]["exec"]["command"]).status().expect("it runs").success();
    assert!(!start().status.success(), "without the file, the container fails");
    for token in ["first-token", "second-token", "third-token"] {
        pod.project(token, mode.expect("a mode"));
        assert!(!probe(), "{token}: the file has changed");
        let started = start();
        let errors = String::from_utf8_lossy(&started.stderr);
        assert_eq!(String::from_utf8_lossy(&started.stdout), token, "{errors}");
        assert!(probe(), "{token}: the container has the present token");
    }
    let copy = fs::metadata(pod.path("tmp/at-start")).expect("the copy");
    assert_eq!(copy.mode() & 0o077, 0, "only the program can read the copy");
}

/// A restart must not depend on the registry: kubelet pulls the image again with `Always`.
#[test]
fn a_restart_pulls_no_image() {
    let Some(deployment) = manifest("reader-once.yaml", "Deployment", "genesys-reader-once") else { return };
    let container = &deployment["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    let (_, digest) = container["image"].as_str().expect("an image").split_once("@sha256:").expect("a digest");
    assert_eq!(digest.len(), 64);
}
