//! What the host says through the environment.

use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;

/// Sets secrets engines and auth methods apart from other plugins, and from a person at a terminal.
const COOKIE_NAME: &str = "VAULT_BACKEND_PLUGIN";
const COOKIE: &str = "6669da05-b1c8-4f49-97d9-c8e5bed98e20";

/// The version of the plugin protocol that is spoken here.
pub(crate) const PROTOCOL_VERSION: &str = "5";

/// What the host says through the environment (go-plugin; `serveconfig` and `pluginutil` of Vault and OpenBao).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostEnvironment {
    /// The host's certificate in PEM: nobody else is talked to.
    pub(crate) certificate: String,
    /// Where the socket goes.
    pub(crate) socket_directory: Option<PathBuf>,
    /// The group, by name or number, that may use the socket as well.
    pub(crate) socket_group: Option<String>,
    /// Whether all goes over one connection; `None` where the host knows no such thing.
    pub(crate) multiplexing: Option<bool>,
}

impl HostEnvironment {
    /// Reads the environment through a lookup.
    ///
    /// # Errors
    ///
    /// No host that this can serve has started the process.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Refusal> {
        let lookup = |name: &str| lookup(name).filter(|value| !value.is_empty());
        if lookup(COOKIE_NAME).as_deref() != Some(COOKIE) {
            return Err(Refusal::NoHost);
        }
        let offered = lookup("PLUGIN_PROTOCOL_VERSIONS").unwrap_or_default();
        if !offered.split(',').any(|version| version.trim() == PROTOCOL_VERSION) {
            return Err(Refusal::ProtocolVersion { offered });
        }
        Ok(Self {
            certificate: lookup("PLUGIN_CLIENT_CERT").ok_or(Refusal::NoMutualTls)?,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It was not started by Vault or OpenBao, or not as a secrets engine.
    NoHost,
    /// The host speaks other versions of the plugin protocol.
    ProtocolVersion {
        /// The versions that the host speaks, with commas between them.
        offered: String,
    },
    /// The host wants to talk in clear.
    NoMutualTls,
}

impl Refusal {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoHost => {
                "register it in the plugin catalog (bao plugin register, or vault plugin register) as a secret plugin, and let the server start it"
            }
            Self::ProtocolVersion { .. } => "use Vault 1.12 or newer, or any OpenBao",
            Self::NoMutualTls => {
                "use a host that starts plugins with AutoMTLS, as Vault and OpenBao do with plugins of protocol version 5"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHost => {
                formatter.write_str("this is a secrets engine: Vault or OpenBao starts it, and it does nothing by hand")
            }
            Self::ProtocolVersion { offered } => {
                write!(
                    formatter,
                    "the host speaks version {offered:?} of the plugin protocol, and only 5 is spoken here"
                )
            }
            Self::NoMutualTls => {
                formatter.write_str("the host gave no certificate of its own, and only mutual TLS is spoken here")
            }
        }
    }
}

impl StdError for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<HostEnvironment, Refusal> {
        let whole = [(COOKIE_NAME, COOKIE), ("PLUGIN_PROTOCOL_VERSIONS", "4,5"), ("PLUGIN_CLIENT_CERT", "PEM")];
        HostEnvironment::from_lookup(|name| {
            let found = pairs.iter().chain(&whole).find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_host_is_known_by_its_cookie() {
        assert!(read(&[]).is_ok());
        for cookie in ["", "7669da05", "d44f9b56"] {
            assert_eq!(read(&[(COOKIE_NAME, cookie)]), Err(Refusal::NoHost), "{cookie}");
        }
    }

    #[test]
    fn only_version_five_is_served() {
        for offered in ["5", "3,4,5", "5,6", " 5 "] {
            assert!(read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]).is_ok(), "{offered}");
        }
        for offered in ["", "3,4", "55", "1.5", "five"] {
            let refusal = Refusal::ProtocolVersion { offered: offered.to_owned() };
            assert_eq!(read(&[("PLUGIN_PROTOCOL_VERSIONS", offered)]), Err(refusal), "{offered}");
        }
    }

    #[test]
    fn a_host_without_a_certificate_is_refused() {
        assert_eq!(read(&[("PLUGIN_CLIENT_CERT", "")]), Err(Refusal::NoMutualTls));
    }

    #[test]
    fn multiplexing_is_read_as_go_reads_it() {
        let multiplexing = |value| read(&[("PLUGIN_MULTIPLEX_GRPC", value)]).map(|host| host.multiplexing);
        assert_eq!(multiplexing(""), Ok(None));
        assert_eq!(multiplexing("true"), Ok(Some(true)));
        assert_eq!(multiplexing("1"), Ok(Some(true)));
        assert_eq!(multiplexing("false"), Ok(Some(false)));
        assert_eq!(multiplexing("yes"), Ok(Some(false)));
    }
}
