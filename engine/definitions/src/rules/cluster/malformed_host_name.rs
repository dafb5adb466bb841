//! ## What it does
//! Reports the name of a host, an alias or a balanced alias that DNS does not allow.
//!
//! ## Why is this bad?
//! The machine would not be found by its name.
//!
//! ## Example
//! ```rhai
//! let ds1 = Host("ds_1.xrd.test", "192.168.127.6");
//! ```
//!
//! ## How to fix
//! Write labels of letters, digits and `-` with dots between them, in lower case: `"ds1.xrd.test"`.

use xrdtest_model::Severity;

use crate::draft::cluster::Cluster;
use crate::findings::Findings;
use crate::rules::Rule;

pub(crate) const RULE: Rule =
    Rule::new("XT2015", "malformed-host-name", Severity::Error, include_str!("malformed_host_name.rs"));

pub(crate) fn check(cluster: &Cluster, findings: &mut Findings) {
    let hosts = cluster.each_host();
    let names = hosts.flat_map(|host| host.name.iter().chain(&host.aliases));
    let balanced = cluster.network.lb_alias.iter().filter(|_| !cluster.external);
    for name in names.chain(balanced) {
        if !is_host_name(&name.value) {
            let message = format!("`{}` can't be the name of a host", name.value);
            let help = "write labels of lower-case letters, digits and `-` with dots between them";
            findings.add_with_help(&RULE, &name.place, message, help);
        }
    }
}

fn is_host_name(text: &str) -> bool {
    // Linux allows a host name of 64 characters.
    text.len() <= 64
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
        && text.parse::<std::net::Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, expect) in [
            ("ds1.xrd.test", true),
            ("ds1", true),
            ("a-b.c", true),
            ("ds_1.xrd.test", false),
            ("DS1.xrd.test", false),
            ("-a.b", false),
            ("a..b", false),
            ("a b", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_host_name(text), expect, "{text}");
        }
    }
}
