//! Mutual TLS in which either end takes one certificate and no other.
//!
//! The host's is self-signed, on the curve P-521, and marked as an authority's, which no ordinary
//! verification takes for a peer's. What is demanded instead is that very certificate, and the proof
//! that the peer holds its key.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName as RawName, Error, ServerConfig,
    SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// The name in the certificates of both sides.
const NAME: &str = "localhost";
/// What both sides speak over TLS.
const PROTOCOL: &[u8] = b"h2";

/// This process's end: a certificate made for it alone, and the one peer that it talks to.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
    /// Our certificate, DER.
    pub(crate) certificate: Vec<u8>,
}

/// The certificates cannot be used.
#[derive(Debug)]
pub(crate) struct TlsError(String);

impl Tls {
    /// A new certificate, and the host's in PEM.
    pub(crate) fn new(host: &str) -> Result<Self, TlsError> {
        let host = CertificateDer::from_pem_slice(host.as_bytes())
            .map_err(|error| TlsError(format!("the host's certificate cannot be read: {error}")))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let pin = Arc::new(Pin { host, algorithms: provider.signature_verification_algorithms });
        let identity =
            Identity::generate().map_err(|error| TlsError(format!("no certificate could be made: {error}")))?;
        let failed = |error: Error| TlsError(format!("TLS cannot be set up: {error}"));
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(accepting(&provider, &pin, &identity).map_err(failed)?)),
            connector: TlsConnector::from(Arc::new(dialling(&provider, &pin, &identity).map_err(failed)?)),
            certificate: identity.certificate.to_vec(),
        })
    }
}

/// The name that the host's certificate bears as well.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("localhost is a valid name")
}

struct Identity {
    certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Identity {
    /// Self-signed, on the curve P-256. It lives as long as the process, so rcgen's long validity does no harm.
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

fn accepting(provider: &Arc<CryptoProvider>, pin: &Arc<Pin>, identity: &Identity) -> Result<ServerConfig, Error> {
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = builder.with_client_cert_verifier(pin.clone());
    let mut config = builder.with_single_cert(vec![identity.certificate.clone()], identity.key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // Each connection proves itself anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn dialling(provider: &Arc<CryptoProvider>, pin: &Arc<Pin>, identity: &Identity) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(pin.clone());
    let mut config = builder.with_client_auth_cert(vec![identity.certificate.clone()], identity.key())?;
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Takes one certificate, whatever it says, and has its key proved.
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

impl fmt::Display for TlsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StdError for TlsError {}
