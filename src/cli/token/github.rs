//! A token for the later steps of a GitHub Actions job (GitHub Docs, "Workflow commands for GitHub Actions", "Masking a
//! value in a log" and "Setting an environment variable").

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{CXONE_TOKEN, GENESYS_CLOUD_TOKEN, LiveToken};
use crate::cli::target::session::Session;

/// The variable that names the runner's file of environment variables.
const FILE_VARIABLE: &str = "GITHUB_ENV";

/// A variable of the job that has not been set yet.
pub(super) struct GithubEnvironment {
    name: String,
    path: String,
    file: File,
}

impl GithubEnvironment {
    /// Opens the runner's file for this step.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure if the file does not exist or the runner rejects the name.
    pub(super) fn open(name: &str, session: &Session) -> Result<Self, CommandFailure> {
        check_name(name)?;
        let path = session.variable(FILE_VARIABLE).ok_or_else(|| {
            let hint = "use --github-env only in a step of GitHub Actions; elsewhere use `exec` or --format env";
            CommandFailure::usage(format!("{FILE_VARIABLE} is not set"), hint)
        })?;
        match open(&path) {
            Ok(file) => Ok(Self { name: name.to_owned(), path, file }),
            Err(error) => {
                let hint = "the runner creates that file for each step: run this command in the step itself, and pass GITHUB_ENV to a container";
                Err(CommandFailure::usage(
                    format!("{FILE_VARIABLE} names {path}, which cannot be written: {error}"),
                    hint,
                ))
            }
        }
    }

    /// Masks the token, then sets the variable. If the variable is the one that the platform's tools read, region and
    /// API address are set too, so that no tool sends the token to another region.
    ///
    /// # Errors
    /// The API's address cannot be determined, or the mask or the variable cannot be written.
    pub(super) async fn hand_over(self, token: &LiveToken, session: &Session) -> Result<(), CommandFailure> {
        let mut variables = vec![(self.name.as_str(), token.text())];
        let origin = if is_known_name(&self.name) { Some(token.origin().await?) } else { None };
        if let Some(origin) = origin.as_ref().filter(|origin| origin.token_variable == self.name) {
            variables.extend(origin.companions.iter().map(|(name, value)| (*name, value.as_str())));
        }
        let mask = Zeroizing::new(format!("::add-mask::{}\n", *escaped(token.text())));
        if !session.output.bytes(mask.as_bytes()) {
            return Err(unmasked(session.output.take_write_error()));
        }
        let lines = lines(&variables);
        append(self.file, &lines).map_err(|error| CommandFailure {
            exit: Exit::Failed,
            message: format!("{} could not be written: {error}", self.path),
            hint: "check the runner's disk and the owner of the file".to_owned(),
        })
    }
}

fn unmasked(error: Option<io::Error>) -> CommandFailure {
    let why = error.map_or_else(String::new, |error| format!(" ({error})"));
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the mask for the token could not be written to stdout{why}; no variable was set"),
        hint: "do not pipe or redirect stdout: the runner must read it".to_owned(),
    }
}

fn open(path: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).open(path)?;
    // Another file type, such as /dev/stdout, would print the token.
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("not a regular file")) }
}

/// Appends lines. The existing last line may have no line break.
fn append(mut file: File, lines: &str) -> io::Result<()> {
    let mut last = [b'\n'];
    if let Some(position) = file.metadata()?.len().checked_sub(1) {
        file.seek(SeekFrom::Start(position))?;
        file.read_exact(&mut last)?;
    }
    let begin = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(Zeroizing::new(format!("{begin}{lines}")).as_bytes())
}

/// Formats each value between random delimiter lines, so that no value can set another variable.
fn lines(variables: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in variables {
        let delimiter = format!("ghadelimiter_{}", Uuid::new_v4());
        let block = Zeroizing::new(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        text.push_str(&block);
    }
    text
}

/// Escapes the value of a workflow command.
fn escaped(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn is_known_name(name: &str) -> bool {
    [GENESYS_CLOUD_TOKEN, CXONE_TOKEN].contains(&name)
}

/// Rejects invalid names, and those that the runner ignores or rejects: its own variables and `NODE_OPTIONS`.
fn check_name(name: &str) -> Result<(), CommandFailure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let hint = "use GENESYSCLOUD_ACCESS_TOKEN, which the platform's tools read";
    if !begins || !name.chars().all(allowed) {
        return Err(CommandFailure::usage(format!("{name:?} is not a valid variable name"), hint));
    }
    let upper = name.to_ascii_uppercase();
    if upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") || upper == "NODE_OPTIONS" {
        return Err(CommandFailure::usage(format!("GitHub's runner does not allow a step to set {name}"), hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_the_runner_rejects_are_rejected() {
        for name in ["GENESYSCLOUD_ACCESS_TOKEN", "_a", "a1"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in
            ["", "1a", "a-b", "a=b", "a<<b", "a\nb", "GITHUB_TOKEN", "github_env", "RUNNER_TEMP", "NODE_OPTIONS"]
        {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn each_variable_has_its_own_delimiter() {
        let text = lines(&[("A", "1"), ("B", "2")]);
        let lines: Vec<_> = text.lines().collect();
        let delimiter = |line: &str| line.split_once("<<").expect("a heredoc").1.to_owned();
        let (first, second) = (delimiter(lines[0]), delimiter(lines[3]));
        assert_eq!(lines, [&format!("A<<{first}"), "1", &first, &format!("B<<{second}"), "2", &second]);
        assert_ne!(first, second);
    }

    #[test]
    fn a_token_is_escaped_in_a_workflow_command() {
        assert_eq!(*escaped("a%0Ab"), "a%250Ab");
    }
}
