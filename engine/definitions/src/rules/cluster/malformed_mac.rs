//! ## What it does
//! Reports a `mac` that is no address of a network card.
//!
//! ## Why is this bad?
//! The machine can't be made.
//!
//! ## Example
//! ```rhai
//! host.mac = "00:08:30:30:98";
//! ```
//!
//! ## How to fix
//! Write six bytes in hexadecimal with colons between them; the first one is even, as odd ones are for multicast. Or leave
//! `mac` out: an address is derived from the names of cluster and host.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2012", "malformed-mac", Severity::Error, include_str!("malformed_mac.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    for mac in cluster.each_host().filter_map(|host| host.mac.as_ref()) {
        if !is_mac(&mac.value) {
            let message = format!("`{}` is no MAC address of a machine", mac.value);
            let help = "write six bytes, the first one even: `\"52:54:00:30:98:34\"`; or leave `mac` out";
            findings.add_with_help(&RULE, &mac.place, message, help);
        }
    }
}

fn is_mac(text: &str) -> bool {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| {
            let digits = byte.len() == 2 && byte.bytes().all(|b| b.is_ascii_hexdigit());
            digits.then(|| u8::from_str_radix(byte, 16).ok())?
        })
        .collect();
    bytes.is_some_and(|bytes| bytes.len() == 6 && bytes[0] & 1 == 0 && bytes.iter().any(|byte| *byte != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expect) in [
            ("00:08:30:30:98:34", true),
            ("52:54:00:AB:cd:ef", true),
            ("01:00:5e:00:00:01", false),
            ("00:00:00:00:00:00", false),
            ("00:08:30:30:98", false),
            ("00:08:30:30:98:3", false),
            ("+0:08:30:30:98:34", false),
            ("00-08-30-30-98-34", false),
            ("", false),
        ] {
            assert_eq!(is_mac(text), expect, "{text}");
        }
    }
}
