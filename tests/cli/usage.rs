//! Help, wrong usage and completions, which need no secret.

use std::process::Stdio;

use super::{command, run, run_with};

#[test]
fn help_names_every_command_on_stdout() {
    let help = run(&["--help"]);
    assert_eq!((help.exit, help.stderr.as_str()), (Some(0), ""));
    for command in
        ["demo", "rotate", "revoke", "status", "check", "doctor", "api", "sim", "completions", "man", "--output"]
    {
        assert!(help.stdout.contains(command), "{command}: {}", help.stdout);
    }
    let version = run(&["--version"]).stdout;
    assert!(version.starts_with(concat!("genesys-rotator ", env!("CARGO_PKG_VERSION"), " (")), "{version}");
    assert!(version.ends_with("-linux)\n") && version.contains(std::env::consts::ARCH), "{version}");
}

#[test]
fn wrong_usage_is_two_lines_and_exit_2() {
    let wrong: [&[&str]; 12] = [
        &[],
        &["no-such-command"],
        &["rotate"],
        &["rotate", "a", "--no-such-flag"],
        &["rotate", "a", "--timeout", "soon"],
        &["rotate", "a", "--output", "xml"],
        &["rotate", "vault:genesys"],
        &["rotate", "gcp:genesys", "file:a"],
        &["rotate", "a\nb"],
        &["status", "file:"],
        &["check", "arn:aws:s3:::bucket"],
        &["sim", "--client", "no-secret"],
    ];
    for arguments in wrong {
        let transcript = run(arguments);
        assert_eq!((transcript.exit, transcript.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        let (error, hint) = transcript.error();
        assert!(!error.is_empty() && !hint.is_empty(), "{arguments:?}");
    }
    assert!(run(&["rotate", "vault:genesys"]).error().0.contains("is not vault:MOUNT/PATH"));
}

#[test]
fn an_insecure_login_url_is_wrong_usage() {
    let transcript = run_with(&["rotate", "file:a"], &[("ROTATOR_LOGIN_URL", "http://elsewhere.example")]);
    assert_eq!(transcript.exit, Some(2));
    assert!(transcript.error().0.contains("ROTATOR_LOGIN_URL"), "{}", transcript.stderr);
}

#[test]
fn no_command_takes_a_secret_value_as_an_argument() {
    for command in ["demo", "rotate", "status", "check", "doctor", "api", "completions", "man"] {
        let help = run(&[command, "--help"]).stdout.to_lowercase();
        for word in ["--client", "--token", "--password", "--secret", "<token>", "<password>"] {
            assert!(!help.contains(word), "{command}: {word}");
        }
    }
}

#[test]
fn completions_are_scripts() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let transcript = run(&["completions", shell]);
        assert_eq!((transcript.exit, transcript.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(transcript.stdout.contains("genesys-rotator") && transcript.stdout.contains("rotate"), "{shell}");
    }
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let mut command = command(&["completions", "bash"], &[]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs");
    drop(child.stdout.take());
    let done = child.wait_with_output().expect("the process exits");
    assert_eq!((done.status.code(), String::from_utf8_lossy(&done.stderr).as_ref()), (Some(0), ""));
}
