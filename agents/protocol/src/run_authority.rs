//! The certificate authority of one run: for what its scripts test, and for nothing of xrdtest itself.
//!
//! Its key is another one than that of the engine's own [`Authority`](crate::authority::Authority), so whatever a
//! machine gets signed here, no engine and no agent accepts it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer};
use time::OffsetDateTime;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::FromDer;

use crate::error::ProtocolError;
use crate::identity::write_private;

/// Bytes of a certificate signing request, at most. One with a key of 16,384 bits has 6 KiB.
pub const MAX_REQUEST: usize = 16 << 10;
/// The clock of a machine may be behind by so much.
const CLOCKS_DIFFER: Duration = Duration::from_secs(3600);
/// What the standard allows a common name to have.
const COMMON_NAME: usize = 64;
const WHAT: &str = "certificate authority of a run";

/// The names that a machine may have in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineNames {
    /// Host names, the machine's own full name first.
    pub hosts: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

/// Why a request is not signed. What it says is for the author of a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It can't be read, or its signature is wrong.
    #[error("{0}")]
    Malformed(String),
    /// It asks for what is not the machine's.
    #[error("{0}")]
    NotYours(String),
    /// The libraries refuse.
    #[error("the certificate could not be made: {0}")]
    Failed(String),
}

/// A certificate authority with its key, for one run.
pub struct RunAuthority {
    certificate: String,
    ends: OffsetDateTime,
    issuer: Issuer<'static, KeyPair>,
}

impl std::fmt::Debug for RunAuthority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunAuthority").finish_non_exhaustive()
    }
}

fn failed<E: std::fmt::Display>(error: E) -> ProtocolError {
    ProtocolError::Identity { what: WHAT, detail: error.to_string() }
}

impl RunAuthority {
    /// The authority kept in `file`, key and certificate, readable for the owner only; made there for `run` where there
    /// is none. A new one, and so all that it signs, ends after `lifetime`.
    ///
    /// # Errors
    /// Where the file can't be read or written, or holds something else.
    pub fn open_or_create(file: &Path, run: &str, lifetime: Duration) -> Result<Self, ProtocolError> {
        match fs::read_to_string(file) {
            Ok(text) => Self::from_pem(&text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = new_authority(run, lifetime)?;
                write_private(file, &text)?;
                Self::from_pem(&text)
            }
            Err(source) => Err(ProtocolError::File { path: file.to_owned(), source }),
        }
    }

    fn from_pem(text: &str) -> Result<Self, ProtocolError> {
        let key = KeyPair::from_pem(text).map_err(failed)?;
        let der = CertificateDer::from_pem_slice(text.as_bytes()).map_err(failed)?;
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&der).map_err(failed)?;
        let ends = parsed.validity().not_after.to_datetime();
        let issuer = Issuer::from_ca_cert_der(&der, key).map_err(failed)?;
        let begin = text.find("-----BEGIN CERTIFICATE-----").unwrap_or_default();
        Ok(Self { certificate: text[begin..].to_owned(), ends, issuer })
    }

    /// The CA certificate as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A certificate for the key in `request` (PEM), with the names in it, which must be the machine's own. Without
    /// names it is for the machine's full name. Usages and lifetime are set here: it may be a server's and a
    /// client's, and ends with the authority.
    ///
    /// # Errors
    /// [`RequestError`]
    pub fn sign(&self, request: &str, names: &MachineNames) -> Result<String, RequestError> {
        let unreadable =
            |why: String| RequestError::Malformed(format!("this is no certificate signing request: {why}"));
        let der = CertificateSigningRequestDer::from_pem_slice(request.as_bytes())
            .map_err(|error| unreadable(error.to_string()))?;
        let (rest, parsed) =
            X509CertificationRequest::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(unreadable("there is more behind its end".to_owned()));
        }
        let common = common_name(&parsed, names)?;
        let alternatives = alternative_names(&parsed, names, &common)?;
        let mut request = CertificateSigningRequestParams::from_der(&der).map_err(refused)?;
        request.params = self.params(&common, alternatives)?;
        let certificate = request.signed_by(&self.issuer);
        Ok(certificate.map_err(|error| RequestError::Failed(error.to_string()))?.pem())
    }

    fn params(&self, common: &str, names: Vec<SanType>) -> Result<CertificateParams, RequestError> {
        let failed = |error: String| RequestError::Failed(error);
        let mut params =
            CertificateParams::new(Vec::<String>::new()).map_err(|error| failed(error.to_string()))?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common);
        params.subject_alt_names = names;
        params.serial_number = Some(serial_number().map_err(|error| failed(error.to_string()))?);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        params.not_before = OffsetDateTime::now_utc() - CLOCKS_DIFFER;
        params.not_after = self.ends;
        Ok(params)
    }
}

/// What rcgen says of requests that it does not sign, for authors.
fn refused(error: rcgen::Error) -> RequestError {
    RequestError::Malformed(match error {
        rcgen::Error::InvalidCertificationRequestSignature => {
            "the request's signature is wrong, or of a kind that is not known here; make it with `openssl req -new \
             -newkey rsa:2048` or an EC key, and -sha256"
                .to_owned()
        }
        rcgen::Error::UnsupportedExtension => {
            "the request has extensions that can't be had; leave all out but subjectAltName".to_owned()
        }
        rcgen::Error::UnsupportedSignatureAlgorithm => {
            "the request is signed in a way that is not known here; use an RSA or EC key, and -sha256".to_owned()
        }
        error => format!("the request can't be used: {error}"),
    })
}

/// The own name that the subject names, else the machine's full name.
fn common_name(request: &X509CertificationRequest<'_>, names: &MachineNames) -> Result<String, RequestError> {
    let mut common = None;
    for attribute in request.certification_request_info.subject.iter_attributes() {
        let value = attribute.as_str().unwrap_or_default();
        if *attribute.attr_type() != x509_parser::oid_registry::OID_X509_COMMON_NAME {
            return Err(RequestError::NotYours(format!(
                "the subject has more than a CN: `{value}` ({}); make the request with -subj /CN={}",
                attribute.attr_type(),
                names.full()
            )));
        }
        if common.replace(names.own(value, "CN")?).is_some() {
            return Err(RequestError::NotYours("the subject has two CNs; one is enough".to_owned()));
        }
    }
    Ok(common.unwrap_or_else(|| names.full().to_owned()))
}

/// The requested alternative names with the common one, each once.
fn alternative_names(
    request: &X509CertificationRequest<'_>,
    names: &MachineNames,
    common: &str,
) -> Result<Vec<SanType>, RequestError> {
    let mut found = vec![dns_name(common)?];
    let requested =
        request.requested_extensions().into_iter().flatten().filter_map(|extension| match extension {
            ParsedExtension::SubjectAlternativeName(names) => Some(&names.general_names),
            _ => None,
        });
    for name in requested.flatten() {
        let name = match name {
            GeneralName::DNSName(name) => dns_name(&names.own(name, "subjectAltName")?)?,
            GeneralName::IPAddress(bytes) => SanType::IpAddress(names.own_address(bytes)?),
            other => {
                return Err(RequestError::NotYours(format!(
                    "subjectAltName has {other}; only names and addresses (DNS:, IP:) can be had"
                )));
            }
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    Ok(found)
}

fn dns_name(name: &str) -> Result<SanType, RequestError> {
    name.try_into()
        .map(SanType::DnsName)
        .map_err(|error: rcgen::Error| RequestError::Failed(error.to_string()))
}

impl MachineNames {
    fn full(&self) -> &str {
        self.hosts.first().map_or("", String::as_str)
    }

    /// A name as this machine spells it.
    fn own(&self, name: &str, place: &str) -> Result<String, RequestError> {
        let own = self.hosts.iter().find(|own| own.eq_ignore_ascii_case(name));
        own.cloned().ok_or_else(|| self.refusal(&format!("`{name}`"), place))
    }

    fn own_address(&self, bytes: &[u8]) -> Result<IpAddr, RequestError> {
        let address = match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
            16 => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            _ => None,
        };
        let Some(address) = address else {
            return Err(RequestError::Malformed("subjectAltName has an address that is none".to_owned()));
        };
        if self.addresses.contains(&address) {
            return Ok(address);
        }
        Err(self.refusal(&format!("the address {address}"), "subjectAltName"))
    }

    fn refusal(&self, asked: &str, place: &str) -> RequestError {
        let addresses = self.addresses.iter().map(ToString::to_string);
        let own: Vec<_> = self.hosts.iter().cloned().chain(addresses).collect();
        RequestError::NotYours(format!(
            "{asked} in {place} is not this machine's; {} may ask for {}",
            self.full(),
            own.join(", ")
        ))
    }
}

fn serial_number() -> Result<SerialNumber, ProtocolError> {
    let mut bytes = random::<16>()?;
    // Positive, and never shorter than it looks.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Random bytes of the system.
///
/// # Errors
/// Where it has none.
pub fn random<const N: usize>() -> Result<[u8; N], ProtocolError> {
    let mut bytes = [0; N];
    let provider = rustls::crypto::ring::default_provider();
    provider.secure_random.fill(&mut bytes).map_err(|_| failed("no random numbers"))?;
    Ok(bytes)
}

/// Key and certificate as one text, so that there are never half of them.
fn new_authority(run: &str, lifetime: Duration) -> Result<String, ProtocolError> {
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(Vec::<String>::new()).map_err(failed)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(serial_number()?);
    let name: String = run.chars().take(COMMON_NAME).collect();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "xrdtest CA of a run");
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = OffsetDateTime::now_utc() - CLOCKS_DIFFER;
    params.not_after = OffsetDateTime::now_utc() + lifetime;
    let certificate = params.self_signed(&key).map_err(failed)?;
    Ok(key.serialize_pem() + &certificate.pem())
}
