//! Who is who: the name in a certificate, and the files that hold it.

use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use xrdtest_model::{HypervisorName, MachineId};

use crate::authority;
use crate::error::ProtocolError;
use crate::token::{fingerprint, hex};
use crate::transport::certificate_from_pem;

const SCHEME: &str = "xrdtest:";

/// Whom a certificate of the engine's CA speaks for. It stands there as a URI subject alternative name:
/// `xrdtest:engine`, `xrdtest:hypervisor/NAME`, `xrdtest:slave/INSTANCE/HOST`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Identity {
    /// The engine.
    Engine,
    /// A hypervisor agent.
    Hypervisor(HypervisorName),
    /// The slave agent of one machine.
    Slave(MachineId),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine => write!(f, "{SCHEME}engine"),
            Self::Hypervisor(name) => write!(f, "{SCHEME}hypervisor/{name}"),
            Self::Slave(machine) => write!(f, "{SCHEME}slave/{machine}"),
        }
    }
}

impl FromStr for Identity {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix(SCHEME);
        let identity = match rest.map(|rest| rest.split_once('/').unwrap_or((rest, ""))) {
            Some(("engine", "")) => Some(Self::Engine),
            Some(("hypervisor", name)) if !name.is_empty() => {
                Some(Self::Hypervisor(HypervisorName::new(name)))
            }
            Some(("slave", machine)) => machine.parse().ok().map(Self::Slave),
            _ => None,
        };
        identity.ok_or_else(|| ProtocolError::Identity {
            what: "certificate",
            detail: format!("`{text}` names nobody that xrdtest knows"),
        })
    }
}

/// The identity that a certificate names.
///
/// # Errors
/// Where the certificate can't be read or names nobody.
pub fn identity_of(certificate: &CertificateDer<'_>) -> Result<Identity, ProtocolError> {
    let refused = ProtocolError::identity("certificate");
    let (_, parsed) = match x509_parser::certificate::X509Certificate::from_der(certificate) {
        Ok(parsed) => parsed,
        Err(error) => return Err(refused(error.to_string())),
    };
    let names = parsed.subject_alternative_name().ok().flatten();
    let uri = names.iter().flat_map(|names| &names.value.general_names).find_map(|name| match name {
        GeneralName::URI(uri) if uri.starts_with(SCHEME) => Some(*uri),
        _ => None,
    });
    uri.ok_or_else(|| refused("it has no `xrdtest:` name".to_owned()))?.parse()
}

/// When a certificate (PEM) ends, in seconds since 1970.
///
/// # Errors
/// Where it can't be read.
pub fn ends(certificate: &str) -> Result<i64, ProtocolError> {
    let der = certificate_from_pem(certificate)?;
    let parsed = x509_parser::certificate::X509Certificate::from_der(&der);
    let (_, parsed) = parsed.map_err(|error| ProtocolError::identity("certificate")(error.to_string()))?;
    Ok(parsed.validity().not_after.timestamp())
}

/// What an agent or the engine proves itself with. All three are PEM texts.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The certificate, for the identity.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The CA's certificate: peers must have one of its certificates.
    pub ca: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("identity", &self.identity().ok()).finish_non_exhaustive()
    }
}

const FILES: [&str; 3] = [Credentials::CERTIFICATE, "key.pem", "ca.pem"];
/// Where an agent that has not joined yet keeps its key.
const JOINING_KEY: &str = "joining-key.pem";

impl Credentials {
    /// The file of the certificate.
    pub(crate) const CERTIFICATE: &'static str = "certificate.pem";

    /// Which engine they are for: the beginning of its CA's fingerprint, 16 hexadecimal digits.
    ///
    /// # Errors
    /// Where the CA's certificate can't be read.
    pub fn engine_id(&self) -> Result<String, ProtocolError> {
        let mut id = hex(&fingerprint(&certificate_from_pem(&self.ca)?));
        id.truncate(16);
        Ok(id)
    }

    /// Reads what [`Credentials::save`] wrote; `None` where there is nothing yet.
    ///
    /// # Errors
    /// Where a file can't be read.
    pub fn load(folder: &Path) -> Result<Option<Self>, ProtocolError> {
        let mut texts = [const { String::new() }; 3];
        for (file, text) in FILES.iter().zip(&mut texts) {
            let path = folder.join(file);
            match fs::read_to_string(&path) {
                Ok(content) => *text = content,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
                Err(source) => return Err(ProtocolError::File { path, source }),
            }
        }
        let [certificate, key, ca] = texts;
        Ok(Some(Self { certificate, key, ca }))
    }

    /// Writes the three files into `folder`, readable for the owner only. A key that was kept there for joining is
    /// removed.
    ///
    /// # Errors
    /// Where a file can't be written.
    pub fn save(&self, folder: &Path) -> Result<(), ProtocolError> {
        fs::create_dir_all(folder)
            .map_err(|source| ProtocolError::File { path: folder.to_owned(), source })?;
        for (file, text) in FILES.iter().zip([&self.certificate, &self.key, &self.ca]) {
            write_private(&folder.join(file), text)?;
        }
        let key = folder.join(JOINING_KEY);
        match fs::remove_file(&key) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(ProtocolError::File { path: key, source })
            }
            _ => Ok(()),
        }
    }

    /// Whom the certificate is for.
    ///
    /// # Errors
    /// Where it is no certificate of xrdtest.
    pub fn identity(&self) -> Result<Identity, ProtocolError> {
        identity_of(&crate::transport::certificate_from_pem(&self.certificate)?)
    }
}

/// The private key of an agent that is about to join. It is kept before the engine hears of it, so that an agent that
/// is killed in between, or whose answer is lost, joins again as the same applicant and its token still counts.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinKey {
    pem: String,
}

impl fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinKey").finish_non_exhaustive()
    }
}

impl JoinKey {
    /// A new key that is kept nowhere.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn generate() -> Result<Self, ProtocolError> {
        Ok(Self { pem: authority::new_key()? })
    }

    /// The key kept in the folder of credentials (`joining-key.pem`, for the owner only), made there where there is
    /// none. [`Credentials::save`] removes it.
    ///
    /// # Errors
    /// Where the file can't be read or written, or holds something else.
    pub fn open_or_create(folder: &Path) -> Result<Self, ProtocolError> {
        let path = folder.join(JOINING_KEY);
        match fs::read_to_string(&path) {
            Ok(pem) => Ok(Self { pem }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                fs::create_dir_all(folder)
                    .map_err(|source| ProtocolError::File { path: folder.to_owned(), source })?;
                write_private(&path, &key.pem)?;
                Ok(key)
            }
            Err(source) => Err(ProtocolError::File { path, source }),
        }
    }

    /// A request for a certificate of this key, PEM.
    ///
    /// # Errors
    /// Where the key can't be used.
    pub fn request(&self) -> Result<String, ProtocolError> {
        authority::request_for(&self.pem)
    }

    /// The key as PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }
}

/// Writes a file with mode 0600, replacing what was there in one step.
///
/// # Errors
/// Where it can't be written.
pub fn write_private(path: &Path, text: &str) -> Result<(), ProtocolError> {
    let failed = |source| ProtocolError::File { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}
