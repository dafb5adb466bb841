//! `xrdtest-engine backup` and `restore`: everything that an engine must have to be itself again, in one file.
//!
//! ```text
//! backup.json            what it is, and what is not in it
//! engine.toml            the configuration
//! state/…                as below the state folder: store.sqlite, ca/, web-secret, quic-secret, runs/, archive/
//! SHA256SUMS             of all of the above, as sha256sum writes it
//! ```
//!
//! A tar in zstd. The store is copied first, as it is at one instant, and the files of runs after it: they are only
//! appended to, and on the disk before the store names them, so the copy names nothing that is not there. An engine that
//! runs goes on, and is not asked for anything.

mod names;
mod restore;
mod write;

use serde::{Deserialize, Serialize};

pub use self::restore::{Restored, is_unfinished, restore};
pub use self::write::{Choice, Written, write};

const HEAD: &str = "backup.json";
const CONFIG: &str = "engine.toml";
const STATE: &str = "state/";
const SUMS: &str = "SHA256SUMS";
const STORE: &str = "store.sqlite";
/// The version of the layout above.
const SCHEMA: &str = "xrdtest.backup/1";

/// The first entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// [`SCHEMA`].
    schema: String,
    /// Of the program that wrote it.
    version: String,
    /// When, in milliseconds since 1970.
    created_ms: u64,
    /// Outputs, logs and kept files of runs are in it.
    outputs: bool,
    /// Packed runs are in it.
    archive: bool,
    /// Files that the configuration names and that are not in it.
    #[serde(default)]
    not_in_it: Vec<String>,
}

/// `DIGEST  NAME`, as `sha256sum --check` reads it.
fn sum_line(name: &str, digest: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut line = String::with_capacity(name.len() + 67);
    for byte in digest {
        let _ = write!(line, "{byte:02x}");
    }
    line + "  " + name + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_of_version_1_is_read_for_ever() {
        let golden = r#"{"schema":"xrdtest.backup/1","version":"0.1.0","created_ms":1700000000000,"outputs":true,"archive":false}"#;
        let head: Head = serde_json::from_str(golden).unwrap();
        assert!(head.schema == SCHEMA && head.outputs && !head.archive && head.not_in_it.is_empty());
    }

    #[test]
    fn sums_are_those_of_sha256sum() {
        assert_eq!(sum_line("a b", &[0, 255]), "00ff  a b\n");
    }
}
