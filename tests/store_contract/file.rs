//! A local file, and what its owner expects of it.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use genesys_rotator::rotation::{
    AHEAD, CURRENT, ErrorKind, PENDING, Retryability, SecretId, SecretStore, Staged, VersionId,
};
use genesys_rotator::store::file::FileStore;
use tempfile::TempDir;
use uuid::Uuid;

use crate::contract::{tests, with_every_row, with_every_row_ahead};
use crate::place::{DOCUMENT, Place, Secret, Under, kind_of, rotator, token_in};

/// Who owns nothing, by the convention of every Linux distribution.
const NOBODY: u32 = 65534;

struct Directory {
    rotator: Under<FileStore>,
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

impl Place for Directory {
    type Store = FileStore;

    fn rotator(&self) -> &Under<FileStore> {
        &self.rotator
    }

    async fn create(&self, value: &str) -> SecretId {
        let path = self.path().join(Uuid::new_v4().to_string());
        write_private(&path, value);
        SecretId::new(path.display().to_string())
    }

    fn unknown(&self) -> SecretId {
        SecretId::new(self.path().join("nobody-made-this").display().to_string())
    }

    async fn every_value(&self, secret: &SecretId) -> Vec<String> {
        let files = [path_of(secret), beside(secret, "rotation")];
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
    }
}

async fn directory() -> Directory {
    Directory { rotator: rotator(FileStore), directory: tempfile::tempdir().expect("a directory") }
}

fn write_private(path: &Path, text: &str) {
    fs::write(path, text).expect("the file is written");
    set_mode(path, 0o600);
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode is set");
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").mode() & 0o777
}

fn path_of(secret: &SecretId) -> PathBuf {
    PathBuf::from(secret.as_str())
}

/// The file beside the document.
fn beside(secret: &SecretId, ending: &str) -> PathBuf {
    PathBuf::from(format!("{secret}.{ending}"))
}

with_every_row!(tests directory);
with_every_row_ahead!(tests directory);

#[tokio::test]
async fn every_file_is_for_its_owner_alone_and_no_other_is_left() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    secret.stage(&VersionId::random(), "staged").await.expect("staged");
    for path in [path_of(&secret.id), beside(&secret.id, "rotation"), beside(&secret.id, "lock")] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    secret.unstage(&secret.holder(PENDING).await.expect("a staged version")).await.expect("taken off");
    assert!(secret.rotate().await.promoted());
    assert_eq!(place.names().len(), 3, "{:?}", place.names());
    for name in place.names() {
        assert_eq!(mode(&place.path().join(&name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_is_refused_with_the_command_that_helps() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    for mode in [0o640, 0o604, 0o620, 0o602] {
        set_mode(&path_of(&secret.id), mode);
        let error = secret.rotate().await.error.expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::StoreDenied, "{mode:o}");
        let path = path_of(&secret.id).canonicalize().expect("it is there");
        assert_eq!(error.hint(), format!("chmod 600 {}", path.display()));
    }
    set_mode(&path_of(&secret.id), 0o600);
    assert!(secret.rotate().await.promoted());
    set_mode(&beside(&secret.id, "rotation"), 0o644);
    let error = secret.rotate().await.error.expect("it is refused");
    assert!(error.hint().starts_with("chmod 600 ") && error.hint().ends_with(".rotation"), "{}", error.hint());
}

#[tokio::test]
async fn a_write_that_is_denied_leaves_everything_as_it_was() {
    if fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
        // Nothing is denied to root, so somebody else takes this test.
        return as_nobody("file::a_write_that_is_denied_leaves_everything_as_it_was");
    }
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    assert!(secret.rotate().await.promoted());
    let (document, names, tokens) = (secret.current().await, place.names(), place.rotator.issuer.live());
    set_mode(&place.path(), 0o500);
    let report = secret.rotate().await;
    set_mode(&place.path(), 0o700);
    assert_eq!(report.error.map(|error| error.kind()), Some(ErrorKind::StoreDenied));
    assert_eq!((secret.current().await, place.names()), (document, names));
    assert_eq!(place.rotator.issuer.live(), tokens, "a token that could not be stored lives on");
    assert!(secret.rotate().await.promoted(), "afterwards all is well");
}

/// Runs one test of this binary again, as a user who may write nowhere but in the temporary directory.
fn as_nobody(test: &str) {
    let program = std::env::current_exe().expect("this binary");
    let arguments = ["--exact", test, "--test-threads", "1"];
    let run = Command::new(program).args(arguments).uid(NOBODY).gid(NOBODY).current_dir("/").output();
    let Ok(output) = run else {
        return skip("nobody cannot start this binary where it lies");
    };
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

#[expect(clippy::disallowed_macros, reason = "whoever reads the test's output should know")]
fn skip(why: &str) {
    println!("skipped: {why}");
}

#[tokio::test]
async fn a_symbolic_link_is_followed_and_kept() {
    let place = directory().await;
    let target = place.create(DOCUMENT).await;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let link = elsewhere.path().join("link");
    symlink(path_of(&target), &link).expect("a link");
    let secret = Secret { place: &place, id: SecretId::new(link.display().to_string()) };
    assert!(secret.rotate().await.promoted());
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    let written = fs::read_to_string(path_of(&target)).expect("the document");
    assert_eq!(token_in(&written), Some(secret.current_token().await));
    assert!(beside(&target, "rotation").exists(), "what is staged lies beside the document itself");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a directory").count(), 1);
}

#[tokio::test]
async fn another_writer_is_a_conflict_until_it_is_done() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    let lock = File::create(beside(&secret.id, "lock")).expect("the lock file");
    lock.try_lock().expect("nobody else has it");
    let version = VersionId::random();
    let error = secret.stage(&version, DOCUMENT).await.expect_err("somebody else is writing");
    assert_eq!((error.kind(), error.retryability()), (ErrorKind::StoreConflict, Retryability::MaySettle));
    assert_eq!(secret.holder(PENDING).await, None);
    // Reading waits for nobody.
    assert_eq!(secret.current().await, DOCUMENT);
    drop(lock);
    secret.stage(&version, DOCUMENT).await.expect("nobody is writing any more");
}

#[tokio::test]
async fn a_damaged_rotation_file_is_told_of_without_its_content() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    for damage in ["", "{", r#"{"pending":{"version":"hush"}}"#] {
        write_private(&beside(&secret.id, "rotation"), damage);
        let error = secret.rotate().await.error.expect("it is refused");
        assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
        assert!(error.to_string().ends_with(".rotation is damaged") && error.hint().starts_with("remove that file"));
        assert!(!error.chain().contains("hush"));
    }
    assert_eq!(fs::read_to_string(path_of(&secret.id)).expect("the document"), DOCUMENT);
    fs::remove_file(beside(&secret.id, "rotation")).expect("it is removed");
    assert!(secret.rotate().await.promoted(), "the hint helps");
}

#[tokio::test]
async fn a_document_that_was_edited_meanwhile_is_not_overwritten() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    let (before, version) = (secret.current_id().await, VersionId::random());
    secret.stage(&version, DOCUMENT).await.expect("staged");
    write_private(&path_of(&secret.id), "edited by hand");
    assert_ne!(secret.current_id().await, before);
    assert_eq!(kind_of(secret.promote(&version, &before).await), Some(ErrorKind::StoreConflict));
    assert_eq!(secret.current().await, "edited by hand");
}

#[tokio::test]
async fn a_crash_between_the_two_writes_of_promoting_is_healed_by_the_next_rotation() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    let (before, version) = (secret.current_id().await, VersionId::random());
    let document = format!(r#"{},"access_token":"promoted"}}"#, DOCUMENT.trim_end_matches('}'));
    secret.stage(&version, &document).await.expect("staged");
    let staged = fs::read_to_string(beside(&secret.id, "rotation")).expect("the state");
    secret.promote(&version, &before).await.expect("promoted");
    write_private(&beside(&secret.id, "rotation"), &staged);
    assert_eq!(secret.current_id().await, version, "the document counts");
    assert!(place.store().describe(&secret.id).await.is_ok());
    let report = secret.rotate().await;
    assert!(report.promoted(), "{report:?}");
    assert_ne!(secret.current_token().await, "promoted");
}

#[tokio::test]
async fn an_edit_made_while_a_version_is_staged_is_not_undone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("token.json");
    let write = |text: &str| {
        fs::write(&path, text).expect("it is written");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("it is private");
    };
    write("{}");
    let (secret, version) = (SecretId::new(path.display().to_string()), VersionId::random());
    let staged = FileStore.stage(&secret, &version, &r#"{"staged":1}"#.to_owned().into(), None).await;
    assert_eq!(staged.expect("it is staged"), Staged::Stored);
    write(r#"{"edited":1}"#);
    let described = FileStore.describe(&secret).await.expect("a description");
    let refused = FileStore.promote(&secret, &version, described.holder(CURRENT)).await.expect_err("it was edited");
    assert_eq!(refused.kind(), ErrorKind::StoreConflict);
    assert_eq!(fs::read_to_string(&path).expect("the document"), r#"{"edited":1}"#);
}

#[tokio::test]
async fn what_is_not_a_file_is_refused_without_touching_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let secret = SecretId::new(directory.path().display().to_string());
    let error = FileStore.describe(&secret).await.expect_err("a directory is no document");
    assert_eq!(error.kind(), ErrorKind::DocumentInvalid);
    assert!(!error.hint().contains("chmod"), "{}", error.hint());
}

const FIRST_VERSION: &str = "11111111-1111-1111-1111-111111111111";
const SECOND_VERSION: &str = "22222222-2222-2222-2222-222222222222";
const STAGED: &str = r#"{"staged":1}"#;
/// The stored form with [`STAGED`] under [`FIRST_VERSION`] over [`DOCUMENT`].
const STAGED_STATE: &str =
    r#"{"pending":{"version":"11111111-1111-1111-1111-111111111111","value":"{\"staged\":1}","base_sha256":"BASE"}}"#;
/// The stored form with [`FIRST_VERSION`] promoted.
const PROMOTED_STATE: &str =
    r#"{"current":{"version":"11111111-1111-1111-1111-111111111111","sha256":"STAGED"},"previous":"BASE"}"#;

#[tokio::test]
async fn the_rotation_file_keeps_its_stored_form() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    let base = secret.current_id().await;
    let stored = || fs::read_to_string(beside(&secret.id, "rotation")).expect("the state");
    let [first, second] = [FIRST_VERSION, SECOND_VERSION].map(|id| VersionId::parse(id).expect("a version id"));
    secret.stage(&first, STAGED).await.expect("staged");
    assert_eq!(stored(), STAGED_STATE.replace("BASE", base.as_str()));
    secret.promote(&first, &base).await.expect("promoted");
    let promoted = PROMOTED_STATE.replace("BASE", base.as_str());
    let digest = "4582d1465781fd9e0c35ad48e8561efa5687944633c573e913677abf36872dec";
    assert_eq!(stored(), promoted.replace("STAGED", digest));
    secret.stage(&second, "{}").await.expect("staged");
    secret.unstage(&second).await.expect("unstaged");
    assert_eq!(stored(), promoted.replace("STAGED", digest));
    secret.write_ahead(STAGED).await.expect("written");
    let ahead = secret.holder(AHEAD).await.expect("a version");
    let written = format!(r#","ahead":{{"version":"{ahead}","value":"{{\"staged\":1}}"}}}}"#);
    assert_eq!(stored(), promoted.replace("STAGED", digest).trim_end_matches('}').to_owned() + &written);
}

#[tokio::test]
async fn a_stored_rotation_file_is_read() {
    let place = directory().await;
    let secret = Secret::holding(&place, DOCUMENT).await;
    let (base, first) = (secret.current_id().await, VersionId::parse(FIRST_VERSION).expect("a version id"));
    write_private(&beside(&secret.id, "rotation"), &STAGED_STATE.replace("BASE", base.as_str()));
    assert_eq!(secret.labels().await, [Some(base.clone()), None, Some(first.clone())]);
    assert_eq!(secret.pending(&first).await.as_deref(), Some(STAGED));
    secret.promote(&first, &base).await.expect("promoted");
    assert_eq!((secret.current().await.as_str(), secret.labels().await), (STAGED, [Some(first), Some(base), None]));
}
