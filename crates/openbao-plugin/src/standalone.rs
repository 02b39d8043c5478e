//! The plugin's own command line, for a person who starts the binary without a host.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use sha2::{Digest, Sha256};

use crate::go_plugin::handshake::{HandshakeError, HostEnvironment};
use crate::logical::backend::PluginKind;

/// What a binary prints about itself.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct About<'a> {
    /// The name of the file, under which it is registered.
    pub name: &'a str,
    /// The version under which it is registered, such as `v1.2.3`.
    pub version: &'a str,
    /// Its purpose, in one sentence.
    pub summary: &'a str,
    /// Its type.
    pub kind: PluginKind,
}

impl<'a> About<'a> {
    /// `name` is the name of the file, under which it is registered; `version` is the version under which it is
    /// registered, such as `v1.2.3`; `summary` is its purpose, in one sentence.
    pub const fn new(name: &'a str, version: &'a str, summary: &'a str) -> Self {
        Self { name, version, summary, kind: PluginKind::SecretsEngine }
    }

    /// Describes an auth method.
    #[must_use]
    pub const fn auth_method(mut self) -> Self {
        self.kind = PluginKind::AuthMethod;
        self
    }
}

/// What a binary must do.
#[derive(Debug)]
pub enum Start {
    /// Serve the host that started it.
    Serve(HostEnvironment),
    /// Exit. The output is already written.
    Exit(ExitCode),
}

/// The streams of the process, and its file.
#[non_exhaustive]
pub struct Terminal<'a, O, E> {
    /// The standard output. A host reads it as the handshake, so nothing is written to it under a host.
    pub output: O,
    /// The standard error.
    pub errors: E,
    /// The binary's own file.
    pub executable: &'a Path,
}

impl<'a, O: Write, E: Write> Terminal<'a, O, E> {
    /// `output` and `errors` are the standard output and error, `executable` is the binary's own file.
    pub fn new(output: O, errors: E, executable: &'a Path) -> Self {
        Self { output, errors, executable }
    }
}

/// Returns the environment of the host that started this process. Without a host, runs the plugin's own command line.
///
/// ```
/// use std::path::Path;
///
/// use openbao_plugin::{About, Start, Terminal, start};
///
/// const ABOUT: About<'static> = About::new("my-engine", "v1.0.0", "Stores notes.");
///
/// let (mut output, mut errors) = (Vec::new(), Vec::new());
/// let terminal = Terminal::new(&mut output, &mut errors, Path::new("my-engine"));
/// let started = start(&ABOUT, |_| None, ["--version".to_owned()], terminal);
/// assert!(matches!(started, Start::Exit(_)));
/// assert_eq!(output, b"my-engine v1.0.0\n");
/// ```
///
/// `lookup` returns an environment variable. `arguments` are those after the binary's name; under a host they are ignored,
/// because a host may pass some on.
pub fn start<O: Write, E: Write>(
    about: &About<'_>,
    lookup: impl Fn(&str) -> Option<String>,
    arguments: impl IntoIterator<Item = String>,
    mut terminal: Terminal<'_, O, E>,
) -> Start {
    let error = match HostEnvironment::from_lookup(lookup) {
        Ok(host) => return Start::Serve(host),
        Err(error) => error,
    };
    let argument = arguments.into_iter().next().filter(|_| error == HandshakeError::NoHost);
    let output = match argument.as_deref() {
        Some("--version" | "-V") => Ok(format!("{} {}\n", about.name, about.version)),
        Some("--help" | "-h") => Ok(help(about)),
        Some("--sha256") => checksum(terminal.executable).map(|sum| format!("{sum}\n")),
        _ => {
            let text = format!("error: {error}\nhint: {}; see --help\n", error.hint());
            // Standard error may be closed.
            let _ = terminal.errors.write_all(text.as_bytes());
            return Start::Exit(ExitCode::FAILURE);
        }
    };
    let written = output.and_then(|text| {
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
    let About { name, version, summary, kind } = about;
    let (kind, command) = match kind {
        PluginKind::SecretsEngine => ("secret", "secrets"),
        PluginKind::AuthMethod => ("auth", "auth"),
    };
    format!(
        "{summary}

This is a plugin that Vault or OpenBao starts. Copy it into the server's plugin_directory, then run:

  bao plugin register -sha256=$({name} --sha256) -version={version} {kind} {name}
  bao {command} enable -path=PATH {name}

For HashiCorp Vault, replace bao with vault.

Options:
  --sha256   Print the checksum for registration
  --version  Print the version for registration
  --help     Print this help
"
    )
}

/// Returns the SHA-256 of a file in lowercase hexadecimal.
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
