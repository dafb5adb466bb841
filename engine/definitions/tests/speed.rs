//! A repository with hundreds of definitions loads fast enough to be read again at every change.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::time::Instant;

use support::Repository;
use xrdtest_definitions::{CheckOptions, check};

const PAIRS: usize = 200;
/// The floor that is promised for a release build.
const PER_SECOND: f64 = 200.0;
/// The promise for a large repository, on two processors.
const MOST_SECONDS: f64 = 0.5;

fn cluster(n: usize) -> String {
    let subnet = format!("10.{}.{}", n / 250, n % 250);
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
    )
}

#[test]
fn hundreds_of_definitions_per_second() {
    let repository = Repository::empty();
    for n in 0..PAIRS {
        repository.write(format!("clusters/cluster_{n}.rhai"), cluster(n));
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

/// What a large repository is: 1,000 suites of three scripts on 100 clusters.
#[test]
fn a_large_repository_is_checked_at_once() {
    let repository = Repository::empty();
    for n in 0..100 {
        repository.write(format!("clusters/cluster_{n}.rhai"), cluster(n));
    }
    for n in 0..1000 {
        let script = |more: &str| {
            format!(
                "#!/bin/bash\nset -eu\nsource /etc/XrdTest/utils/functions.sh\n\n{more}\n\
                 if [[ @slavename@ == ds1* ]]; then\n    \
                 curl -sSfO \"@proto@://master.xrd.test:@port@/downloadScript/clusters/cluster_0.rhai\"\n    \
                 for file in a b c; do\n        xrdcp -f \"$file\" root://ds1/data/@base@/\"$file\" || exit 1\n    \
                 done\nfi\nlog \"done $(date +%s)\"\n"
            )
        };
        repository.write(format!("suites/ts_{n}/suite_init.sh"), script("stamp # initialize"));
        repository.write(format!("suites/ts_{n}/tc/one/run.sh"), script("stamp # run"));
        repository.write(format!("suites/ts_{n}/tc/one/finalize.sh"), script("stamp # finalize"));
        let text = format!(
            r##"fn getTestSuite() {{
    let ts = TestSuite("ts_{n}");
    ts.clusters = ["cluster_{}"];
    ts.machines = ["ds1", "ds2"];
    ts.schedule = #{{ hour: "1", minute: "*/5" }};
    ts.tags = #{{ base: "b{n}" }};
    ts.tests = ["one"];
    ts.initialize = "file://suite_init.sh";
    ts
}}
"##,
            n % 100
        );
        repository.write(format!("suites/ts_{n}/ts_{n}.rhai"), text);
    }
    let paths = [repository.path().to_owned()];
    let mut best = f64::MAX;
    // The first time its files are new.
    for _ in 0..3 {
        let start = Instant::now();
        let checked = check(&paths, &CheckOptions::default()).expect("checked");
        best = best.min(start.elapsed().as_secs_f64());
        assert_eq!(checked[0].definitions, 1100);
        assert!(checked[0].diagnostics.is_empty(), "{:#?}", checked[0].diagnostics.first());
    }
    println!("{best:.3} s for 1,000 suites, 3,000 scripts and 100 clusters");
    if !cfg!(debug_assertions) {
        assert!(best < MOST_SECONDS, "{best:.3} s");
    }
}
