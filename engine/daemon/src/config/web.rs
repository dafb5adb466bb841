//! `[web]`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use xrdtest_model::api::Role;
use xrdtest_web::access::Settings;

use super::units;
use crate::dashboard::names;

/// The dashboard: pages for people, and the API, over HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Where it listens; absent: there is no dashboard.
    #[serde(deserialize_with = "units::some_address")]
    pub listen: Option<SocketAddr>,
    /// Host names and addresses by which browsers reach it, in the certificate of the engine's CA; empty: `localhost`,
    /// the machine's name, and the address that it listens on.
    pub names: Vec<String>,
    /// File of a certificate of another CA, with its chain (PEM).
    pub certificate: Option<PathBuf>,
    /// File of its private key (PEM).
    pub key: Option<PathBuf>,
    /// What may be done by who has not logged in; absent: nothing.
    pub anonymous: Option<Anonymous>,
    /// A session in which nothing is asked ends after this time.
    #[serde(deserialize_with = "units::duration")]
    pub session_idle: Duration,
    /// Any session ends after this time.
    #[serde(deserialize_with = "units::duration")]
    pub session_longest: Duration,
    /// Proxies in front of it, whose `X-Forwarded-For` says who asks.
    pub trusted_proxies: Vec<IpAddr>,
}

/// What may be done by who has not logged in: never more than reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anonymous {
    /// Reading.
    Viewer,
}

impl Default for Web {
    fn default() -> Self {
        let Settings { idle, longest, trusted_proxies, .. } = Settings::default();
        Self {
            listen: None,
            names: Vec::new(),
            certificate: None,
            key: None,
            anonymous: None,
            session_idle: idle,
            session_longest: longest,
            trusted_proxies,
        }
    }
}

impl Web {
    /// Who may do what.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            anonymous: self.anonymous.map(|Anonymous::Viewer| Role::Viewer),
            idle: self.session_idle,
            longest: self.session_longest,
            trusted_proxies: self.trusted_proxies.clone(),
            ..Settings::default()
        }
    }
}

impl Web {
    /// How the dashboard's addresses begin in what is sent to people, without a slash at the end: as `section` says, or
    /// else with its first name; empty where there is no dashboard.
    pub(super) fn link(&self, section: &str, said: Option<&str>) -> Result<String, String> {
        let link = said.map(str::to_owned).or_else(|| {
            let listen = self.listen?;
            Some(format!("https://{}:{}", names(self, listen.ip()).first()?, listen.port()))
        });
        let link = link.unwrap_or_default().trim_end_matches('/').to_owned();
        if !link.is_empty() && !link.starts_with("https://") && !link.starts_with("http://") {
            return Err(format!(
                "{section}.link is no address of a dashboard: `{link}`; it begins with https://"
            ));
        }
        Ok(link)
    }
}
