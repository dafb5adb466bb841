//! Durations, sizes, addresses and lists of tables as people write them.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use xrdtest_model::size::parse_size;
use xrdtest_model::time::parse_duration;

/// `15m`, `1h30m`, `500ms`.
pub(crate) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let millis = parse_duration(&text);
    millis.map(Duration::from_millis).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not a duration; write it as in \"15m\", \"1h30m\" or \"500ms\""
        ))
    })
}

/// `256M`, `1G`, or a number of bytes in quotes.
pub(crate) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse_size(&text, 1)
        .map_err(|error| D::Error::custom(format!("{error}; write it as in \"256M\" or \"1G\"")))
}

/// `127.0.0.1:20000`, `[::]:20000`.
pub(crate) fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| D::Error::custom(no_address(&text)))
}

/// The same, where it may be absent.
pub(crate) fn some_address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SocketAddr>, D::Error> {
    address(deserializer).map(Some)
}

fn no_address(text: &str) -> String {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(ip) => {
            let example = SocketAddr::new(ip, 20000);
            format!("`{text}` has no port; write it with one, as in \"{example}\"")
        }
        Err(_) => format!(
            "`{text}` is not an IP address with a port; write it as in \"127.0.0.1:20000\" or \"[::1]:20000\", \
             or \"0.0.0.0:20000\" for all addresses of the machine"
        ),
    }
}

/// Tables of which there may be several: `[[webhooks]]`.
pub(crate) fn webhooks<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(Tables("webhooks", PhantomData))
}

/// The same: `[[repository]]`.
pub(crate) fn repositories<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_any(Tables("repository", PhantomData))
}

struct Tables<T>(&'static str, PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Tables<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of tables, each below a line `[[{}]]`", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, tables: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(tables))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        let name = self.0;
        Err(A::Error::custom(format!(
            "there may be several of these: write `[[{name}]]`, with two brackets, above each, not `[{name}]`"
        )))
    }
}
