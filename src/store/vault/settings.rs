//! Address, namespace and login method from the environment.

use std::path::PathBuf;

use url::Url;

#[cfg(feature = "cli")]
use super::aws_login::{AwsLogin, DEFAULT_REGION};
use super::login::{LoginMethod, Source};
use crate::loopback::is_loopback;
use crate::rotation::{ErrorKind, Result, RotationError};
use crate::secret::SecretString;

/// The default of `vault` and `bao`.
const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";
/// The path of a pod's service account token in Kubernetes.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// The settings of the KV store.
pub(super) struct VaultSettings {
    pub(super) address: Url,
    /// PEM certificates that replace the system's CA certificates.
    pub(super) ca_file: Option<PathBuf>,
    pub(super) namespace: Option<String>,
    pub(super) login: LoginMethod,
}

impl VaultSettings {
    pub(super) fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let environment = Environment(&lookup);
        let namespace = environment.get("NAMESPACE").map(|(_, text)| text.trim_matches('/').to_owned());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        if namespace.as_ref().is_some_and(|namespace| !namespace.chars().all(|letter| letter.is_ascii_graphic())) {
            return Err(invalid("VAULT_NAMESPACE is not a valid namespace path").with_hint("example: team/project"));
        }
        Ok(Self {
            address: address(&environment)?,
            ca_file: environment.get("CACERT").map(|(_, path)| path.into()),
            namespace,
            login: login(&environment)?,
        })
    }

    /// Returns whether the connection uses no TLS and no proxy.
    pub(super) fn is_plain(&self) -> bool {
        self.address.scheme() == "http"
    }
}

/// OpenBao's variables take precedence over Vault's, as in `bao`.
struct Environment<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Environment<'_> {
    /// Returns the full name of the variable and its value.
    fn get(&self, name: &str) -> Option<(String, String)> {
        let names = [format!("BAO_{name}"), format!("VAULT_{name}")];
        names.into_iter().find_map(|name| {
            let value = (self.0)(&name).filter(|value| !value.trim().is_empty())?;
            Some((name, value))
        })
    }

    /// Returns a value, or the file that holds it.
    fn source(&self, name: &str) -> Option<Source> {
        let text = self.get(name).map(|(_, text)| Source::Text(SecretString::from(text)));
        text.or_else(|| self.get(&format!("{name}_FILE")).map(|(_, path)| Source::File(path.into())))
    }
}

fn address(environment: &Environment<'_>) -> Result<Url> {
    let (name, text) = environment.get("ADDR").unwrap_or_else(|| ("VAULT_ADDR".to_owned(), DEFAULT_ADDRESS.to_owned()));
    let refuse = |why: &str| {
        let hint = format!(
            "set {name} to an https address such as https://vault.example:8200, or to http on a loopback address"
        );
        Err(invalid(format!("{name} {why}")).with_hint(hint))
    };
    let Ok(url) = Url::parse(text.trim()) else { return refuse("is not a URL") };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return refuse("must not contain credentials, a query or a fragment");
    }
    match url.scheme() {
        "https" | "http" if url.path() != "/" => refuse("must not have a path"),
        "https" => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse("is plain http to another machine, which would expose the token"),
        _ => refuse("is neither https nor http"),
    }
}

/// Explicit settings take precedence over the token file of an earlier login.
fn login(environment: &Environment<'_>) -> Result<LoginMethod> {
    if let Some(token) = environment.source("TOKEN") {
        return Ok(LoginMethod::Token(token));
    }
    if let Some(role_id) = environment.source("ROLE_ID") {
        let mount = mount(environment, "approle")?;
        return Ok(LoginMethod::AppRole { mount, role_id, secret_id: environment.source("SECRET_ID") });
    }
    if let Some((name, role)) = environment.get("JWT_ROLE") {
        let Some(token) = environment.source("JWT") else {
            let hint = "set VAULT_JWT to the token that the CI system issued, or VAULT_JWT_FILE to its file";
            return Err(invalid(format!("{name} is set, and VAULT_JWT is not")).with_hint(hint));
        };
        return Ok(LoginMethod::Jwt { method: "JWT", mount: mount(environment, "jwt")?, role, token });
    }
    if let Some((_, role)) = environment.get("KUBERNETES_ROLE") {
        let token = environment.get("KUBERNETES_TOKEN_FILE").map_or(SERVICE_ACCOUNT_TOKEN.to_owned(), |(_, path)| path);
        let mount = mount(environment, "kubernetes")?;
        return Ok(LoginMethod::Jwt { method: "Kubernetes", mount, role, token: Source::File(token.into()) });
    }
    #[cfg(feature = "cli")]
    if let Some((_, role)) = environment.get("AWS_ROLE") {
        return aws(environment, role);
    }
    #[cfg(not(feature = "cli"))]
    if let Some((name, _)) = environment.get("AWS_ROLE") {
        let hint = "run `vault login -method=aws` first, or use an AppRole (VAULT_ROLE_ID, VAULT_SECRET_ID)";
        return Err(invalid(format!("{name} is set, but this program does not log in with AWS")).with_hint(hint));
    }
    let home = (environment.0)("HOME").filter(|home| !home.is_empty());
    Ok(home.map_or(LoginMethod::None, |home| LoginMethod::TokenFile(PathBuf::from(home).join(".vault-token"))))
}

/// Returns the login with an AWS identity. The region is part of a URL.
#[cfg(feature = "cli")]
fn aws(environment: &Environment<'_>, role: String) -> Result<LoginMethod> {
    let setting = |name: &str, hint: &str, is_valid: fn(char) -> bool| match environment.get(name) {
        Some((name, text)) if !text.trim().chars().all(is_valid) => {
            Err(invalid(format!("{name} has invalid characters")).with_hint(hint))
        }
        set => Ok(set.map(|(_, text)| text.trim().to_owned())),
    };
    let is_region = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let region = setting("AWS_REGION", "example: eu-west-1", is_region)?.unwrap_or_else(|| DEFAULT_REGION.to_owned());
    let hint = "set it to the server's iam_server_id_header_value, such as vault.example";
    let server_id = setting("AWS_HEADER_VALUE", hint, |letter| letter.is_ascii_graphic())?;
    Ok(LoginMethod::Aws(AwsLogin { mount: mount(environment, "aws")?, role, region, server_id }))
}

/// Returns the mount of the login method under `auth/`.
fn mount(environment: &Environment<'_>, usual: &str) -> Result<String> {
    let Some((name, text)) = environment.get("AUTH_MOUNT") else { return Ok(usual.to_owned()) };
    let text = text.trim().trim_matches('/');
    let mount = text.strip_prefix("auth/").unwrap_or(text);
    if mount.is_empty() || mount.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(invalid(format!("{name} is not a valid mount path")).with_hint(format!("example: {usual}")));
    }
    Ok(mount.to_owned())
}

fn invalid(message: impl Into<String>) -> RotationError {
    RotationError::new(ErrorKind::ConfigurationInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<VaultSettings> {
        VaultSettings::from_lookup(|name| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn refused(set: &[(&str, &str)]) -> String {
        let error = read(set).err().expect("an error");
        assert_eq!(error.kind(), ErrorKind::ConfigurationInvalid);
        format!("{error}; {}", error.hint())
    }

    #[test]
    fn openbao_variables_take_precedence() {
        let both = [("VAULT_ADDR", "https://vault.example"), ("BAO_ADDR", "https://bao.example:8200/")];
        assert_eq!(read(&both).expect("valid settings").address.as_str(), "https://bao.example:8200/");
        assert_eq!(read(&both[..1]).expect("valid settings").address.as_str(), "https://vault.example/");
        assert_eq!(read(&[]).expect("valid settings").address.as_str(), "https://127.0.0.1:8200/");
        let spaces = [("VAULT_NAMESPACE", "/team/a/"), ("BAO_NAMESPACE", "")];
        assert_eq!(read(&spaces).expect("valid settings").namespace.as_deref(), Some("team/a"));
    }

    #[test]
    fn only_https_and_loopback_are_accepted() {
        for address in ["http://127.0.0.1:8200", "http://[::1]:1", "http://localhost:8200", "https://vault.example"] {
            let settings = read(&[("VAULT_ADDR", address)]).expect("a valid address");
            assert_eq!(settings.is_plain(), address.starts_with("http:"), "{address}");
        }
        for address in [
            "http://vault.example:8200",
            "http://127.0.0.1.example",
            "vault.example",
            "unix:///run/vault.sock",
            "https://me:hush@vault.example",
            "https://me@vault.example",
            "https://:hush@vault.example",
            "https://vault.example?token=hush",
            "https://vault.example#hush",
            "https://vault.example/prefix",
        ] {
            let said = refused(&[("VAULT_ADDR", address)]);
            assert!(said.starts_with("VAULT_ADDR ") && !said.contains("hush"), "{said}");
        }
    }

    #[test]
    fn an_explicit_login_takes_precedence_over_the_token_file() {
        let all =
            [("BAO_TOKEN", "t"), ("VAULT_ROLE_ID_FILE", "/r"), ("VAULT_KUBERNETES_ROLE", "k"), ("HOME", "/home/me")];
        assert!(matches!(read(&all).expect("valid settings").login, LoginMethod::Token(_)));
        assert!(matches!(read(&all[1..]).expect("valid settings").login, LoginMethod::AppRole { secret_id: None, .. }));
        let LoginMethod::Jwt { method: "Kubernetes", mount, role, .. } = read(&all[2..]).expect("valid settings").login
        else {
            panic!("expected the Kubernetes login");
        };
        assert_eq!((mount.as_str(), role.as_str()), ("kubernetes", "k"));
        assert!(
            matches!(read(&all[3..]).expect("valid settings").login, LoginMethod::TokenFile(path) if path.ends_with(".vault-token"))
        );
        assert!(matches!(read(&[]).expect("valid settings").login, LoginMethod::None));
    }

    #[test]
    fn invalid_settings_are_rejected_with_the_name_of_the_variable() {
        #[cfg(feature = "cli")]
        for (name, value) in [("VAULT_AWS_REGION", "eu-west-1.evil.example/"), ("BAO_AWS_HEADER_VALUE", "a\nb")] {
            let said = refused(&[("VAULT_AWS_ROLE", "ci"), (name, value)]);
            assert!(said.starts_with(name) && !said.contains("evil"), "{said}");
        }
        assert!(refused(&[("BAO_JWT_ROLE", "ci")]).starts_with("BAO_JWT_ROLE is set, and VAULT_JWT is not"));
        for mount in ["auth/../x", "a/./b", "a//b", "/"] {
            let said = refused(&[("VAULT_ROLE_ID", "r"), ("VAULT_AUTH_MOUNT", mount)]);
            assert!(said.contains("VAULT_AUTH_MOUNT"), "{mount}: {said}");
        }
        assert!(refused(&[("VAULT_NAMESPACE", "a\nb")]).contains("VAULT_NAMESPACE"));
    }
}
