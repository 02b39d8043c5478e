//! A last question before many secrets are rotated.

use std::io::{self, IsTerminal, Write};

use super::arguments::RotateArgs;
use crate::cli::terminal::output::Output;

/// Whether to go on: asks where a person is there to answer, and takes it for granted elsewhere.
pub(super) async fn ask(secrets: usize, arguments: &RotateArgs, output: &Output) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    output.note(question(secrets, arguments));
    // Nothing is begun yet, so that Ctrl-C may end the process here.
    let answer = tokio::task::spawn_blocking(|| {
        io::stderr().write_all(b"Go on? [y/N] ").and_then(|()| io::stderr().flush()).ok();
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    answer.await.is_ok_and(|line| line.is_ok_and(|line| is_yes(&line)))
}

fn question(secrets: usize, arguments: &RotateArgs) -> String {
    let those = if secrets == 1 { "1 secret matches".to_owned() } else { format!("{secrets} secrets match") };
    let whether = if arguments.selection.rotation_function.is_some() {
        "and will be rotated"
    } else {
        "; those that hold a token of a rotation will be rotated"
    };
    let revoked = if arguments.revoke_previous { ", and the former tokens revoked" } else { "" };
    format!("{those}{}{whether}{revoked} (--dry-run lists them).", if whether.starts_with(';') { "" } else { " " })
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(is_yes("y\n") && is_yes(" Yes\n"));
        assert!(!is_yes("") && !is_yes("\n") && !is_yes("no\n") && !is_yes("yesterday\n"));
    }
}
