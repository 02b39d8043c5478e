//! The whole `main` of a plugin.

use std::env;
use std::io;
use std::process::ExitCode;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::hclog::HclogLayer;
use crate::logical::backend::Engine;
use crate::serve::run;
use crate::standalone::{About, Start, Terminal, start};

/// Runs a plugin's binary: serves the host that started it, or prints its checksum, version or help for a person.
///
/// ```no_run
/// # use openbao_plugin::{About, Engine};
/// # fn plugin(my_engine: impl Engine) -> std::process::ExitCode {
/// const ABOUT: About<'static> = About::new("my-engine", "v1.0.0", "Stores notes.");
///
/// openbao_plugin::main(&ABOUT, || my_engine)
/// # }
/// ```
///
/// It logs from INFO on, which keeps out what the libraries below log at TRACE. Compose [`start`], [`run`] and an
/// [`HclogLayer`] yourself for other logs, or to read settings from the environment before the engine is created.
#[expect(clippy::disallowed_methods, reason = "the binary's own arguments and environment")]
pub fn main<E: Engine>(about: &About<'_>, engine: impl FnOnce() -> E) -> ExitCode {
    let layer = HclogLayer::new(io::stderr());
    // A subscriber may be set already.
    let _ = tracing_subscriber::registry().with(layer).with(LevelFilter::INFO).try_init();
    let executable = env::current_exe().unwrap_or_default();
    let terminal = Terminal::new(io::stdout(), io::stderr(), &executable);
    match start(about, |name| env::var(name).ok(), env::args().skip(1), terminal) {
        Start::Serve(host) => run(&host, engine()),
        Start::Exit(code) => code,
    }
}
