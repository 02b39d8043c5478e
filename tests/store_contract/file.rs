//! Local files.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use genesys_rotator::rotation::{AHEAD, ErrorKind, PENDING, Retryability, SecretId, SecretStore, VersionId};
use genesys_rotator::store::file::FileStore;
use tempfile::TempDir;
use uuid::Uuid;

use crate::contract::{tests, with_every_intent_row, with_every_row};
use crate::fixture::{DOCUMENT, Fixture, Secret, StoreRotator, kind_of, rotator, token_in};

/// The user id of `nobody` on Linux.
const NOBODY: u32 = 65534;

struct Directory {
    rotator: StoreRotator<FileStore>,
    directory: TempDir,
}

impl Directory {
    fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The names of all files, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("the directory can be read");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string();
        let mut names: Vec<_> = entries.map(|entry| name(entry).expect("a plain name")).collect();
        names.sort();
        names
    }
}

impl Fixture for Directory {
    type Store = FileStore;

    fn rotator(&self) -> &StoreRotator<FileStore> {
        &self.rotator
    }

    async fn create(&self, value: &str) -> SecretId {
        let path = self.path().join(Uuid::new_v4().to_string());
        write_private(&path, value);
        SecretId::new(path.display().to_string())
    }

    fn unknown(&self) -> SecretId {
        SecretId::new(self.path().join("no-such-secret").display().to_string())
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        let files = [path_of(secret), beside(secret, "rotation")];
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
    }
}

async fn directory() -> Directory {
    Directory { rotator: rotator(FileStore::default()), directory: tempfile::tempdir().expect("a directory") }
}

pub(crate) fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("the file is written");
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("the file exists").mode() & 0o777
}

fn path_of(secret: &SecretId) -> PathBuf {
    PathBuf::from(secret.as_str())
}

/// The file beside the document.
fn beside(secret: &SecretId, ending: &str) -> PathBuf {
    PathBuf::from(format!("{secret}.{ending}"))
}

with_every_row!(tests directory);
with_every_intent_row!(tests directory);

#[tokio::test]
async fn all_files_are_private_to_their_owner_and_no_temporary_file_remains() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    secret.stage(&VersionId::random(), "staged").await.expect("staged");
    for path in [path_of(&secret.id), beside(&secret.id, "rotation"), beside(&secret.id, "lock")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    secret.unstage(&secret.holder(PENDING).await.expect("a staged version")).await.expect("unstaged");
    assert!(secret.rotate().await.promoted());
    assert_eq!(fixture.names().len(), 3, "{:?}", fixture.names());
    for name in fixture.names() {
        assert_eq!(mode(&fixture.path().join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_accessible_to_other_users_is_rejected_with_the_chmod_command() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    for mode in [0o640, 0o604, 0o620, 0o602] {
        set_mode(&path_of(&secret.id), mode);
        let error = secret.rotate().await.error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::StoreDenied, "{mode:o}");
        let path = path_of(&secret.id).canonicalize().expect("the file exists");
        assert_eq!(error.hint(), format!("chmod 600 {}", path.display()));
        assert!(error.to_string().ends_with(&format!("(mode {mode:o})")), "{error}");
    }
    set_mode(&path_of(&secret.id), 0o600);
    assert!(secret.rotate().await.promoted());
    set_mode(&beside(&secret.id, "rotation"), 0o644);
    let error = secret.rotate().await.error.expect("an error");
    assert!(error.hint().starts_with("chmod 600 ") && error.hint().ends_with(".rotation"), "{}", error.hint());
}

#[tokio::test]
async fn a_denied_write_changes_nothing() {
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        // Permissions do not apply to root.
        return as_nobody("file::a_denied_write_changes_nothing");
    }
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    set_mode(&fixture.path(), 0o500);
    let error = secret.stage(&VersionId::random(), DOCUMENT).await.expect_err("no file can be created");
    assert_eq!(error.kind(), ErrorKind::StoreDenied, "{error}");
    set_mode(&fixture.path(), 0o700);
    assert!(secret.rotate().await.promoted());
    let (document, names, tokens) = (secret.current().await, fixture.names(), fixture.rotator.issuer.live());
    set_mode(&fixture.path(), 0o500);
    let report = secret.rotate().await;
    set_mode(&fixture.path(), 0o700);
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::StoreDenied));
    assert_eq!((secret.current().await, fixture.names()), (document, names));
    assert_eq!(fixture.rotator.issuer.live(), tokens, "the token that could not be stored is revoked");
    assert!(secret.rotate().await.promoted(), "the next rotation succeeds");
}

/// Runs one test of this binary as `nobody`.
fn as_nobody(test: &str) {
    let program = std::env::current_exe().expect("this binary");
    let arguments = ["--exact", test, "--test-threads", "1"];
    let run = Command::new(program).args(arguments).uid(NOBODY).gid(NOBODY).current_dir("/").output();
    let Ok(output) = run else {
        return skip("the user nobody cannot execute this binary");
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[expect(clippy::disallowed_macros, reason = "a skipped test is reported on standard output")]
fn skip(why: &str) {
    println!("skipped: {why}");
}

#[tokio::test]
async fn a_symbolic_link_is_followed_and_kept() {
    let fixture = directory().await;
    let target = fixture.create(DOCUMENT).await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let link = elsewhere.path().join("link");
    symlink(path_of(&target), &link).expect("a link");
    let secret = Secret { fixture: &fixture, id: SecretId::new(link.display().to_string()) };
    assert!(secret.rotate().await.promoted());
    assert!(fs::symlink_metadata(&link).expect("the file exists").is_symlink());
    let written = fs::read_to_string(path_of(&target)).expect("the document");
    assert_eq!(token_in(&written), Some(secret.current_token().await));
    assert!(beside(&target, "rotation").exists(), "the rotation file is beside the target");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a directory").count(), 1);
}

#[tokio::test]
async fn a_document_is_described_by_its_path_and_an_edit_is_another_version() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let path = path_of(&secret.id).canonicalize().expect("the file exists");
    let described = fixture.store().describe(&secret.id).await.expect("a description");
    assert_eq!(described.name, path.display().to_string());
    assert_eq!(secret.current_value().await.folder.as_deref(), path.parent());
    assert!(secret.rotate().await.promoted());
    let promoted = secret.current_id().await;
    write_private(&path, DOCUMENT);
    assert_ne!(secret.current_id().await, promoted);
}

#[tokio::test]
async fn a_locked_secret_is_a_conflict_until_it_is_unlocked() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let lock = File::create(beside(&secret.id, "lock")).expect("the lock file");
    lock.try_lock().expect("an unlocked file");
    let version = VersionId::random();
    let error = secret.stage(&version, DOCUMENT).await.expect_err("the secret is locked");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreConflict, Retryability::MaySettle));
    assert_eq!(secret.holder(PENDING).await, None);
    // Reads do not lock.
    assert_eq!(secret.current().await, DOCUMENT);
    // A writer holds the lock for milliseconds, and the next one waits for it.
    let unlock = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(lock);
    };
    let (staged, ()) = tokio::join!(secret.stage(&version, DOCUMENT), unlock);
    staged.expect("the secret is unlocked");
}

#[tokio::test]
async fn a_damaged_rotation_file_is_reported_without_its_content() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    for damage in ["", "{", r#"{"pending":{"version":"hush"}}"#] {
        write_private(&beside(&secret.id, "rotation"), damage);
        let error = secret.rotate().await.error.expect("an error");
        assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
        assert!(error.to_string().ends_with(".rotation is damaged") && error.hint().starts_with("remove that file"));
        assert!(!error.chain().contains("hush"));
    }
    assert_eq!(fs::read_to_string(path_of(&secret.id)).expect("the document"), DOCUMENT);
    fs::remove_file(beside(&secret.id, "rotation")).expect("the file is removed");
    assert!(secret.rotate().await.promoted(), "the hint solves it");
}

#[tokio::test]
async fn a_promotion_does_not_overwrite_an_edited_document() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let (before, over) = (secret.current_id().await, secret.current_value().await);
    let version = VersionId::random();
    secret.stage(&version, DOCUMENT).await.expect("staged");
    write_private(&path_of(&secret.id), "edited by hand");
    assert_ne!(secret.current_id().await, before);
    assert_eq!(kind_of(secret.promote(&version, &over).await), Some(ErrorKind::StoreConflict));
    assert_eq!(secret.current().await, "edited by hand");
}

#[tokio::test]
async fn the_next_rotation_recovers_from_a_crash_between_the_two_writes_of_a_promotion() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let (over, version) = (secret.current_value().await, VersionId::random());
    let document = format!(r#"{},"access_token":"promoted"}}"#, DOCUMENT.trim_end_matches('}'));
    secret.stage(&version, &document).await.expect("staged");
    let staged = fs::read_to_string(beside(&secret.id, "rotation")).expect("the state");
    secret.promote(&version, &over).await.expect("promoted");
    write_private(&beside(&secret.id, "rotation"), &staged);
    assert_eq!(secret.current_id().await, version, "the document determines the current version");
    assert!(fixture.store().describe(&secret.id).await.is_ok());
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(secret.current_token().await, "promoted");
}

#[tokio::test]
async fn a_directory_is_rejected_without_a_chmod_hint() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = SecretId::new(directory.path().display().to_string());
    let error = FileStore::default().describe(&secret).await.expect_err("a directory is not a document");
    assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    assert!(!error.hint().contains("chmod"), "{}", error.hint());
}

const FIRST_VERSION: &str = "11111111-1111-1111-1111-111111111111";
const SECOND_VERSION: &str = "22222222-2222-2222-2222-222222222222";
const STAGED: &str = r#"{"staged":1}"#;
/// The stored form with [`STAGED`] under [`FIRST_VERSION`] over [`DOCUMENT`].
const STAGED_STATE: &str = r#"{"pending":{"version":"11111111-1111-1111-1111-111111111111","value":"{\"staged\":1}"}}"#;
/// The stored form with [`FIRST_VERSION`] promoted.
const PROMOTED_STATE: &str =
    r#"{"current":{"version":"11111111-1111-1111-1111-111111111111","sha256":"STAGED"},"previous":"BASE"}"#;

#[tokio::test]
async fn the_rotation_file_keeps_its_stored_form() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let base = secret.current_id().await;
    let stored = || fs::read_to_string(beside(&secret.id, "rotation")).expect("the state");
    let [first, second] = [FIRST_VERSION, SECOND_VERSION].map(|id| VersionId::parse(id).expect("a version id"));
    secret.stage(&first, STAGED).await.expect("staged");
    assert_eq!(stored(), STAGED_STATE);
    let over = secret.current_value().await;
    secret.promote(&first, &over).await.expect("promoted");
    let promoted = PROMOTED_STATE.replace("BASE", base.as_str());
    let digest = "4582d1465781fd9e0c35ad48e8561efa5687944633c573e913677abf36872dec";
    assert_eq!(stored(), promoted.replace("STAGED", digest));
    secret.stage(&second, "{}").await.expect("staged");
    secret.unstage(&second).await.expect("unstaged");
    assert_eq!(stored(), promoted.replace("STAGED", digest));
    secret.write_intent(STAGED).await.expect("written");
    let ahead = secret.holder(AHEAD).await.expect("a version");
    let written = format!(r#","ahead":{{"version":"{ahead}","value":"{{\"staged\":1}}"}}}}"#);
    assert_eq!(stored(), promoted.replace("STAGED", digest).trim_end_matches('}').to_owned() + &written);
}

#[tokio::test]
async fn a_stored_rotation_file_is_read() {
    let fixture = directory().await;
    let secret = Secret::holding(&fixture, DOCUMENT).await;
    let (base, first) = (secret.current_id().await, VersionId::parse(FIRST_VERSION).expect("a version id"));
    write_private(&beside(&secret.id, "rotation"), STAGED_STATE);
    assert_eq!(secret.labels().await, [Some(base.clone()), None, Some(first.clone())]);
    assert_eq!(secret.pending(&first).await.as_deref(), Some(STAGED));
    secret.promote(&first, &secret.current_value().await).await.expect("promoted");
    assert_eq!((secret.current().await.as_str(), secret.labels().await), (STAGED, [Some(first), Some(base), None]));
}
