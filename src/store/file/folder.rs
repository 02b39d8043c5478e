//! The directory of a secret's files, held by descriptor.
//!
//! Another user may be able to write to it. No symbolic link in it is followed, only regular files with one link are
//! used, an existing file keeps its owner, and a swapped parent directory redirects no write.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::failure::{failed, not_private, not_regular, not_utf8, of_another_user, several_links, symbolic_link};
use crate::rotation::{ErrorKind, Result};

/// The mode of a new file.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
/// Opening a pipe does not wait for its other end.
const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);
/// A new file.
const NEW: OFlags = OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(SAFELY);
/// Permission to search a directory is enough to open it.
#[cfg(target_os = "linux")]
const SEARCH: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const SEARCH: OFlags = OFlags::RDONLY;
/// A directory, and no symbolic link to one.
const DIRECTORY: OFlags = SEARCH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory that stays the same one if its path is renamed or replaced.
pub(super) struct Folder {
    handle: OwnedFd,
    path: PathBuf,
}

/// The user and the group that own a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    user: u32,
    group: u32,
}

/// What one read of a file returned.
pub(super) struct PrivateFile {
    pub(super) text: Zeroizing<String>,
    pub(super) owner: Owner,
    links: u64,
}

impl Owner {
    fn of(metadata: &Metadata) -> Self {
        Self { user: metadata.uid(), group: metadata.gid() }
    }
}

impl Folder {
    /// Opens a directory by its canonical path, in which no component is a symbolic link.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let open = || -> io::Result<OwnedFd> {
            let mut handle = OwnedFd::from(File::open("/")?);
            for component in path.components() {
                if let Component::Normal(name) = component {
                    handle = openat(&handle, name, DIRECTORY, Mode::empty())?;
                }
            }
            Ok(handle)
        };
        let handle = open().map_err(|error| failed("open", path, &error))?;
        Ok(Self { handle, path: path.to_owned() })
    }

    /// The path at which it was opened, which contains no symbolic link.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file, for messages.
    pub(super) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }

    /// Reads a file that only its owner may read or write.
    ///
    /// # Errors
    /// `SecretNotFound`; `StoreDenied` for a symbolic link, or a file that its group or others may read or write;
    /// `DocumentInvalid` for anything but a UTF-8 file.
    pub(super) fn read_private(&self, name: &OsStr) -> Result<PrivateFile> {
        let path = self.path_of(name);
        let read = |error: io::Error| failed("read", &path, &error);
        let mut file = self.open_regular(name, OFlags::RDONLY)?;
        let metadata = file.metadata().map_err(read)?;
        if metadata.mode() & 0o077 != 0 {
            return Err(not_private(&path, metadata.mode() & 0o777));
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1));
        file.read_to_end(&mut bytes).map_err(read)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| not_utf8(&path))?;
        let text = Zeroizing::new(text.to_owned());
        Ok(PrivateFile { text, owner: Owner::of(&metadata), links: metadata.nlink() })
    }

    /// Reads a private file that a rotation may replace: it has one name, and belongs to `owner` or to root. By default,
    /// `owner` is its own owner.
    ///
    /// # Errors
    /// `StoreDenied` for any other file; otherwise as for [`read_private`](Self::read_private).
    pub(super) fn read_replaceable(&self, name: &OsStr, owner: Option<Owner>) -> Result<PrivateFile> {
        let read = self.read_private(name)?;
        self.check_replaceable(name, read.links, read.owner, owner.unwrap_or(read.owner))?;
        Ok(read)
    }

    /// A file of a third user may have been planted.
    fn check_replaceable(&self, name: &OsStr, links: u64, found: Owner, owner: Owner) -> Result<()> {
        if links > 1 {
            return Err(several_links(&self.path_of(name), links));
        }
        if found.user != owner.user && found.user != 0 {
            return Err(of_another_user(&self.path_of(name), found.user));
        }
        Ok(())
    }

    /// Opens a file for locking, and creates it for `owner` if it does not exist.
    pub(super) fn open_lock(&self, name: &OsStr, owner: Owner) -> Result<File> {
        let file = match self.create(name, Some(owner)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.open_regular(name, OFlags::RDWR)?,
            created => created.map_err(|error| failed("create", &self.path_of(name), &error))?,
        };
        let metadata = file.metadata().map_err(|error| failed("read", &self.path_of(name), &error))?;
        self.check_replaceable(name, metadata.nlink(), Owner::of(&metadata), owner)?;
        Ok(file)
    }

    /// Replaces a file atomically by one that belongs to `owner`.
    pub(super) fn replace(&self, name: &OsStr, text: &str, owner: Owner) -> Result<()> {
        self.write(name, text, Some(owner)).map_err(|error| failed("write", &self.path_of(name), &error))
    }

    /// Creates a file atomically, unless there is anything of this name. Returns whether it was created.
    pub(super) fn create_new(&self, name: &OsStr, text: &str) -> Result<bool> {
        match self.write(name, text, None) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            written => written.map(|()| true).map_err(|error| failed("create", &self.path_of(name), &error)),
        }
    }

    /// Writes a temporary file and renames it; without an `owner`, only to a name that is free.
    fn write(&self, name: &OsStr, text: &str, owner: Option<Owner>) -> io::Result<()> {
        let temporary = OsString::from(format!(".genesys-rotator-{}", Uuid::new_v4()));
        let write = || -> io::Result<()> {
            let mut file = self.create(&temporary, owner)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            match owner {
                Some(_) => renameat(&self.handle, &temporary, &self.handle, name)?,
                None => renameat_with(&self.handle, &temporary, &self.handle, name, RenameFlags::NOREPLACE)?,
            }
            // The rename is durable only once the directory is synced.
            File::from(openat(&self.handle, ".", OFlags::CLOEXEC, Mode::empty())?).sync_all()
        };
        let written = write();
        if written.is_err() {
            unlinkat(&self.handle, &temporary, AtFlags::empty()).ok();
        }
        written
    }

    /// Creates a file that only `owner` may read and write, so that a rotation run by root does not take the secret from
    /// its user. The default is the user of this process.
    fn create(&self, name: &OsStr, owner: Option<Owner>) -> io::Result<File> {
        let file = File::from(openat(&self.handle, name, NEW, PRIVATE)?);
        file.set_permissions(Permissions::from_mode(PRIVATE.bits()))?;
        let found = Owner::of(&file.metadata()?);
        if let Some(owner) = owner.filter(|owner| *owner != found) {
            fchown(&file, Some(owner.user), Some(owner.group))?;
        }
        Ok(file)
    }

    fn open_regular(&self, name: &OsStr, flags: OFlags) -> Result<File> {
        let path = self.path_of(name);
        let opened = openat(&self.handle, name, flags.union(SAFELY), Mode::empty());
        let file = match opened {
            Ok(handle) => File::from(handle),
            Err(rustix::io::Errno::LOOP) => return Err(symbolic_link(&path)),
            Err(rustix::io::Errno::ISDIR) => return Err(not_regular(&path)),
            Err(error) => return Err(failed("open", &path, &error.into())),
        };
        match file.metadata() {
            Ok(metadata) if metadata.is_file() => Ok(file),
            Ok(_) => Err(not_regular(&path)),
            Err(error) => Err(failed("read", &path, &error)),
        }
    }
}

/// `None` if the file does not exist.
pub(super) fn if_exists<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Err(error) if error.kind() == ErrorKind::SecretNotFound => Ok(None),
        read => read.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const NAME: &str = "token.json";

    /// A directory with a private file, which is also returned open.
    fn folder(parent: &Path, name: &str, text: &str) -> (PathBuf, Folder, Owner) {
        let path = parent.canonicalize().expect("the parent exists").join(name);
        fs::create_dir(&path).expect("a directory");
        fs::write(path.join(NAME), text).expect("a file");
        fs::set_permissions(path.join(NAME), Permissions::from_mode(0o600)).expect("its mode");
        let folder = Folder::open(&path).expect("it opens");
        let owner = folder.read_private(OsStr::new(NAME)).expect("it is read").owner;
        (path, folder, owner)
    }

    #[test]
    fn a_swapped_directory_redirects_no_write() {
        let parent = tempfile::tempdir().expect("a directory");
        let (ours, folder, owner) = folder(parent.path(), "ours", "old");
        let (victim, ..) = self::folder(parent.path(), "victim", "victim");
        let moved = parent.path().join("moved");
        fs::rename(&ours, &moved).expect("it is renamed");
        symlink(&victim, &ours).expect("a link in its place");
        folder.replace(OsStr::new(NAME), "new", owner).expect("it is written");
        folder.open_lock(OsStr::new("lock"), owner).expect("a lock");
        assert_eq!(fs::read_to_string(moved.join(NAME)).expect("the file"), "new");
        assert_eq!(fs::read_to_string(victim.join(NAME)).expect("the file"), "victim");
        assert_eq!(fs::read_dir(&victim).expect("the directory").count(), 1);
        assert!(Folder::open(&ours).is_err(), "a canonical path contains no link");
    }

    #[test]
    fn a_failed_write_leaves_no_temporary_file() {
        let parent = tempfile::tempdir().expect("a directory");
        let (path, folder, owner) = folder(parent.path(), "ours", "old");
        fs::create_dir(path.join("taken")).expect("a directory");
        assert!(folder.replace(OsStr::new("taken"), "new", owner).is_err());
        assert_eq!(fs::read_dir(&path).expect("the directory").count(), 2);
    }
}
