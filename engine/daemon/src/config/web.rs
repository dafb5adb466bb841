//! `[web]`.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// The dashboard: pages for people, over HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Where it listens; absent: there is no dashboard.
    pub listen: Option<SocketAddr>,
    /// Host names and addresses by which browsers reach it, in the certificate of the engine's CA; empty: `localhost`,
    /// the machine's name, and the address that it listens on.
    pub names: Vec<String>,
    /// File of a certificate of another CA, with its chain (PEM).
    pub certificate: Option<PathBuf>,
    /// File of its private key (PEM).
    pub key: Option<PathBuf>,
}
