//! QUIC and TLS settings that both sides share.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{EndpointConfig, IdleTimeout, TransportConfig, VarInt};
use quinn_proto::HashedConnectionIdGenerator;
use ring::hmac;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::ProtocolError;
use crate::identity::Credentials;
use crate::token::fingerprint;

/// The name in the engine's certificate. Agents reach the engine under many addresses, never by that name.
pub(crate) const SERVER_NAME: &str = "engine.xrdtest";
const ALPN: &[u8] = b"xrdtest";

/// Without a packet for this long a connection is given up; what late and lost mean is decided elsewhere.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// Agents send at least that often. The engine need not: it answers each such packet, which shows both sides that the
/// other one is there, and an engine that was started anew answers it with a reset, so that its agents come back at
/// once.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_millis(500);
/// Between two resets. Each is smaller than the packet that it answers and only goes to packets whose connection id
/// this listener's key has made, so there is no need to spare them: hundreds of agents shall come back at once.
const RESET_INTERVAL: Duration = Duration::from_micros(100);
/// Streams that a peer may have open at once: one per file on its way, and the control stream.
const MAX_STREAMS: u32 = 64;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> ProtocolError {
    move |error| ProtocolError::Identity { what, detail: error.to_string() }
}

pub(crate) fn certificate_from_pem(pem: &str) -> Result<CertificateDer<'static>, ProtocolError> {
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(failed("certificate"))
}

fn key_from_pem(pem: &str) -> Result<PrivateKeyDer<'static>, ProtocolError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(failed("key"))
}

fn roots(ca: &str) -> Result<Arc<RootCertStore>, ProtocolError> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate_from_pem(ca)?).map_err(failed("CA certificate"))?;
    Ok(Arc::new(roots))
}

/// 32 bytes for one purpose out of a secret.
pub(crate) fn derive(secret: &[u8], purpose: &str) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let mut derived = [0; 32];
    derived.copy_from_slice(hmac::sign(&key, purpose.as_bytes()).as_ref());
    derived
}

/// The engine's endpoint. From the same secret it makes the same keys: those of its connection ids, by which it knows
/// that a packet belongs to a connection of an earlier process, and those of the resets that it answers with.
pub(crate) fn endpoint_config(secret: Option<&[u8; 32]>) -> EndpointConfig {
    let mut config = EndpointConfig::default();
    config.min_reset_interval(RESET_INTERVAL);
    if let Some(secret) = secret {
        let reset_key = derive(secret, "xrdtest stateless reset");
        config.reset_key(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &reset_key)));
        let id_key = derive(secret, "xrdtest connection ids");
        let id_key = id_key.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(id_key)));
    }
    config
}

fn transport(keep_alive: Option<Duration>) -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config.max_idle_timeout(IdleTimeout::try_from(IDLE_TIMEOUT).ok());
    config.keep_alive_interval(keep_alive);
    config.max_concurrent_bidi_streams(VarInt::from_u32(MAX_STREAMS));
    config.max_concurrent_uni_streams(VarInt::from_u32(0));
    Arc::new(config)
}

/// The engine's side: a client certificate of our CA, or none at all (such a connection may only join).
pub(crate) fn server_config(credentials: &Credentials) -> Result<quinn::ServerConfig, ProtocolError> {
    const WHAT: &str = "TLS configuration";
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(&credentials.ca)?, provider())
        .allow_unauthenticated()
        .build()
        .map_err(failed(WHAT))?;
    // The CA's certificate is sent along: a joining agent knows only its fingerprint.
    let chain = vec![certificate_from_pem(&credentials.certificate)?, certificate_from_pem(&credentials.ca)?];
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed(WHAT))?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key_from_pem(&credentials.key)?)
        .map_err(failed(WHAT))?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicServerConfig::try_from(tls).map_err(failed(WHAT))?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    config.transport_config(transport(None));
    Ok(config)
}

fn client_config(tls: rustls::ClientConfig) -> Result<quinn::ClientConfig, ProtocolError> {
    let mut tls = tls;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let crypto = QuicClientConfig::try_from(tls).map_err(failed("TLS configuration"))?;
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport(Some(KEEP_ALIVE)));
    Ok(config)
}

/// An agent's side, with its certificate.
pub(crate) fn agent_config(credentials: &Credentials) -> Result<quinn::ClientConfig, ProtocolError> {
    const WHAT: &str = "TLS configuration";
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed(WHAT))?
        .with_root_certificates(roots(&credentials.ca)?)
        .with_client_auth_cert(
            vec![certificate_from_pem(&credentials.certificate)?],
            key_from_pem(&credentials.key)?,
        )
        .map_err(failed(WHAT))?;
    client_config(tls)
}

/// The side of an agent that has nothing but a token: it believes the CA with this fingerprint.
pub(crate) fn joining_config(ca_fingerprint: [u8; 32]) -> Result<quinn::ClientConfig, ProtocolError> {
    let tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(failed("TLS configuration"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(PinnedAuthority { ca_fingerprint, provider: provider() }))
        .with_no_client_auth();
    client_config(tls)
}

/// Accepts an engine whose certificate was signed by the CA with the given fingerprint, sent along in the chain.
#[derive(Debug)]
struct PinnedAuthority {
    ca_fingerprint: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedAuthority {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let refused =
            || rustls::Error::General("the engine's CA is not the one that the join token names".to_owned());
        let ca =
            intermediates.iter().find(|der| fingerprint(der) == self.ca_fingerprint).ok_or_else(refused)?;
        let mut roots = RootCertStore::empty();
        roots.add(ca.clone().into_owned())?;
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), self.provider.clone())
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(end_entity, &[], server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("QUIC uses TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
