//! Files of a secret in a directory that another user can write to: no link is followed, and no owner is changed.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use genesys_rotator::rotation::{ErrorKind, RotationError, SecretId, SecretStore, VersionId};
use genesys_rotator::store::file::FileStore;
use tempfile::TempDir;
use tokio::time::timeout;

use crate::file::write_private;
use crate::fixture::DOCUMENT;

/// The user id of `nobody` on Linux.
const NOBODY: u32 = 65534;
/// The files beside the document.
const SUFFIXES: [&str; 2] = ["lock", "rotation"];

/// A directory with one document.
struct Planted {
    directory: TempDir,
    document: PathBuf,
}

impl Planted {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let document = directory.path().join("token.json");
        write_private(&document, DOCUMENT);
        Self { directory, document }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        PathBuf::from(format!("{}.{suffix}", self.document.display()))
    }

    async fn stage(&self) -> Result<(), RotationError> {
        let secret = SecretId::new(self.document.display().to_string());
        let (version, value) = (VersionId::random(), DOCUMENT.to_owned().into());
        let store = FileStore::default();
        let staged = store.stage(&secret, &version, &value, None);
        timeout(Duration::from_secs(20), staged).await.expect("no open waits for a peer").map(drop)
    }

    async fn refusal(&self) -> RotationError {
        let error = self.stage().await.expect_err("the planted file is rejected");
        assert_eq!(fs::read_to_string(&self.document).expect("the document"), DOCUMENT);
        assert!(error.hint().contains("remove") || error.hint().contains("replace"), "{}", error.hint());
        error
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("the file exists").uid()
}

#[tokio::test]
async fn a_planted_symbolic_link_is_not_followed() {
    for suffix in SUFFIXES {
        let planted = Planted::new();
        let elsewhere = tempfile::tempdir().expect("a directory");
        let (victim, missing) = (elsewhere.path().join("victim"), elsewhere.path().join("missing"));
        write_private(&victim, "{}");
        if is_root() {
            chown(&planted.document, Some(NOBODY), Some(NOBODY)).expect("root may change owners");
        }
        let before = owner(&victim);
        for target in [&victim, &missing] {
            symlink(target, planted.beside(suffix)).expect("a link");
            let error = planted.refusal().await;
            assert_eq!(error.kind(), ErrorKind::StoreDenied, "{suffix}: {error}");
            assert!(error.to_string().contains("symbolic link"), "{error}");
            fs::remove_file(planted.beside(suffix)).expect("the link is removed");
        }
        assert_eq!((owner(&victim), fs::read_to_string(&victim).expect("the victim")), (before, "{}".to_owned()));
        assert!(!missing.exists(), "a dangling link creates no file");
    }
}

#[tokio::test]
async fn a_planted_hard_link_is_rejected() {
    for suffix in SUFFIXES {
        let planted = Planted::new();
        let victim = planted.directory.path().join("victim");
        write_private(&victim, "{}");
        fs::hard_link(&victim, planted.beside(suffix)).expect("a link");
        let error = planted.refusal().await;
        assert_eq!(error.kind(), ErrorKind::StoreDenied, "{suffix}: {error}");
        assert_eq!(fs::read_to_string(&victim).expect("the victim"), "{}");
    }
}

#[tokio::test]
async fn a_document_with_a_second_hard_link_is_rejected_before_the_rename_separates_them() {
    let planted = Planted::new();
    fs::hard_link(&planted.document, planted.directory.path().join("copy")).expect("a link");
    let error = planted.refusal().await;
    assert_eq!(error.kind(), ErrorKind::StoreDenied, "{error}");
    let secret = SecretId::new(planted.document.display().to_string());
    assert!(FileStore::default().describe(&secret).await.is_err(), "the rotation fails before it issues a token");
}

#[tokio::test]
async fn a_planted_fifo_or_directory_is_rejected_without_waiting() {
    for suffix in SUFFIXES {
        let planted = Planted::new();
        let made = Command::new("mkfifo").arg(planted.beside(suffix)).status().expect("mkfifo runs");
        assert!(made.success());
        assert_eq!(planted.refusal().await.kind(), ErrorKind::DocumentInvalid, "{suffix}");
        fs::remove_file(planted.beside(suffix)).expect("the pipe is removed");
        fs::create_dir(planted.beside(suffix)).expect("a directory");
        assert_eq!(planted.refusal().await.kind(), ErrorKind::DocumentInvalid, "{suffix}");
    }
}

#[tokio::test]
async fn a_fifo_as_document_is_rejected_without_waiting() {
    let planted = Planted::new();
    fs::remove_file(&planted.document).expect("the document is removed");
    let made = Command::new("mkfifo").args(["-m", "600"]).arg(&planted.document).status().expect("mkfifo runs");
    assert!(made.success());
    assert_eq!(planted.stage().await.expect_err("a pipe is not a document").kind(), ErrorKind::DocumentInvalid);
}

#[tokio::test]
async fn new_files_get_the_owner_of_the_document_and_existing_files_keep_theirs() {
    if !is_root() {
        return;
    }
    let planted = Planted::new();
    chown(&planted.document, Some(NOBODY), Some(NOBODY)).expect("root may change owners");
    File::create(planted.beside("lock")).expect("the lock file");
    planted.stage().await.expect("staged");
    assert_eq!(owner(&planted.beside("lock")), 0, "an existing file is never given away");
    assert_eq!(owner(&planted.beside("rotation")), NOBODY);
    fs::remove_file(planted.beside("lock")).expect("the lock file is removed");
    planted.stage().await.expect("staged");
    assert_eq!(owner(&planted.beside("lock")), NOBODY);
}

#[tokio::test]
async fn files_of_a_third_user_are_rejected() {
    if !is_root() {
        return;
    }
    for suffix in SUFFIXES {
        let planted = Planted::new();
        write_private(&planted.beside(suffix), "{}");
        chown(planted.beside(suffix), Some(NOBODY), Some(NOBODY)).expect("root may change owners");
        let error = planted.refusal().await;
        assert_eq!(error.kind(), ErrorKind::StoreDenied, "{suffix}: {error}");
        assert!(error.to_string().contains("65534"), "{error}");
    }
}
