//! Where the engine is, as people write it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::Deserialize;

/// `HOST:PORT`. A name is looked up before each connection, so that an engine that moved is found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EngineAddress(String);

/// The text is no address.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not of the form HOST:PORT, such as engine.example.org:20000")]
pub struct ParseAddressError(String);

impl EngineAddress {
    /// Looks the address up. Of several the first of version 4 counts: engines listen there unless told otherwise.
    ///
    /// # Errors
    /// Where the name is not known, or the name server can't be asked.
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host(&self.0)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot look up {self}: {error}")))?
            .collect();
        found.iter().find(|address| address.is_ipv4()).or(found.first()).copied().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, format!("cannot look up {self}: it has no address"))
        })
    }
}

impl FromStr for EngineAddress {
    type Err = ParseAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_host = |host: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            !host.is_empty() && host.bytes().all(plain)
        };
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let named = text.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && is_port(port));
        if named || text.parse::<SocketAddr>().is_ok_and(|address| address.port() > 0) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ParseAddressError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for EngineAddress {
    type Error = ParseAddressError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<SocketAddr> for EngineAddress {
    fn from(address: SocketAddr) -> Self {
        Self(address.to_string())
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_read() {
        for good in ["engine.example.org:20000", "192.0.2.1:1", "[2001:db8::1]:20000", "localhost:20000"] {
            assert_eq!(good.parse::<EngineAddress>().unwrap().to_string(), good);
        }
        for bad in
            ["", "engine", "engine:", ":1", "engine:0", "engine:70000", "2001:db8::1", "a b:1", "u@h:1"]
        {
            let words = bad.parse::<EngineAddress>().unwrap_err().to_string();
            assert!(words.contains("HOST:PORT"), "{bad}: {words}");
        }
    }

    #[tokio::test]
    async fn names_are_looked_up() {
        let address: EngineAddress = "localhost:7".parse().unwrap();
        let found = address.resolve().await.unwrap();
        assert!(found.ip().is_loopback() && found.port() == 7, "{found}");
        let unknown: EngineAddress = "no-such-name.invalid:7".parse().unwrap();
        let words = unknown.resolve().await.unwrap_err().to_string();
        assert!(words.contains("no-such-name.invalid:7"), "{words}");
    }
}
