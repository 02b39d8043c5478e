//! The binary, started without a host or by a host that it does not support.

use std::process::{Command, Output};

use super::example::engine;

const COOKIE: (&str, &str) = ("VAULT_BACKEND_PLUGIN", "6669da05-b1c8-4f49-97d9-c8e5bed98e20");

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(engine()).args(arguments).envs(environment.iter().copied()).output().unwrap()
}

fn failed(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "standard output is for the handshake only");
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn without_a_host_it_prints_an_error_and_a_hint() {
    for arguments in [&[][..], &["serve"], &["--what"]] {
        let said = failed(&run(arguments, &[]));
        assert!(said.starts_with("error: this is a secrets engine plugin: Vault or OpenBao must start it\n"), "{said}");
        assert!(said.contains("\nhint: register it in the plugin catalog"), "{said}");
    }
}

#[test]
fn version_checksum_and_help_are_options() {
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
fn a_probe_for_another_kind_of_plugin_is_refused() {
    let said = failed(&run(&[], &[("VAULT_DATABASE_PLUGIN", "926a0820-aea2-be28-51d6-83cdf00e8edb")]));
    assert!(said.contains("secrets engine"), "{said}");
}

#[test]
fn an_unsupported_host_gets_the_reason() {
    let said = failed(&run(&["--version"], &[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "3,4")]));
    assert!(said.contains("the host supports plugin protocol \"3,4\", but this plugin supports only 5"), "{said}");
    let said = failed(&run(&[], &[COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5")]));
    assert!(said.contains("the host provided no certificate"), "{said}");
    let host = [COOKIE, ("PLUGIN_PROTOCOL_VERSIONS", "5"), ("PLUGIN_CLIENT_CERT", "-----BEGIN rubbish")];
    let said = failed(&run(&[], &host));
    assert!(said.contains("the host's certificate is not valid PEM"), "{said}");
}
