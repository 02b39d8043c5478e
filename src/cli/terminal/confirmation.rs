//! Questions to a person on a terminal.

use std::io::{self, IsTerminal, Write};

/// Whether a person can answer.
pub(in crate::cli) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks whether to continue. Nothing must have started: Ctrl-C may end the process here.
pub(in crate::cli) async fn ask() -> bool {
    let answer = tokio::task::spawn_blocking(|| {
        io::stderr().write_all(b"Continue? [y/N] ").and_then(|()| io::stderr().flush()).ok();
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|_| line)
    });
    answer.await.is_ok_and(|line| line.is_ok_and(|line| is_yes(&line)))
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
