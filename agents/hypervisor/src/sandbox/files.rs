//! The texts that a machine finds at its start.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Serialize;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan};

/// Where the slave agent's binary is in a machine.
pub(crate) const SLAVE_BINARY: &str = "/usr/lib/xrdtest/xrdtest-slave";
/// The slave agent's configuration.
pub(crate) const SLAVE_CONFIG: &str = "/etc/xrdtest/slave.toml";
/// The slave agent's one-time token.
pub(crate) const JOIN_TOKEN: &str = "/etc/xrdtest/join-token";
/// Where the slave agent keeps what it knows.
pub(crate) const SLAVE_STATE: &str = "/var/lib/xrdtest/slave";
/// The slave agent's log, where the manual says that it is.
pub(crate) const SLAVE_LOG: &str = "/var/log/XrdTest/XrdTestSlave.log";

/// `/etc/hosts`: the names of the network, and the machine's own even where the network does not know it.
pub(crate) fn hosts(cluster: &ClusterPlan, host: &HostPlan) -> String {
    let mut text = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n".to_owned();
    let line = |text: &mut String, ip: Ipv4Addr, names: &[String]| {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{ip}\t{}", names.join(" "));
    };
    for (ip, names) in cluster.names() {
        line(&mut text, ip, &names);
    }
    if !host.in_dns {
        line(&mut text, host.ip, std::slice::from_ref(&host.name));
    }
    text
}

/// The @diskmounts@ of a machine: the sandbox has mounted its disks already, so this checks that, and gives them to
/// the user that the script names, as the original did.
pub(crate) fn diskmounts(disks: &[DiskPlan]) -> String {
    let mut text = String::new();
    for disk in disks {
        let at = quote(&disk.mount_point);
        let complaint = quote(&format!("disk {} is not mounted at {}", disk.name, disk.mount_point));
        let _ = writeln!(text, "mountpoint -q {at} || {{ echo {complaint}; exit 1; }}");
        let _ = writeln!(
            text,
            "if [ -n \"${{XROOTD_USER:-}}\" ]; then chown \"$XROOTD_USER:${{XROOTD_GROUP:-}}\" {at}; fi"
        );
    }
    text.truncate(text.trim_end().len());
    text
}

/// A word for the shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The slave agent's configuration file.
#[derive(Debug, Serialize)]
struct SlaveConfig {
    engine: String,
    join_token_file: PathBuf,
    state: PathBuf,
    log: PathBuf,
    tags: Tags,
}

#[derive(Debug, Serialize)]
struct Tags {
    port: String,
    proto: String,
    diskmounts: String,
}

/// `/etc/xrdtest/slave.toml` for a machine whose relay listens at these ports of the network's own address.
pub(crate) fn slave_config(
    cluster: &ClusterPlan,
    host: &HostPlan,
    agent_port: u16,
    http_port: u16,
) -> Result<String, toml::ser::Error> {
    toml::to_string(&SlaveConfig {
        engine: format!("{}:{agent_port}", cluster.network.ip),
        join_token_file: JOIN_TOKEN.into(),
        state: SLAVE_STATE.into(),
        log: SLAVE_LOG.into(),
        tags: Tags {
            port: http_port.to_string(),
            proto: "http".to_owned(),
            diskmounts: diskmounts(&host.disks),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::test_support::{cluster, disk};

    #[test]
    fn hosts_file_names_everybody() {
        let mut cluster = cluster("frm", 2);
        cluster.hosts[0].aliases = vec!["data.xrd.test".to_owned()];
        cluster.hosts[1].in_dns = false;
        cluster.network.lb_alias = Some(("lb.xrd.test".to_owned(), vec![cluster.hosts[0].ip]));
        let expected = "\
127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
192.168.127.1\tmaster.xrd.test master
192.168.127.11\tm1.xrd.test m1 data.xrd.test
192.168.127.11\tlb.xrd.test
192.168.127.12\tm2.xrd.test
";
        assert_eq!(hosts(&cluster, &cluster.hosts[1]), expected);
        assert_eq!(hosts(&cluster, &cluster.hosts[0]), expected.replace("192.168.127.12\tm2.xrd.test\n", ""));
    }

    #[test]
    fn diskmounts_are_checked_and_given_away() {
        assert_eq!(diskmounts(&[]), "");
        let text = diskmounts(&[disk("disk1", "/data"), disk("disk2", "/it's")]);
        assert_eq!(
            text,
            "\
mountpoint -q '/data' || { echo 'disk disk1 is not mounted at /data'; exit 1; }
if [ -n \"${XROOTD_USER:-}\" ]; then chown \"$XROOTD_USER:${XROOTD_GROUP:-}\" '/data'; fi
mountpoint -q '/it'\\''s' || { echo 'disk disk2 is not mounted at /it'\\''s'; exit 1; }
if [ -n \"${XROOTD_USER:-}\" ]; then chown \"$XROOTD_USER:${XROOTD_GROUP:-}\" '/it'\\''s'; fi"
        );
    }

    #[test]
    fn diskmounts_say_what_is_missing() {
        let script =
            format!("set -eu\n{}\necho not reached", diskmounts(&[disk("disk1", "/nowhere/at all")]));
        let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "disk disk1 is not mounted at /nowhere/at all\n");
    }

    #[test]
    fn slave_config_is_what_the_agent_reads() {
        let cluster = cluster("frm", 1);
        let text = slave_config(&cluster, &cluster.hosts[0], 1977, 8080).unwrap();
        assert_eq!(
            text,
            "\
engine = \"192.168.127.1:1977\"
join_token_file = \"/etc/xrdtest/join-token\"
state = \"/var/lib/xrdtest/slave\"
log = \"/var/log/XrdTest/XrdTestSlave.log\"

[tags]
port = \"8080\"
proto = \"http\"
diskmounts = \"\"
"
        );
    }
}
