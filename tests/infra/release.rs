//! The scripts of a release, with stand-ins for cosign, gh and skopeo.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::output;

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-01-02\n\n### Added\n\n- Something.\n\n## [1.2.2] - 2026-01-01\n\n- Older.\n";
const CARGO: &str = "[workspace.package]\nversion = \"1.2.3\"\n\n[dependencies]\nversion = \"9\"\n";
const LOCK: &str = "[[package]]\nname = \"genesys-rotator\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"openbao-plugin\"\nversion = \"1.2.3\"\n\n[[package]]\nname = \"simulators\"\nversion = \"1.2.3\"\n";
/// A stand-in that writes its arguments to a file, and fails if the file `fail` names it.
const STAND_IN: &str = "#!/bin/bash\nname=\"$(basename \"$0\")\"\nprintf '%s %s\\n' \"$name\" \"$*\" >>\"$HOME/calls\"\n! grep -qx \"$name\" \"$HOME/fail\" 2>/dev/null\n";

/// Sources, release files and stand-ins.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a folder");
        for (name, text) in [("CHANGELOG.md", CHANGELOG), ("Cargo.toml", CARGO), ("Cargo.lock", LOCK)] {
            fs::write(home.path().join(name), text).expect("it is written");
        }
        fs::create_dir(home.path().join("bin")).expect("a folder");
        for name in ["cosign", "gh", "skopeo"] {
            super::pipelines::script(&home.path().join("bin").join(name), STAND_IN);
        }
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).expect("it is written");
    }

    /// Runs a script, and returns whether it succeeded, and both streams.
    async fn run(&self, script: &str, arguments: &[&str]) -> (bool, String) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("infra/release").join(script);
        let mut command = Command::new(script);
        command.args(arguments).env_clear().env("HOME", self.path()).env("RELEASE_SOURCES", self.path());
        command.env("PATH", format!("{}/bin:/usr/bin:/bin", self.path().display()));
        let done = output(command).await;
        let printed = [done.stdout, done.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        (done.status.success(), printed)
    }

    fn calls(&self) -> String {
        let calls = fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        fs::write(self.path().join("calls"), "").expect("it is written");
        calls
    }
}

#[tokio::test]
async fn a_tag_must_name_the_version_of_all_files() {
    let place = Place::new();
    assert_eq!(place.run("check-version.sh", &["v1.2.3"]).await, (true, "1.2.3\n".to_owned()));
    for (tag, words) in [
        ("1.2.3", "not v and a version"),
        ("v1.2.3-rc.1", "not v and a version"),
        ("v1.2.4", "Cargo.toml has version 1.2.3"),
    ] {
        let (is_done, printed) = place.run("check-version.sh", &[tag]).await;
        assert!(!is_done && printed.contains(words) && printed.contains("\nhint: "), "{tag}: {printed}");
    }
    for (file, text, from, to, words) in [
        (
            "Cargo.lock",
            LOCK,
            "simulators\"\nversion = \"1.2.3\"",
            "simulators\"\nversion = \"1.2.2\"",
            "1.2.2 of simulators",
        ),
        ("CHANGELOG.md", CHANGELOG, "[1.2.3] - 2026-01-02", "[1.2.3]", "no section 1.2.3 with a date"),
        ("CHANGELOG.md", CHANGELOG, "## [Unreleased]\n", "## [Unreleased]\n\n- New.\n", "section Unreleased"),
    ] {
        place.write(file, &text.replace(from, to));
        let (is_done, printed) = place.run("check-version.sh", &["v1.2.3"]).await;
        assert!(!is_done && printed.contains(words), "{file}: {printed}");
        place.write(file, text);
    }
}

#[tokio::test]
async fn release_notes_are_the_section_of_the_changelog() {
    let place = Place::new();
    let (is_done, printed) = place.run("release-notes.sh", &["1.2.3"]).await;
    assert!(is_done && printed.contains("- Something.") && printed.contains("docs/packages.md"), "{printed}");
    assert!(!printed.contains("Older") && !printed.contains("[1.2"), "{printed}");
    let (is_done, printed) = place.run("release-notes.sh", &["1.2.4"]).await;
    assert!(!is_done && printed.starts_with("error: CHANGELOG.md has no section 1.2.4\n"), "{printed}");
}

#[tokio::test]
async fn a_release_is_verified_file_by_file() {
    let place = Place::new();
    fs::create_dir(place.path().join("dist")).expect("a folder");
    for (name, text) in [("a.tar.gz", "one"), ("b.zip", "two"), ("SHA256SUMS.sigstore.json", "{}")] {
        place.write(&format!("dist/{name}"), text);
    }
    let mut sums = Command::new("sha256sum");
    sums.args(["a.tar.gz", "b.zip"]).current_dir(place.path().join("dist"));
    let sums = super::stdout(&output(sums).await);
    place.write("dist/SHA256SUMS", &sums);
    let dist = place.path().join("dist").display().to_string();
    let arguments = [dist.as_str(), "owner/genesys-rotator", "v1.2.3"];
    let with_commit = [&arguments[..], &["0123456789abcdef"]].concat();
    let (is_done, printed) = place.run("verify-release.sh", &with_commit).await;
    assert!(is_done, "{printed}");
    let calls = place.calls();
    let identity = "https://github.com/owner/genesys-rotator/.github/workflows/release.yml@refs/tags/v1.2.3";
    assert!(calls.starts_with("cosign verify-blob SHA256SUMS ") && calls.contains(identity), "{calls}");
    assert_eq!(calls.matches(" --source-digest 0123456789abcdef").count(), 3, "{calls}");
    for file in ["SHA256SUMS", "a.tar.gz", "b.zip"] {
        assert!(
            calls.contains(&format!("gh attestation verify {file} --repo owner/genesys-rotator ")),
            "{file}: {calls}"
        );
    }
    for (name, text, words) in [
        ("fail", "cosign\n", "the signature of SHA256SUMS is not valid"),
        ("fail", "gh\n", "the provenance of SHA256SUMS is not valid"),
        ("dist/a.tar.gz", "changed", "a file is missing or differs"),
        ("dist/c.zip", "three", "c.zip is not in SHA256SUMS"),
        ("dist/a.tar", "one", "a.tar is not in SHA256SUMS"),
        ("dist/.b.zip", "two", ".b.zip is not in SHA256SUMS"),
    ] {
        let before = fs::read_to_string(place.path().join(name)).ok();
        place.write(name, text);
        let (is_done, printed) = place.run("verify-release.sh", &arguments).await;
        assert!(!is_done && printed.contains(&format!("error: {words}")), "{name}: {printed}");
        match before {
            Some(before) => place.write(name, &before),
            None => fs::remove_file(place.path().join(name)).expect("it is there"),
        }
    }
    fs::remove_file(place.path().join("dist/SHA256SUMS.sigstore.json")).expect("it is there");
    let (is_done, printed) = place.run("verify-release.sh", &arguments).await;
    assert!(!is_done && printed.contains("SHA256SUMS.sigstore.json is missing"), "{printed}");
}

#[tokio::test]
async fn images_are_pushed_with_their_version_and_named_by_their_digest() {
    let place = Place::new();
    let skopeo = format!(
        "{STAND_IN}for word in \"$@\"; do [ \"$before\" != --digestfile ] || printf sha256:abc >\"$word\"; before=$word; done\n"
    );
    super::pipelines::script(&place.path().join("bin/skopeo"), &skopeo);
    fs::create_dir(place.path().join("dist")).expect("a folder");
    let dist = place.path().join("dist").display().to_string();
    let (is_done, printed) = place.run("push-images.sh", &[&dist, "1.2.3", "ghcr.io/Owner"]).await;
    assert!(!is_done && printed.contains("has no images of version 1.2.3"), "{printed}");
    for name in ["genesys-rotator", "vault-plugin-secrets-genesys"] {
        place.write(&format!("dist/{name}_1.2.3_linux.oci.tar"), "");
    }
    let (is_done, printed) = place.run("push-images.sh", &[&dist, "1.2.3", "ghcr.io/Owner"]).await;
    let expected = "ghcr.io/owner/genesys-rotator@sha256:abc\nghcr.io/owner/vault-plugin-secrets-genesys@sha256:abc\n";
    assert_eq!((is_done, printed.as_str()), (true, expected));
    let calls = place.calls();
    assert!(
        calls.contains("genesys-rotator_1.2.3_linux.oci.tar docker://ghcr.io/owner/genesys-rotator:v1.2.3\n"),
        "{calls}"
    );
}
