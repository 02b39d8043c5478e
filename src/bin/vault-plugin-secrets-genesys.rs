//! The secrets engine's plugin process, started by Vault or OpenBao.

use std::process::ExitCode;

use genesys_rotator::engine::GenesysEngine;
use genesys_rotator::log_filter::{UnknownFilter, log_filter_or_default};
use genesys_rotator::platform::{Endpoints, Platforms};
use genesys_rotator::rotation::SystemClock;
use openbao_plugin::{About, HclogLayer, Start, Terminal, run, start};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const ABOUT: About<'static> = About::new(
    "vault-plugin-secrets-genesys",
    concat!("v", env!("CARGO_PKG_VERSION")),
    "A secrets engine for Vault and OpenBao: leased, shared and rotated tokens of Genesys Cloud.",
);

#[expect(clippy::disallowed_methods, reason = "binaries read the environment and hand it to the library")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn main() -> ExitCode {
    let (filter, ignored) = log_filter_or_default(variable("ROTATOR_LOG").as_deref());
    tracing_subscriber::registry().with(HclogLayer::new(std::io::stderr())).with(filter).init();
    if let Some(error) = ignored {
        tracing::warn!("ROTATOR_LOG is ignored: {error}; {}", UnknownFilter::HINT);
    }
    let executable = std::env::current_exe().unwrap_or_default();
    let terminal = Terminal::new(std::io::stdout(), std::io::stderr(), &executable);
    match start(&ABOUT, variable, std::env::args().skip(1), terminal) {
        Start::Serve(host) => {
            let platforms = Endpoints::from_lookup(variable).map(Platforms::new);
            run(&host, GenesysEngine::new(platforms, SystemClock, ABOUT.version))
        }
        Start::Exit(code) => code,
    }
}
