//! AWS Secrets Manager through the AWS SDK, against moto, an independent implementation.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use tokio::task::LocalSet;

use crate::aws::Aws;
use crate::contract::{judge, with_every_intent_row, with_every_row};

/// Rows in which moto differs from Secrets Manager, with the reason. A listed row must fail.
///
/// No row covers RotateSecret (in-progress check inverted, rates ignored, no RotationToken) and GetSecretValue without a
/// label, in which moto differs as well.
const DEVIATIONS: [(&str, &str); 9] = [
    (
        "staging_another_value_for_the_same_version_keeps_the_first",
        "PutSecretValue overwrites a pending version's value",
    ),
    (
        "promoting_over_another_value_is_a_conflict",
        "the error is \"Version stage … not found in version\", which Secrets Manager does not return",
    ),
    ("unstaging_lets_the_next_rotation_start", "the second call fails with the error for a wrong holder"),
    ("a_cleared_intent_stays_cleared", "the second call fails with the error for a wrong holder"),
    ("only_the_intent_that_was_seen_is_cleared", "the error for a wrong holder is another one"),
    ("the_lease_moves_by_compare_and_set", "the error for a wrong holder is another one"),
    ("staging_a_promoted_value_again_succeeds", "PutSecretValue replaces the labels of an existing version"),
    (
        "staging_another_value_for_a_promoted_version_changes_nothing",
        "PutSecretValue overwrites the value of an existing version",
    ),
    ("promoting_twice_changes_nothing", "moving AWSCURRENT to the version that has it removes AWSPREVIOUS"),
];

/// A moto server. It exits when its standard input is closed, so it does not outlive the test.
struct Moto {
    process: Child,
    url: String,
}

impl Moto {
    /// `None` where moto is not installed.
    #[expect(clippy::disallowed_methods, reason = "the Makefile names the interpreter that has moto")]
    fn start() -> Option<Self> {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/moto_server.py");
        let mut command = Command::new(python);
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().ok()?;
        let mut url = String::new();
        BufReader::new(process.stdout.take()?).read_line(&mut url).ok()?;
        let moto = Self { process, url: url.trim().to_owned() };
        moto.url.starts_with("http://").then_some(moto)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[tokio::test]
async fn moto_keeps_the_contract_except_for_known_deviations() {
    let Some(server) = Moto::start() else { return skip() };
    let url = server.url.clone();
    let fixture = Rc::new(Aws::at(&url, server));
    let surprises = LocalSet::new().run_until(all(fixture)).await;
    assert!(surprises.is_empty(), "{surprises:#?}");
}

async fn all(fixture: Rc<Aws<Moto>>) -> Vec<String> {
    let mut surprises = with_every_row!(judge fixture);
    surprises.extend(with_every_intent_row!(judge fixture));
    surprises
}

#[expect(clippy::disallowed_macros, reason = "a skipped test is reported on standard output")]
fn skip() {
    println!("skipped: moto is not installed; `make test` installs it");
}
