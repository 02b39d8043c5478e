//! Mutual TLS with pinned certificates.
//!
//! The host's certificate is self-signed, on the curve P-521, and marked as a certificate authority, which webpki rejects
//! as a peer's. Instead, the peer must present exactly the pinned certificate, and a handshake signature by its key.

use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName as RawName, Error, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The subject name in both certificates.
const NAME: &str = "localhost";
/// The ALPN protocol of both sides.
const PROTOCOL: &[u8] = b"h2";

/// TLS for both directions, with a certificate generated for this process.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
    /// This process's certificate, DER.
    pub(crate) certificate: Vec<u8>,
}

/// TLS cannot be configured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("the host's certificate is not valid PEM")]
    HostCertificate(#[source] pem::Error),
    #[error("cannot generate a certificate")]
    Generate(#[from] rcgen::Error),
    #[error("cannot configure TLS")]
    Configure(#[from] Error),
}

impl Tls {
    /// Generates a certificate, and pins the host's, given in PEM.
    pub(crate) fn new(host: &str) -> Result<Self, TlsError> {
        let host = CertificateDer::from_pem_slice(host.as_bytes()).map_err(TlsError::HostCertificate)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pin = Arc::new(Pin { host, algorithms: provider.signature_verification_algorithms });
        let identity = Identity::generate()?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(server_config(&provider, &pin, &identity)?)),
            connector: TlsConnector::from(Arc::new(client_config(&provider, &pin, &identity)?)),
            certificate: identity.certificate.to_vec(),
        })
    }
}

/// The name in the host's certificate.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("localhost is a valid name")
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Generates a self-signed P-256 certificate. It is discarded with the process, so rcgen's long validity is harmless.
    fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::new([NAME.to_owned()])?;
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, NAME);
        let certificate = parameters.self_signed(&key)?.der().clone();
        Ok(Self { certificate, key: PrivatePkcs8KeyDer::from(key.serialize_der()) })
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }
}

fn server_config(provider: &Arc<CryptoProvider>, pin: &Arc<Pin>, identity: &Identity) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = builder.with_client_cert_verifier(pin.clone());
    let mut config = builder.with_single_cert(vec![identity.certificate.clone()], identity.key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // No session resumption: each connection authenticates both peers.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn client_config(provider: &Arc<CryptoProvider>, pin: &Arc<Pin>, identity: &Identity) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(pin.clone());
    let mut config = builder.with_client_auth_cert(vec![identity.certificate.clone()], identity.key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Accepts exactly one certificate, and verifies handshake signatures by its key.
#[derive(Debug)]
struct Pin {
    host: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pin {
    fn check(&self, presented: &CertificateDer<'_>) -> Result<(), Error> {
        if presented.as_ref() == self.host.as_ref() {
            return Ok(());
        }
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end_entity).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

impl ClientCertVerifier for Pin {
    fn root_hint_subjects(&self) -> &[RawName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end_entity).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
