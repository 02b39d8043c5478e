//! The binary without a host that it can serve.

use std::process::{Command, Output};

use super::example::engine;

const COOKIE: (&str, &str) = ("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20");

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(engine()).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "standard output is the handshake's alone");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_person_is_told_what_it_is_and_what_to_do() {
    for arguments in [&[][..], &["serve"], &["--what"]] {
        let said = refused(&run(arguments, &[]));
        assert!(said.starts_with("error: this is a secrets engine: Vault or OpenBao starts it"), "{said}");
        assert!(said.contains("\nhint: register it in the plugin catalog"), "{said}");
    }
}

#[test]
fn its_version_checksum_and_help_can_be_asked_for() {
    let said = |argument| {
        let output = run(&[argument], &[]);
        assert!(output.status.success() && output.stderr.is_empty());
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(said("--version"), "key-value-engine v1.2.3\n");
    assert!(said("--help").contains("bao plugin register -sha256=$(key-value-engine --sha256) -version=v1.2.3 secret"));
    let sum = said("--sha256");
    let expected = Command::new("sha256sum").arg(engine()).output().unwrap();
    assert!(String::from_utf8(expected.stdout).unwrap().starts_with(sum.trim_end()));
    assert_eq!(sum.len(), 65);
}

#[test]
fn a_probe_as_a_plugin_of_another_kind_is_refused() {
    let said = refused(&run(&[], &[("VAULT_DATABASE_PLUGIN", "926a0820-aea2-be28-51d6-83cdf00e8edb")]));
    assert!(said.contains("secrets engine"), "{said}");
}

#[test]
fn a_host_that_cannot_be_served_is_told_why() {
    let said = refused(&run(&["--version"], &[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "3,4")]));
    assert!(said.contains("version \"3,4\" of the plugin protocol, and only 5"), "{said}");
    let said = refused(&run(&[], &[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5")]));
    assert!(said.contains("no certificate of its own"), "{said}");
    let host = [COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5"), ("PLUGIN_CLIENT_CERT", "-----BEGIN rubbish")];
    let said = refused(&run(&[], &host));
    assert!(said.contains("the host's certificate cannot be read"), "{said}");
}
