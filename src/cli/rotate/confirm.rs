//! Confirmation before many secrets are rotated, or tokens revoked.

use super::arguments::RotateArgs;
use crate::cli::exit::CommandFailure;
use crate::cli::target::choice::{Choice, Unlisted};
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
    let message = "--all, --from and --revoke-previous need a confirmation, and this run cannot ask: stdin or stderr is not a terminal";
    Err(CommandFailure::usage(message, "preview the run with --dry-run, then add --yes"))
}

/// Asks for confirmation if the run needs one.
pub(super) async fn ask(choice: &Choice, arguments: &RotateArgs, output: &Output) -> bool {
    if !is_needed(arguments) {
        return true;
    }
    for Unlisted { name, error } in &choice.unlisted {
        output.error(&format!("{name}: {}", error.chain()), error.hint());
    }
    output.note(question(choice, arguments));
    confirmation::ask().await
}

/// Many secrets, or tokens that readers still use.
fn is_needed(arguments: &RotateArgs) -> bool {
    (arguments.selection.is_many() || arguments.revoke_previous) && !arguments.yes && !arguments.dry_run
}

fn question(choice: &Choice, arguments: &RotateArgs) -> String {
    let secrets = choice.secrets.len();
    let confirmed = choice.secrets.iter().filter(|chosen| chosen.is_confirmed()).count();
    let what = if arguments.include_new { "holds a rotated token or is new" } else { "holds a rotated token" };
    let action = match (secrets, confirmed) {
        (1, 1) => "1 secret will be rotated".to_owned(),
        (1, 0) => format!("1 secret matches; it will be rotated if it {what}"),
        _ if confirmed == secrets => format!("{secrets} secrets will be rotated"),
        (_, 0) => format!("{secrets} secrets match; each one that {what} will be rotated"),
        _ => format!("{secrets} secrets match; {confirmed} of them, and each other one that {what}, will be rotated"),
    };
    let revocation = if arguments.revoke_previous { ", and their previous tokens revoked" } else { "" };
    format!("{action}{revocation} (--dry-run lists them).")
}
