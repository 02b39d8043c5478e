//! A person at a terminal, who started the binary without a host.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use crate::go_plugin::handshake::{HostEnvironment, Refusal};

/// What a binary says of itself.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The file's name, by which it is registered.
    pub name: &'a str,
    /// The version with which it is registered, such as `v1.2.3`.
    pub version: &'a str,
    /// One sentence that says what it is for.
    pub summary: &'a str,
}

/// What a binary is to do.
#[derive(Debug)]
pub enum Start {
    /// Serve the host that started it.
    Serve(HostEnvironment),
    /// End: all that there is to say was said.
    Exit(ExitCode),
}

/// What came of it, and where to write it.
pub struct Terminal<'a, O, E> {
    /// The standard output, which a host reads as a handshake: nothing is written there with a host around.
    pub output: O,
    /// The standard error.
    pub errors: E,
    /// The binary's own file.
    pub executable: &'a Path,
}

/// Finds out whether a host started this process, and answers a person if not.
///
/// `arguments` are those after the binary's name. A host may pass some on, so they count only without one.
pub fn start<O: Write, E: Write>(
    about: &About<'_>,
    lookup: impl Fn(&str) -> Option<String>,
    arguments: impl IntoIterator<Item = String>,
    mut terminal: Terminal<'_, O, E>,
) -> Start {
    let refusal = match HostEnvironment::from_lookup(lookup) {
        Ok(host) => return Start::Serve(host),
        Err(refusal) => refusal,
    };
    let argument = arguments.into_iter().next().filter(|_| refusal == Refusal::NoHost);
    let answer = match argument.as_deref() {
        Some("--version" | "-V") => Ok(format!("{} {}\n", about.name, about.version)),
        Some("--help" | "-h") => Ok(help(about)),
        Some("--sha256") => checksum(terminal.executable).map(|sum| format!("{sum}\n")),
        _ => {
            let text = format!("error: {refusal}\nhint: {}; --help says more\n", refusal.hint());
            // Nobody may be reading.
            let _ = terminal.errors.write_all(text.as_bytes());
            return Start::Exit(ExitCode::FAILURE);
        }
    };
    let written = answer.and_then(|text| {
        terminal.output.write_all(text.as_bytes())?;
        terminal.output.flush()
    });
    Start::Exit(match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(terminal.errors, "error: {error}");
            ExitCode::FAILURE
        }
    })
}

fn help(about: &About<'_>) -> String {
    let About { name, version, summary } = about;
    format!(
        "{summary}

This is a plugin: Vault or OpenBao starts it. Copy it into the server's plugin_directory, then:

  bao plugin register -sha256=$({name} --sha256) -version={version} secret {name}
  bao secrets enable -path=PATH {name}

With HashiCorp Vault, say vault in place of bao.

Options:
  --sha256   Print the checksum to register
  --version  Print the version to register
  --help     Print this
"
    )
}

/// The SHA-256 of a file, in lower-case hexadecimal digits.
fn checksum(file: &Path) -> io::Result<String> {
    let mut file = File::open(file)?;
    let mut hash = Sha256::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hash.update(&buffer[..read]);
    }
}
