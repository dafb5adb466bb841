//! The engine's certificate authority: made once, kept; a given one can be used.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use crate::error::ProtocolError;
use crate::identity::{Credentials, Identity, write_private};
use crate::run_authority::random;
use crate::token::{JoinToken, fingerprint, hex};
use crate::transport::{SERVER_NAME, certificate_from_pem};

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca-key.pem";

/// How long the certificate of an instance's machine lives; it is made anew with each machine.
pub const MACHINE_LIFETIME: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long the CA lives, and the certificates of all that stand for years: engine, hypervisor agents, physical
/// machines. None of them shall drop out some night.
pub const STANDING_LIFETIME: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// How long the certificate of a server for browsers lives: some take none that lives longer than 825 days.
pub const SERVER_LIFETIME: Duration = Duration::from_secs(820 * 24 * 3600);
/// A certificate authority with its key.
pub struct Authority {
    certificate: String,
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
    /// No new certificate lives longer.
    longest: Duration,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn failed<E: std::fmt::Display>(what: &'static str) -> impl FnOnce(E) -> ProtocolError {
    move |error| ProtocolError::Identity { what, detail: error.to_string() }
}

impl Authority {
    /// The authority kept in `folder` (`ca.pem`, `ca-key.pem`); made there where there is none.
    ///
    /// # Errors
    /// Where the files can't be read or written, or only one of them is there.
    pub fn open_or_create(folder: &Path) -> Result<Self, ProtocolError> {
        let read = |file: &str| match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ProtocolError::File { path: folder.join(file), source }),
        };
        match (read(CERTIFICATE)?, read(KEY)?) {
            (Some(certificate), Some(key)) => Self::from_pem(certificate, &key),
            (None, None) => {
                let (certificate, key) = new_authority()?;
                std::fs::create_dir_all(folder)
                    .map_err(|source| ProtocolError::File { path: folder.to_owned(), source })?;
                write_private(&folder.join(KEY), &key)?;
                write_private(&folder.join(CERTIFICATE), &certificate)?;
                Self::from_pem(certificate, &key)
            }
            (certificate, _) => Err(ProtocolError::Identity {
                what: "certificate authority",
                detail: format!(
                    "{} lacks {}; put the file there, or remove the other to have a new authority made",
                    folder.display(),
                    if certificate.is_some() { KEY } else { CERTIFICATE },
                ),
            }),
        }
    }

    /// A new authority that is kept nowhere.
    ///
    /// # Errors
    /// Where the libraries refuse.
    pub fn new() -> Result<Self, ProtocolError> {
        let (certificate, key) = new_authority()?;
        Self::from_pem(certificate, &key)
    }

    /// A given authority.
    ///
    /// # Errors
    /// Where certificate and key can't be read or do not belong together.
    pub fn from_pem(certificate: String, key: &str) -> Result<Self, ProtocolError> {
        const WHAT: &str = "certificate authority";
        let key = KeyPair::from_pem(key).map_err(failed(WHAT))?;
        let der = certificate_from_pem(&certificate)?.to_vec();
        let of_certificate = public_key(&der).map_err(ProtocolError::identity(WHAT))?;
        if of_certificate != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(failed(WHAT)("the key does not belong to the certificate"));
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, key).map_err(failed(WHAT))?;
        Ok(Self { certificate, der, issuer, longest: STANDING_LIFETIME })
    }

    /// Lets no new certificate live longer than that.
    #[must_use]
    pub fn with_lifetime(mut self, longest: Duration) -> Self {
        self.longest = longest.min(STANDING_LIFETIME);
        self
    }

    /// How long a new certificate for this identity lives.
    pub fn lifetime(&self, identity: &Identity) -> Duration {
        let passing = matches!(identity, Identity::Slave(machine) if !machine.is_physical());
        self.longest.min(if passing { MACHINE_LIFETIME } else { STANDING_LIFETIME })
    }

    /// How long a new certificate of a server lives.
    pub fn server_lifetime(&self) -> Duration {
        self.longest.min(SERVER_LIFETIME)
    }

    /// SHA-256 of the CA certificate's DER.
    pub fn fingerprint(&self) -> [u8; 32] {
        fingerprint(&self.der)
    }

    /// The CA certificate as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A new one-time token that names this authority. Whoever accepts it must remember its digest.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn new_token(&self) -> Result<JoinToken, ProtocolError> {
        JoinToken::generate(self.fingerprint())
    }

    /// Key and certificate for an identity of this very process.
    ///
    /// # Errors
    /// Where the libraries refuse.
    pub fn issue(&self, identity: &Identity) -> Result<Credentials, ProtocolError> {
        let key = KeyPair::generate().map_err(failed("key"))?;
        let certificate = params_for(identity, self.lifetime(identity))?
            .signed_by(&key, &self.issuer)
            .map_err(failed("certificate"))?;
        Ok(Credentials {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            ca: self.certificate.clone(),
        })
    }

    /// Key and certificate of a server with these names (host names and addresses), for programs that trust this
    /// authority: browsers. Nobody is an agent or the engine by it.
    ///
    /// # Errors
    /// Where a name is none, or the libraries refuse.
    pub fn issue_server(&self, names: &[String]) -> Result<Credentials, ProtocolError> {
        const WHAT: &str = "server's certificate";
        let key = KeyPair::generate().map_err(failed("key"))?;
        let mut params = CertificateParams::new(names).map_err(failed(WHAT))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("xrdtest", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        // Not since 1970, as agents' certificates: browsers look at the length.
        params.not_before = OffsetDateTime::now_utc() - Duration::from_secs(24 * 3600);
        params.not_after = OffsetDateTime::now_utc() + self.server_lifetime();
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed(WHAT))?;
        Ok(Credentials {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            ca: self.certificate.clone(),
        })
    }

    /// A certificate for the key in `request` (PEM). Nothing else of the request is believed: name, usages and
    /// lifetime are set here.
    ///
    /// # Errors
    /// Where the request can't be read or its signature is wrong.
    pub fn sign(&self, request: &str, identity: &Identity) -> Result<String, ProtocolError> {
        const WHAT: &str = "certificate signing request";
        let mut request = CertificateSigningRequestParams::from_pem(request).map_err(failed(WHAT))?;
        request.params = params_for(identity, self.lifetime(identity))?;
        Ok(request.signed_by(&self.issuer).map_err(failed(WHAT))?.pem())
    }

    /// SHA-256 of the public key in `request` (PEM), in hexadecimal. The request's signature shows that whoever made
    /// it has the private key. So a token that was used already may be used again by the same applicant, whose answer
    /// was lost, and by nobody else.
    ///
    /// # Errors
    /// Where the request can't be read or its signature is wrong.
    pub fn request_key(request: &str) -> Result<String, ProtocolError> {
        let request = CertificateSigningRequestParams::from_pem(request)
            .map_err(failed("certificate signing request"))?;
        let key = rcgen::PublicKeyData::subject_public_key_info(&request.public_key);
        Ok(hex(&fingerprint(&key)))
    }
}

/// A new private key as PEM.
pub(crate) fn new_key() -> Result<String, ProtocolError> {
    Ok(KeyPair::generate().map_err(failed("key"))?.serialize_pem())
}

/// A request for a certificate of this private key, both as PEM. The names in it do not matter, see
/// [`Authority::sign`].
pub(crate) fn request_for(key: &str) -> Result<String, ProtocolError> {
    let key = KeyPair::from_pem(key).map_err(failed("key"))?;
    let params = CertificateParams::new(Vec::<String>::new()).map_err(failed("request"))?;
    params.serialize_request(&key).and_then(|request| request.pem()).map_err(failed("request"))
}

fn lifetime(params: &mut CertificateParams, length: Duration) {
    // The clock of a machine that has just been made may show any time, until it has met the engine and is set by its.
    params.not_before = OffsetDateTime::UNIX_EPOCH;
    params.not_after = OffsetDateTime::now_utc() + length;
}

fn params_for(identity: &Identity, length: Duration) -> Result<CertificateParams, ProtocolError> {
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(failed("certificate"))?;
    let uri = identity.to_string().as_str().try_into().map_err(failed("certificate name"))?;
    params.subject_alt_names = vec![SanType::URI(uri)];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, identity.to_string());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if *identity == Identity::Engine {
        let name = SERVER_NAME.try_into().map_err(failed("certificate name"))?;
        params.subject_alt_names.push(SanType::DnsName(name));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    }
    params.use_authority_key_identifier_extension = true;
    params.serial_number = Some(dated_serial(now_ms())?);
    lifetime(&mut params, length);
    Ok(params)
}

/// What serial numbers with a date begin with. Those of earlier versions are 20 bytes long.
const DATED: [u8; 2] = *b"XT";

/// A serial number that says when the certificate was issued, in milliseconds since 1970. Its `not_before` can't: it is
/// long ago for machines whose clocks are not set yet.
fn dated_serial(now_ms: u64) -> Result<SerialNumber, ProtocolError> {
    let mut serial = DATED.to_vec();
    serial.extend_from_slice(&now_ms.to_be_bytes()[2..]);
    serial.extend_from_slice(&random::<8>()?);
    Ok(SerialNumber::from_slice(&serial))
}

/// When a certificate was issued, in milliseconds since 1970; 0 for those of versions that did not say it.
pub(crate) fn issued_ms(certificate: &CertificateDer<'_>) -> u64 {
    use x509_parser::prelude::FromDer;
    let parsed = x509_parser::certificate::X509Certificate::from_der(certificate).ok();
    let serial = parsed.as_ref().map(|(_, parsed)| parsed.raw_serial()).unwrap_or_default();
    match serial.strip_prefix(&DATED) {
        Some([a, b, c, d, e, f, rest @ ..]) if rest.len() == 8 => {
            u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f])
        }
        _ => 0,
    }
}

/// The machine's clock, in milliseconds since 1970: certificates are dated by it.
pub fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn new_authority() -> Result<(String, String), ProtocolError> {
    const WHAT: &str = "certificate authority";
    let key = KeyPair::generate().map_err(failed(WHAT))?;
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(failed(WHAT))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "xrdtest engine CA");
    lifetime(&mut params, STANDING_LIFETIME);
    let certificate = params.self_signed(&key).map_err(failed(WHAT))?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// When a certificate (PEM) ends, since 1970.
pub(crate) fn ends(certificate: &str) -> Result<Duration, ProtocolError> {
    use x509_parser::prelude::FromDer;
    let der = certificate_from_pem(certificate)?;
    let (_, parsed) =
        x509_parser::certificate::X509Certificate::from_der(&der).map_err(failed("certificate"))?;
    Ok(Duration::from_secs(u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0)))
}

/// Whether a certificate is for the private key, both PEM.
pub(crate) fn belongs_to(certificate: &str, key: &str) -> Result<bool, ProtocolError> {
    let key = KeyPair::from_pem(key).map_err(failed("key"))?;
    let of_certificate =
        public_key(&certificate_from_pem(certificate)?).map_err(ProtocolError::identity("certificate"))?;
    Ok(of_certificate == rcgen::PublicKeyData::subject_public_key_info(&key))
}

/// The subject public key info of a certificate, as DER.
fn public_key(der: &[u8]) -> Result<Vec<u8>, String> {
    use x509_parser::prelude::FromDer;
    let (_, parsed) =
        x509_parser::certificate::X509Certificate::from_der(der).map_err(|error| error.to_string())?;
    Ok(parsed.public_key().raw.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_say_when_they_were_issued() {
        let authority = Authority::new().unwrap();
        let before = now_ms();
        let credentials = authority.issue(&Identity::Hypervisor("h1".into())).unwrap();
        let issued = issued_ms(&certificate_from_pem(&credentials.certificate).unwrap());
        assert!((before..=now_ms()).contains(&issued), "{issued}");
        // As of earlier versions, which left the serial number to the library.
        let old = certificate_from_pem(authority.certificate()).unwrap();
        assert_eq!(issued_ms(&old), 0);
        assert_eq!(issued_ms(&CertificateDer::from(b"nonsense".to_vec())), 0);
    }
}
