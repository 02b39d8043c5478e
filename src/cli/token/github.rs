//! A token for the later steps of a GitHub Actions job (GitHub Docs, "Workflow commands for GitHub Actions", "Masking a
//! value in a log" and "Setting an environment variable").

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::cli::exit::{CommandFailure, Exit};
use crate::cli::target::live_token::{CXONE_TOKEN, GENESYS_CLOUD_TOKEN, LiveToken};
use crate::cli::target::session::Session;

/// Where the runner looks for variables once a step has ended.
const FILE_VARIABLE: &str = "GITHUB_ENV";

/// A variable of the job, still to be set.
pub(super) struct GithubEnvironment {
    name: String,
    path: String,
    file: File,
}

impl GithubEnvironment {
    /// Opens the file that the runner made for this step.
    ///
    /// # Errors
    /// A [usage](CommandFailure::usage) failure where there is no such file, or the runner would not take the name.
    pub(super) fn open(name: &str, session: &Session) -> Result<Self, CommandFailure> {
        check_name(name)?;
        let path = session.variable(FILE_VARIABLE).ok_or_else(|| {
            let hint = "--github-env is for a step of GitHub Actions; elsewhere use `exec`, or --format env";
            CommandFailure::usage(format!("{FILE_VARIABLE} is not set"), hint)
        })?;
        match open(&path) {
            Ok(file) => Ok(Self { name: name.to_owned(), path, file }),
            Err(error) => {
                let hint = "the runner makes that file for each step: run this in the step itself, and hand GITHUB_ENV on to a container";
                Err(CommandFailure::usage(
                    format!("{FILE_VARIABLE} names {path}, which cannot be written: {error}"),
                    hint,
                ))
            }
        }
    }

    /// Masks the token, and only then writes it. Under the name that the platform's tools look for, region and address
    /// go with it, so that none of them sends the token to another region.
    ///
    /// # Errors
    /// It is said nowhere where the token is good, or one of the two cannot be written.
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
            hint: "look at the runner's disk, and at who owns the file".to_owned(),
        })
    }
}

fn unmasked(error: Option<io::Error>) -> CommandFailure {
    let why = error.map_or_else(String::new, |error| format!(" ({error})"));
    CommandFailure {
        exit: Exit::Failed,
        message: format!("the command that masks the token could not be written to stdout{why}, so nothing was set"),
        hint: "leave stdout to the runner: no pipe, no redirection".to_owned(),
    }
}

fn open(path: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).open(path)?;
    // Anything else, such as /dev/stdout, would show the token instead of keeping it.
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// A step before may have left its last line open.
fn append(mut file: File, lines: &str) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let begin = if last == [b'\n'] { "" } else { "\n" };
    file.write_all(Zeroizing::new(format!("{begin}{lines}")).as_bytes())
}

/// Each value between two lines that nobody can guess, so that nothing in it can set another variable.
fn lines(variables: &[(&str, &str)]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    for (name, value) in variables {
        let delimiter = format!("ghadelimiter_{}", Uuid::new_v4());
        let block = Zeroizing::new(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        text.push_str(&block);
    }
    text
}

/// What the runner reads back in the value of a workflow command.
fn escaped(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A"))
}

fn is_known_name(name: &str) -> bool {
    [GENESYS_CLOUD_TOKEN, CXONE_TOKEN].contains(&name)
}

/// The runner ignores or refuses its own variables and `NODE_OPTIONS`.
fn check_name(name: &str) -> Result<(), CommandFailure> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let hint = "GENESYSCLOUD_ACCESS_TOKEN is the name that the platform's tools look for";
    if !begins || !name.chars().all(allowed) {
        return Err(CommandFailure::usage(format!("{name:?} cannot be the name of a variable"), hint));
    }
    let upper = name.to_ascii_uppercase();
    if upper.starts_with("GITHUB_") || upper.starts_with("RUNNER_") || upper == "NODE_OPTIONS" {
        return Err(CommandFailure::usage(format!("GitHub's runner does not let a step set {name}"), hint));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_the_runner_takes_are_taken() {
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
    fn each_variable_has_delimiters_of_its_own() {
        let text = lines(&[("A", "1"), ("B", "2")]);
        let lines: Vec<_> = text.lines().collect();
        let delimiter = |line: &str| line.split_once("<<").expect("a heredoc").1.to_owned();
        let (first, second) = (delimiter(lines[0]), delimiter(lines[3]));
        assert_eq!(lines, [&format!("A<<{first}"), "1", &first, &format!("B<<{second}"), "2", &second]);
        assert_ne!(first, second);
    }

    #[test]
    fn a_workflow_command_carries_any_token_whole() {
        assert_eq!(*escaped("a%0Ab"), "a%250Ab");
    }
}
