//! The programs of one commit.

use std::path::{Path, PathBuf};

/// The programs of one commit.
#[derive(Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Those of this build.
    pub fn today() -> Self {
        let command_line = Path::new(env!("CARGO_BIN_EXE_genesys-rotator"));
        Self { folder: command_line.parent().expect("a folder").to_owned() }
    }

    /// Those that `make upgrades` built.
    pub fn earlier() -> Self {
        let folder = variable("UPGRADE_FROM_PROGRAMS").expect("`make upgrades` sets UPGRADE_FROM_PROGRAMS");
        Self { folder: folder.into() }
    }

    pub fn command_line(&self) -> PathBuf {
        self.folder.join("genesys-rotator")
    }

    pub fn function(&self) -> PathBuf {
        self.folder.join("genesys-rotator-lambda")
    }

    pub fn engine(&self) -> PathBuf {
        self.folder.join("vault-plugin-secrets-genesys")
    }
}

/// A variable that `make upgrades` sets.
#[expect(clippy::disallowed_methods, reason = "`make upgrades` sets the variables")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
