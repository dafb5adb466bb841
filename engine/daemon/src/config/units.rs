//! Durations and sizes as people write them.

use std::time::Duration;

use serde::de::Error;
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
