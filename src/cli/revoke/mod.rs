//! `revoke`: ends a leaked token, or all tokens of an OAuth client.

pub(super) mod arguments;
mod client;
mod standard_input;
mod token;

use self::arguments::RevokeArgs;
use self::standard_input::USAGE;
use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::session::Session;

/// Ends the token on standard input, or sets the state of an OAuth client.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure, or the work was interrupted. Errors of the platform and the store are printed.
pub async fn run(arguments: &RevokeArgs, session: &Session) -> Result<Exit, CommandFailure> {
    if !arguments.unexpected.is_empty() {
        let message = "revoke takes no argument beside its options, and no token on the command line";
        return Err(CommandFailure::usage(
            message,
            format!("{USAGE}; a token on the command line is visible to others: end it"),
        ));
    }
    match &arguments.client {
        Some(id) => client::run(id, arguments, session).await,
        None => token::run(arguments, session).await,
    }
}
