//! Confirmation before many secrets are rotated, or tokens revoked.

use super::arguments::RotateArgs;
use crate::cli::exit::CommandFailure;
use crate::cli::terminal::confirmation;
use crate::cli::terminal::output::Output;

/// Checks that the run can ask for the confirmation that it needs.
///
/// # Errors
/// A [usage](CommandFailure::usage) failure if it needs one, and stdin or stderr is not a terminal.
pub(super) fn check(arguments: &RotateArgs) -> Result<(), CommandFailure> {
    if !is_needed(arguments) || confirmation::can_ask() {
        return Ok(());
    }
    let message =
        "--all and --revoke-previous need a confirmation, and this run cannot ask: stdin or stderr is not a terminal";
    Err(CommandFailure::usage(message, "preview the run with --dry-run, then add --yes"))
}

/// Asks for confirmation if the run needs one.
pub(super) async fn ask(secrets: usize, arguments: &RotateArgs, output: &Output) -> bool {
    if !is_needed(arguments) {
        return true;
    }
    output.note(question(secrets, arguments));
    confirmation::ask().await
}

/// Many secrets, or tokens that readers still use.
fn is_needed(arguments: &RotateArgs) -> bool {
    (arguments.selection.is_many() || arguments.revoke_previous) && !arguments.yes && !arguments.dry_run
}

fn question(secrets: usize, arguments: &RotateArgs) -> String {
    let action = match (secrets, arguments.selection.is_many(), arguments.selection.rotation_function.is_some()) {
        (1, false, _) => "1 secret will be rotated".to_owned(),
        (_, false, _) => format!("{secrets} secrets will be rotated"),
        (1, true, true) => "1 secret matches and will be rotated".to_owned(),
        (_, true, true) => format!("{secrets} secrets match and will be rotated"),
        (1, true, false) => "1 secret matches; it will be rotated if it holds a rotated token".to_owned(),
        (_, true, false) => format!("{secrets} secrets match; those that hold a rotated token will be rotated"),
    };
    let revocation = if arguments.revoke_previous { ", and their previous tokens revoked" } else { "" };
    format!("{action}{revocation} (--dry-run lists them).")
}
