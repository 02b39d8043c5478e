//! Confirmation before many secrets are rotated.

use std::io::{self, IsTerminal, Write};

use super::arguments::RotateArgs;
use crate::cli::terminal::output::Output;

/// Asks for confirmation on a terminal. Returns true without asking elsewhere.
pub(super) async fn ask(secrets: usize, arguments: &RotateArgs, output: &Output) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    output.note(question(secrets, arguments));
    // No rotation has started: Ctrl-C may end the process here.
    let answer = tokio::task::spawn_blocking(|| {
        io::stderr().write_all(b"Continue? [y/N] ").and_then(|()| io::stderr().flush()).ok();
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    answer.await.is_ok_and(|line| line.is_ok_and(|line| is_yes(&line)))
}

fn question(secrets: usize, arguments: &RotateArgs) -> String {
    let matches = if secrets == 1 { "1 secret matches".to_owned() } else { format!("{secrets} secrets match") };
    let action = if arguments.selection.rotation_function.is_some() {
        " and will be rotated"
    } else {
        "; those that hold a rotated token will be rotated"
    };
    let revocation = if arguments.revoke_previous { ", and their previous tokens revoked" } else { "" };
    format!("{matches}{action}{revocation} (--dry-run lists them).")
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_y_and_yes_confirm() {
        assert!(is_yes("y\n") && is_yes(" Yes\n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("no\n") && !is_yes("yesterday\n"));
    }
}
