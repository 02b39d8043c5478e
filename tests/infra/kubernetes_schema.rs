//! Rules for all manifests of `infra/kubernetes`: schemas, pods, names and numbers.

use std::fs;

use serde_json::Value;

use super::kubernetes_external_secrets::{KUBELET, seconds};
use super::kubernetes_files::{DIRECTORY, manifests, page_commands};
use super::stack::{repository, script};

/// The pods, with the names of their files.
fn pods(manifests: &Value) -> Vec<(String, Value)> {
    let files = manifests["files"].as_object().expect("files").iter();
    let documents = files.flat_map(|(file, documents)| {
        documents.as_array().expect("documents").iter().map(move |document| (file.clone(), document))
    });
    let templates = documents.filter_map(|(file, document)| match document["kind"].as_str() {
        Some("Deployment") => Some((file, document["spec"]["template"].clone())),
        Some("CronJob") => Some((file, document["spec"]["jobTemplate"]["spec"]["template"].clone())),
        _ => None,
    });
    templates.collect()
}

#[test]
fn manifests_match_their_schemas() {
    let Some(manifests) = manifests() else { return };
    assert_eq!(manifests["errors"], serde_json::json!([]));
}

#[test]
fn a_misspelt_field_is_found_in_every_kind() {
    if manifests().is_none() {
        return;
    }
    for (file, right, wrong) in [
        ("rotate-kv.yaml", "concurrencyPolicy", "concurencyPolicy"),
        ("agent.yaml", "readOnlyRootFilesystem", "readOnlyRootFileSystem"),
        ("network.yaml", "podSelector", "podselector"),
        ("eso-openbao-shared.yaml", "getParameters", "getParams"),
        ("eso-openbao.yaml", "refreshInterval", "refreshinterval"),
        ("eso-kv.yaml", "mountPath", "mountpath"),
        ("eso-aws.yaml", "service: SecretsManager", "service: SecretManager"),
        ("vso.yaml", "allowStaticCreds", "allowStaticCredentials"),
        ("vso.yaml", "excludeRaw", "excludesRaw"),
        ("csi-openbao.yaml", "secretKey", "secretkey"),
        ("csi-aws.yaml", "objectVersionLabel", "objectVersionStage"),
        ("vso.yaml", "spec:\n  address", "spec:\n  address: https://other\n  address"),
    ] {
        let directory = tempfile::tempdir().expect("a directory");
        let text = fs::read_to_string(repository(DIRECTORY).join(file)).expect("the manifest");
        assert!(text.contains(right), "{file}: {right}");
        fs::write(directory.path().join(file), text.replacen(right, wrong, 1)).expect("it is written");
        let checked =
            script("kubernetes_manifests.py", directory.path().to_str().expect("a path"), &[]).expect("Python");
        assert_eq!(checked["errors"].as_array().map(Vec::len), Some(1), "{file}: {wrong}: {}", checked["errors"]);
    }
}

/// `make scan` accepts any text after the name of the check.
#[test]
fn every_exception_from_the_scan_has_a_reason() {
    let Some(manifests) = manifests() else { return };
    let documents = manifests["files"].as_object().expect("files").values().filter_map(Value::as_array).flatten();
    let annotations = documents.filter_map(|document| document["metadata"]["annotations"].as_object()).flatten();
    let exceptions: Vec<_> = annotations.filter(|(name, _)| name.starts_with("checkov.io/skip")).collect();
    assert!(!exceptions.is_empty());
    for (name, exception) in exceptions {
        let reason = exception.as_str().and_then(|text| text.split_once('=')).map_or("", |(_, reason)| reason);
        assert!(reason.split_whitespace().count() > 3, "{name}: {exception}");
    }
}

/// The documents of a manifest with the lines that its comments offer.
fn offered(file: &str, lines: &[(&str, &str)]) -> Option<Value> {
    manifests()?;
    let mut text = fs::read_to_string(repository(DIRECTORY).join(file)).expect("the manifest");
    for (comment, line) in lines {
        assert!(text.contains(comment), "{file}: {comment}");
        text = text.replace(comment, line);
    }
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(file), &text).expect("it is written");
    let checked = script("kubernetes_manifests.py", directory.path().to_str().expect("a path"), &[]).expect("Python");
    assert_eq!(checked["errors"], serde_json::json!([]), "{text}");
    Some(checked["files"][file].clone())
}

#[test]
fn the_restart_targets_in_the_comment_are_valid() {
    let lines = [("  # rolloutRestartTargets", "  rolloutRestartTargets"), ("  #   - {", "    - {")];
    let Some(documents) = offered("vso.yaml", &lines) else { return };
    assert_eq!(documents[3]["spec"]["rolloutRestartTargets"][0]["kind"], "Deployment");
}

#[test]
fn the_dns_servers_in_the_comments_are_valid() {
    let Some(documents) = offered("network.yaml", &[("        # - ", "        - ")]) else { return };
    assert_eq!(documents[0]["spec"]["egress"][0]["to"].as_array().map(Vec::len), Some(3));
}

#[test]
fn every_pod_has_a_token_only_for_openbao_and_the_network_that_it_needs() {
    let Some(manifests) = manifests() else { return };
    let pods = pods(&manifests);
    assert_eq!(pods.len(), 7);
    for (file, pod) in pods {
        let (labels, spec) = (&pod["metadata"]["labels"], &pod["spec"]);
        assert_eq!(spec["automountServiceAccountToken"], false, "{file}");
        assert_eq!(labels["genesys/network"], "restricted", "{file}");
        let volumes = spec["volumes"].as_array().expect("volumes");
        let logins: Vec<_> = volumes.iter().filter(|volume| volume["name"] == "login").collect();
        assert_eq!(labels.get("genesys/openbao").is_some(), !logins.is_empty(), "{file}: only these log in");
        for login in logins {
            let token = &login["projected"]["sources"][0]["serviceAccountToken"];
            assert_eq!((&token["audience"], &token["path"]), (&"openbao".into(), &"token".into()), "{file}");
        }
        let containers =
            ["containers", "initContainers"].map(|name| spec[name].as_array().cloned().unwrap_or_default());
        for container in containers.concat() {
            let mounts = container["volumeMounts"].as_array().cloned().unwrap_or_default();
            assert!(mounts.iter().all(|mount| mount["subPath"].is_null()), "{file}: kubelet does not update a subPath");
            let logs_in = mounts.iter().any(|mount| mount["name"] == "login");
            assert!(!logs_in || container["name"] != "reader", "{file}: the reader needs no login");
            assert!(container["env"].to_string().to_lowercase().find("secretkeyref").is_none(), "{file}");
        }
    }
}

/// The service accounts and roles of the manifests are those of the page's commands.
#[test]
fn manifests_name_roles_that_the_page_writes() {
    let text = |name: &str| fs::read_to_string(repository(DIRECTORY).join(name)).expect("the manifest");
    let commands = page_commands();
    for (file, role) in [
        ("agent.yaml", "genesys-reader"),
        ("injector.yaml", "genesys-reader"),
        ("csi-openbao.yaml", "genesys-reader"),
        ("eso-openbao.yaml", "genesys-reader"),
        ("eso-openbao-shared.yaml", "genesys-reader"),
        ("eso-kv.yaml", "genesys-kv-reader"),
        ("vso.yaml", "genesys-reader"),
        ("rotate-kv.yaml", "genesys-rotator"),
    ] {
        assert!(text(file).contains(role), "{file}");
        let begin = format!("bao write auth/kubernetes/role/{role} ");
        let command = commands.iter().find(|command| command.starts_with(&begin)).expect("the role's command");
        assert!(command.contains("audience=openbao") && command.contains("token_ttl=10m"), "{command}");
        let policy = command.split("token_policies=").nth(1).and_then(|rest| rest.split_whitespace().next());
        let write = format!("bao policy write {} infra/vault/policies/", policy.expect("a policy"));
        assert!(commands.iter().any(|command| command.starts_with(&write)), "{write}");
    }
}

#[test]
fn the_page_links_every_manifest() {
    let page = fs::read_to_string(repository("docs/kubernetes.md")).expect("the page");
    for entry in fs::read_dir(repository(DIRECTORY)).expect("a directory").flatten() {
        let name = entry.file_name().into_string().expect("a name");
        assert!(page.contains(&format!("(../infra/kubernetes/{name})")), "{name}");
    }
}

/// The waits that the page names are those of the manifests.
#[test]
fn the_page_names_the_waits_of_the_manifests() {
    let Some(manifests) = manifests() else { return };
    let page = fs::read_to_string(repository("docs/kubernetes.md")).expect("the page");
    let documents = manifests["files"].as_object().expect("files").values().filter_map(Value::as_array).flatten();
    let external: Vec<_> = documents.filter(|document| document["kind"] == "ExternalSecret").collect();
    assert_eq!(external.len(), 4);
    for document in external {
        let wait =
            format!("| {} min, and {KUBELET} s for the file |", seconds(&document["spec"]["refreshInterval"]) / 60);
        assert_eq!(page.matches(&wait).count(), 3, "{wait}");
        assert_eq!(document["spec"]["target"]["name"], document["metadata"]["name"]);
    }
}

/// A token must be valid until the readers have the next one.
#[test]
fn the_page_revokes_a_leaked_token_after_every_reader_has_the_next_one() {
    let commands = page_commands();
    let mut rest = commands.iter();
    for begin in [
        "bao write -f genesys-cloud/rotate-role/ci",
        "bao read -field=expires_at genesys-cloud/static-roles/ci",
        "kubectl annotate -n ci externalsecret genesys-token",
        "kubectl annotate -n ci vaultdynamicsecrets.secrets.hashicorp.com genesys-token",
        "kubectl get secret -n ci genesys-token -o jsonpath='{.data.expires_at}' | base64 -d",
        "kubectl rollout restart -n ci deployment",
        "kubectl rollout status -n ci deployment",
        "bao write genesys-cloud/revoke/main",
    ] {
        assert!(rest.any(|command| command.starts_with(begin)), "{begin}: {commands:#?}");
    }
}

/// `reader.yaml` gets the new content of the Secret from kubelet, and `csi-aws.yaml` has no token of the engine.
#[test]
fn the_page_restarts_every_deployment_that_does_not_follow_the_secret() {
    let Some(manifests) = manifests() else { return };
    let commands = page_commands();
    let find = |begin: &str| commands.iter().find_map(|command| command.strip_prefix(begin)).expect("the command");
    let restart = find("kubectl rollout restart ");
    assert_eq!(find("kubectl rollout status "), restart);
    let documents = manifests["files"].as_object().expect("files").values().filter_map(Value::as_array).flatten();
    for deployment in documents.filter(|document| document["kind"] == "Deployment") {
        let name = deployment["metadata"]["name"].as_str().expect("a name");
        let is_restarted = restart.split_whitespace().any(|word| word == name);
        assert_eq!(is_restarted, !["genesys-reader", "genesys-csi-aws"].contains(&name), "{name}");
    }
}

/// Two rotations in a row may fail.
#[test]
fn the_cron_job_rotates_four_times_in_the_lifetime_of_a_token() {
    let Some(manifests) = manifests() else { return };
    let schedule = manifests["files"]["rotate-kv.yaml"][1]["spec"]["schedule"].as_str().expect("a schedule");
    let hours = schedule.split(' ').nth(1).and_then(|field| field.strip_prefix("*/")).expect("a step");
    assert!(24 / hours.parse::<u32>().expect("hours") >= 4, "a token of Genesys Cloud lives one day");
    let page = fs::read_to_string(repository("docs/kubernetes.md")).expect("the page");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains("at least four rotations per token lifetime") && page.contains("`*/15 * * * *`"));
}

/// The policies have no namespace, so that the page applies them to the readers' and to the rotator's.
#[test]
fn every_namespace_with_pods_gets_the_network_policies() {
    let Some(manifests) = manifests() else { return };
    let policies = manifests["files"]["network.yaml"].as_array().expect("documents");
    assert!(policies.iter().all(|policy| policy["metadata"]["namespace"].is_null()));
    let commands = page_commands();
    let documents = manifests["files"].as_object().expect("files").values().filter_map(Value::as_array).flatten();
    for document in
        documents.filter(|document| ["Deployment", "CronJob"].map(Some).contains(&document["kind"].as_str()))
    {
        let namespace = document["metadata"]["namespace"].as_str().expect("a namespace");
        for command in [
            format!("kubectl create namespace {namespace}"),
            format!("kubectl label namespace {namespace} pod-security.kubernetes.io/enforce=restricted"),
            format!("kubectl apply -n {namespace} -f infra/kubernetes/network.yaml"),
        ] {
            assert!(commands.contains(&command), "{command}");
        }
    }
}
