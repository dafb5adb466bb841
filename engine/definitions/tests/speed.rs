//! A repository with hundreds of definitions loads fast enough to be read again at every change.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::time::Instant;

use support::Repository;

const PAIRS: usize = 200;
/// The floor that is promised for a release build.
const PER_SECOND: f64 = 200.0;

#[test]
fn hundreds_of_definitions_per_second() {
    let repository = Repository::empty();
    for n in 0..PAIRS {
        let subnet = format!("10.{}.{}", n / 250, n % 250);
        repository.write(
            format!("clusters/cluster_{n}.rhai"),
            format!(
                r#"fn getCluster() {{
    let cluster = Cluster("cluster_{n}");
    let net = cluster.network;
    net.ip = "{subnet}.1";
    net.netmask = "255.255.255.0";
    net.DHCPRange = ["{subnet}.2", "{subnet}.254"];
    let hosts = [];
    for i in 1..=8 {{
        hosts.push(Host(`ds${{i}}.xrd.test`, `{subnet}.${{i + 10}}`, #{{ disks: [Disk("disk1", "20G")] }}));
    }}
    net.addHosts(hosts);
    cluster.addHosts(hosts);
    cluster
}}
"#
            ),
        );
        repository.write(
            format!("suites/ts_{n}.rhai"),
            format!(
                r##"fn getTestSuite() {{
    let ts = TestSuite("ts_{n}");
    ts.clusters = ["cluster_{n}"];
    ts.machines = ["ds1", "ds2"];
    ts.schedule = #{{ hour: "1", minute: "*/5" }};
    ts.tests = [TestCase("one", #{{ run: "#!/bin/sh\ntrue" }})];
    ts.initialize = "#!/bin/sh\ntrue";
    ts
}}
"##
            ),
        );
    }
    let start = Instant::now();
    let catalogue = repository.load();
    let rate = 2.0 * PAIRS as f64 / start.elapsed().as_secs_f64();
    println!("{rate:.0} definitions per second");
    assert_eq!(catalogue.suites.len() + catalogue.clusters.len(), 2 * PAIRS);
    assert!(catalogue.diagnostics.is_empty(), "{:#?}", catalogue.diagnostics.first());
    // Unoptimised code, or a busy machine, is no reason to fail.
    if !cfg!(debug_assertions) {
        assert!(rate > PER_SECOND, "{rate:.0} definitions per second");
    }
}
