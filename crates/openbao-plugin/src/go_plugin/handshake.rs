//! The host's environment variables, and why a process does not serve.

use std::path::PathBuf;

/// The cookie of secrets engines and auth methods. Without it a person, or a probe for another kind of plugin, started
/// the process.
pub(crate) const COOKIE_NAME: &str = "VAULT_BACKEND_PLUGIN";
pub(crate) const COOKIE: &str = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";

/// The supported version of the plugin protocol.
pub(crate) const PROTOCOL_VERSION: &str = "5";

/// The settings in the host's environment variables (go-plugin; `serveconfig` and `pluginutil` of Vault and OpenBao).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEnvironment {
    /// The host's certificate in PEM, the only one that is accepted.
    pub(crate) certificate: String,
    /// The directory of the socket.
    pub(crate) socket_directory: Option<PathBuf>,
    /// The group, by name or number, that may use the socket beside its owner.
    pub(crate) socket_group: Option<String>,
    /// Whether to multiplex over one connection; `None` if the host does not support it.
    pub(crate) multiplexing: Option<bool>,
}

impl HostEnvironment {
    /// Reads the environment through a lookup.
    ///
    /// # Errors
    ///
    /// No host started the process, or one that this crate does not support.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, HandshakeError> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        if lookup(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(HandshakeError::NoHost);
        }
        let offered = lookup("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        if !offered.split(',').any(|version| version.trim() == PROTOCOL_VERSION) {
            return Err(HandshakeError::ProtocolVersion { offered });
        }
        Ok(Self {
            certificate: lookup("PLUGIN_CLIENT_CERT").ok_or(HandshakeError::NoMutualTls)?,
            socket_directory: lookup("PLUGIN_UNIX_SOCKET_DIR").map(PathBuf::from),
            socket_group: lookup("PLUGIN_UNIX_SOCKET_GROUP"),
            multiplexing: lookup("PLUGIN_MULTIPLEX_GRPC").map(|value| is_true(&value)),
        })
    }
}

/// Go's `strconv.ParseBool`.
fn is_true(value: &str) -> bool {
    matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// Why a process does not serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// Vault or OpenBao did not start the process, or not as a secrets engine.
    #[error("this is a secrets engine plugin: Vault or OpenBao must start it")]
    NoHost,
    /// The host does not support version 5 of the plugin protocol.
    #[error("the host supports plugin protocol {offered:?}, but this plugin supports only 5")]
    ProtocolVersion {
        /// The versions that the host supports, separated by commas.
        offered: String,
    },
    /// The host did not provide its certificate.
    #[error("the host provided no certificate, but this plugin requires mutual TLS")]
    NoMutualTls,
}

impl HandshakeError {
    /// Returns what to change.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoHost => {
                "register it in the plugin catalog as a secret plugin (bao plugin register, or vault plugin register), and let the server start it"
            }
            Self::ProtocolVersion { .. } => "use Vault 1.12 or newer, or any OpenBao",
            Self::NoMutualTls => "use a host with AutoMTLS, which Vault and OpenBao use for plugin protocol 5",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<HostEnvironment, HandshakeError> {
        let whole = [(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "4,5"), ("PLUGIN_CLIENT_CERT", "PEM")];
        HostEnvironment::from_lookup(|name| {
            let found = pairs.iter().chain(&whole).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn from_lookup_requires_the_cookie() {
        assert!(read(&[]).is_ok());
        for cookie in ["", "7669da05", "d44f9b56"] {
            assert_eq!(read(&[(COOKIE_NAME, cookie)]), Err(HandshakeError::NoHost), "{cookie}");
        }
    }

    #[test]
    fn from_lookup_requires_protocol_version_5() {
        for offered in ["5", "3,4,5", "5,6", " 5 "] {
            assert!(read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]).is_ok(), "{offered}");
        }
        for offered in ["", "3,4", "55", "1.5", "five"] {
            let error = HandshakeError::ProtocolVersion { offered: offered.to_owned() };
            assert_eq!(read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]), Err(error), "{offered}");
        }
    }

    #[test]
    fn from_lookup_requires_a_certificate() {
        assert_eq!(read(&[("PLUGIN_CLIENT_CERT", "")]), Err(HandshakeError::NoMutualTls));
    }

    #[test]
    fn multiplexing_is_parsed_like_strconv_parse_bool() {
        let multiplexing = |value| read(&[("PLUGIN_MULTIPLEX_GRPC", value)]).map(|host| host.multiplexing);
        assert_eq!(multiplexing(""), Ok(None));
        assert_eq!(multiplexing("true"), Ok(Some(true)));
        assert_eq!(multiplexing("1"), Ok(Some(true)));
        assert_eq!(multiplexing("false"), Ok(Some(false)));
        assert_eq!(multiplexing("yes"), Ok(Some(false)));
    }
}

#[cfg(test)]
mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::go_plugin::tls::Tls;
    use crate::testing::HostIdentity;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop_oneof![
            Just(None),
            any::<String>().prop_map(Some),
            "[0-9, ]{0,12}".prop_map(Some),
            prop::sample::select(vec![COOKIE, "5", "4,5", "true", "T"]).prop_map(|text| Some(text.to_owned())),
        ]
    }

    proptest! {
        #[test]
        fn only_a_host_of_protocol_5_with_a_certificate_is_served(
            cookie in text(), versions in text(), certificate in text(), directory in text(), multiplexing in text(),
        ) {
            let offered = versions.clone().unwrap_or_default();
            let host = HostEnvironment::from_lookup(|name| match name {
                COOKIE_NAME => cookie.clone(),
                "PLUGIN_PROTOCOL_VERSIONS" => versions.clone(),
                "PLUGIN_CLIENT_CERT" => certificate.clone(),
                "PLUGIN_UNIX_SOCKET_DIR" => directory.clone(),
                "PLUGIN_MULTIPLEX_GRPC" => multiplexing.clone(),
                _ => None,
            });
            let is_5 = offered.split(',').any(|version| version.trim() == "5");
            let has_certificate = certificate.is_some_and(|text| !text.is_empty());
            prop_assert_eq!(host.is_ok(), cookie.as_deref() == Some(COOKIE) && is_5 && has_certificate);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: (ProptestConfig::default().cases / 4).max(1), ..ProptestConfig::default() })]

        #[test]
        fn no_certificate_panics(
            any in any::<String>(), start in any::<prop::sample::Index>(), length in 0..200_usize, other in any::<String>(),
        ) {
            let valid = HostIdentity::new().pem();
            let start = start.index(valid.len());
            let end = (start + length).min(valid.len());
            let damaged = format!("{}{other}{}", &valid[..start], &valid[end..]);
            for pem in [any, damaged] {
                if let Err(error) = Tls::new(&pem) {
                    prop_assert_eq!(error.to_string(), "the host's certificate is not valid PEM");
                }
            }
            prop_assert!(Tls::new(&valid).is_ok());
        }
    }
}
