//! What definitions can say: each test is a definition and what it means.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use support::{CLUSTER, Repository, SUITE, render};
use xrdtest_model::definition::{
    AlertPolicy, ClusterDefinition, CoreDumps, Forward, Schedule, ScriptRef, SuiteDefinition,
};

const SCRIPT: &str = "#!/bin/sh\ntrue\n";

/// The suite of the base with more lines, which must be valid.
fn suite(lines: &str) -> SuiteDefinition {
    let repository = Repository::base();
    repository.add_lines(SUITE, lines);
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "", "{lines}");
    SuiteDefinition::clone(&catalogue.suites["ts_base"])
}

/// The cluster of the base with more lines, which must be valid.
fn cluster(lines: &str) -> ClusterDefinition {
    let repository = Repository::base();
    repository.add_lines(CLUSTER, lines);
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "", "{lines}");
    ClusterDefinition::clone(&catalogue.clusters["cluster_base"])
}

/// A cluster of its own, which must be valid.
fn whole_cluster(body: &str) -> ClusterDefinition {
    let repository = Repository::empty();
    repository.write("clusters/c.rhai", body);
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "", "{body}");
    ClusterDefinition::clone(&catalogue.clusters["c"])
}

#[test]
fn defaults_of_a_suite() {
    let suite = suite("");
    assert_eq!(suite.alert_success, AlertPolicy::Suite);
    assert_eq!(suite.alert_failure, AlertPolicy::Case);
    assert_eq!(suite.core_dumps, CoreDumps::Mark);
    assert_eq!((suite.timeout_ms, suite.stage_timeout_ms), (None, None));
    assert!(suite.machines.is_empty() && suite.finalize.is_none() && suite.desc_name.is_none());
    assert_eq!(suite.source.folder, "suites/ts_base");
}

#[test]
fn every_field_of_a_suite() {
    let suite = suite(
        r##"
    ts.descName = "A base";
    ts.machines = ["ds1"];
    ts.schedule = "8 2 * * 1-5";
    ts.finalize = "#!/bin/bash\necho done";
    ts.alert_success = "NONE";
    ts.alert_failure = "SUITE";
    ts.core_dumps = "FAIL";
    ts.timeout = "1h30m";
    ts.stage_timeout = "90s";
    ts.tags = #{ dataset: "/data/big", count: 3 };
"##,
    );
    assert_eq!(suite.desc_name.as_deref(), Some("A base"));
    assert_eq!(suite.machines, ["ds1"]);
    assert_eq!(suite.schedule, Some(Schedule::Cron("8 2 * * 1-5".to_owned())));
    assert_eq!(suite.finalize, Some(ScriptRef::Inline("#!/bin/bash\necho done".to_owned())));
    assert_eq!(suite.alert_success, AlertPolicy::None);
    assert_eq!(suite.alert_failure, AlertPolicy::Suite);
    assert_eq!(suite.core_dumps, CoreDumps::Fail);
    assert_eq!((suite.timeout_ms, suite.stage_timeout_ms), (Some(5_400_000), Some(90_000)));
    assert_eq!(suite.tags["dataset"], "/data/big");
    assert_eq!(suite.tags["count"], "3");
}

#[test]
fn cases_in_all_forms() {
    let suite = suite(
        r##"
    let own = TestCase("own", #{ machines: ["ds1"], run: "file://suite_init.sh" });
    own.finalize = "#!/bin/sh\ntrue";
    ts.tests = ["copy_to", own];
    ts.tests += TestCase("copy_from", #{ initialize: "#!/bin/sh\nfalse" });
    ts.tests.push("copy_to");
    own.machines = ["manager1"];
"##,
    );
    let names: Vec<_> = suite.tests.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["copy_to", "own", "copy_from", "copy_to"]);
    assert_eq!(suite.tests[1].machines, ["manager1"], "objects are shared");
    assert_eq!(suite.tests[1].run, Some(ScriptRef::File("suites/ts_base/suite_init.sh".to_owned())));
    assert!(matches!(&suite.tests[2].initialize, Some(ScriptRef::Inline(_))));
    assert_eq!(
        suite.tests[2].run,
        Some(ScriptRef::File("suites/ts_base/tc/copy_from/run.sh".to_owned())),
        "what a case lacks comes from its folder"
    );
}

#[test]
fn test_cases_by_a_function_of_their_own() {
    let repository = Repository::base();
    repository.write(
        "suites/ts_old.rhai",
        r##"
const NAME = "ts_old";
fn getTestCases() {
    [TestCase("one", #{ run: "#!/bin/sh\ntrue" }), TestCase("two", #{ run: "#!/bin/sh\nfalse" })]
}
fn getTestSuite() {
    let ts = TestSuite(global::NAME);
    ts.clusters = ["cluster_base"];
    ts.initialize = "#!/bin/sh\ntrue";
    ts
}
"##,
    );
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "");
    let names: Vec<_> = catalogue.suites["ts_old"].tests.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["one", "two"]);
}

#[test]
fn flat_definitions_have_scripts_in_a_folder_of_their_name() {
    let repository = Repository::base();
    repository
        .write(
            "suites/ts_flat.rhai",
            r##"
import "./ts_flat/helper" as helper;
fn getTestSuite() {
    let ts = TestSuite("ts_flat");
    helper::fill(ts);
    ts.tests = ["one"];
    ts.initialize = "file://init.sh";
    ts
}
"##,
        )
        .write("suites/ts_flat/helper.rhai", "fn fill(ts) { ts.clusters = [\"cluster_base\"]; }")
        .write("suites/ts_flat/init.sh", SCRIPT)
        .write("suites/ts_flat/tc/one/run.sh", SCRIPT);
    let catalogue = repository.load();
    assert_eq!(render(repository.path(), &catalogue.diagnostics), "");
    let suite = &catalogue.suites["ts_flat"];
    assert_eq!(suite.clusters, ["cluster_base"], "a helper may fill in an object");
    assert_eq!(suite.initialize, Some(ScriptRef::File("suites/ts_flat/init.sh".to_owned())));
}

#[test]
fn hosts_take_what_they_lack_from_the_default_host() {
    let cluster = cluster(
        r#"
    cluster.defaultHost.arch = "aarch64";
    cluster.defaultHost.emulatorPath = "/usr/bin/qemu";
    cluster.defaultHost.cacheBootImage = false;
    cluster.defaultHost.aliases = ["all.xrd.test"];
    ds1.ramSize = "2G";
    ds1.bootImage = "special.qcow2";
    ds1.cacheBootImage = true;
    ds1.aliases = [];
    manager1.ramSize = 2097152;
"#,
    );
    let [manager1, ds1] = cluster.hosts.as_slice() else {
        panic!("two hosts");
    };
    assert_eq!((manager1.ram_kib, ds1.ram_kib), (2 << 20, 2 << 20));
    assert_eq!(manager1.boot_image.as_deref(), Some("debian12.qcow2"));
    assert_eq!(ds1.boot_image.as_deref(), Some("special.qcow2"));
    assert_eq!((manager1.cache_boot_image, ds1.cache_boot_image), (false, true));
    assert_eq!(manager1.arch.as_deref(), Some("aarch64"));
    assert_eq!(manager1.emulator_path.as_deref(), Some("/usr/bin/qemu"));
    assert_eq!(manager1.aliases, ["all.xrd.test"]);
    assert!(ds1.aliases.is_empty());
    assert_eq!(manager1.net, "base_net");
}

#[test]
fn virtual_machines_have_cores_kernels_and_a_way_out() {
    let plain = cluster("");
    assert_eq!((plain.hypervisor.as_deref(), plain.network.forward), (None, Forward::Nat));
    assert_eq!((plain.hosts[0].vcpus, plain.hosts[0].kernel.as_deref()), (1, None));
    let cluster = cluster(
        r#"
    cluster.hypervisor = "big";
    cluster.network.forward = "isolated";
    cluster.defaultHost.vcpus = 2;
    cluster.defaultHost.kernel = "tiny.vmlinuz";
    cluster.defaultHost.initrd = "tiny.initrd";
    ds1.vcpus = "64";
    ds1.cmdline = "console=ttyS0 quiet";
"#,
    );
    assert_eq!((cluster.hypervisor.as_deref(), cluster.network.forward), (Some("big"), Forward::Isolated));
    let [manager1, ds1] = cluster.hosts.as_slice() else {
        panic!("two hosts");
    };
    assert_eq!((manager1.vcpus, ds1.vcpus), (2, 64));
    for host in [manager1, ds1] {
        assert_eq!(
            (host.kernel.as_deref(), host.initrd.as_deref()),
            (Some("tiny.vmlinuz"), Some("tiny.initrd"))
        );
    }
    assert_eq!((manager1.cmdline.as_deref(), ds1.cmdline.as_deref()), (None, Some("console=ttyS0 quiet")));
}

#[test]
fn constructors_take_every_prefix_and_a_map() {
    let cluster = whole_cluster(
        r#"
fn getCluster() {
    let cluster = Cluster("c");
    let net = cluster.network;
    net.ip = "10.0.0.1";
    net.netmask = "255.255.255.0";
    let a = Host("a", "10.0.0.2", net.name, "512M", "x86_64", "img", false, "/qemu",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8", ["x", "y"], "00:08:30:30:98:34");
    let b = Host("b", #{ ip: "10.0.0.3", mac: "00:08:30:30:98:35" });
    let c = Host(#{ name: "c", ip: "10.0.0.4", disks: [Disk("d", "200M"), Disk(#{ name: "e", size: 1073741824,
        device: "/dev/vdb", mountPoint: "/e", cache: false })] });
    cluster.addHosts([a, b, c]);
    cluster
}
"#,
    );
    let [a, b, c] = cluster.hosts.as_slice() else {
        panic!("three hosts");
    };
    assert_eq!(cluster.network.name, "c_net", "a network that was given no name");
    assert_eq!(
        (a.ram_kib, a.arch.as_deref(), a.boot_image.as_deref(), a.cache_boot_image),
        (512 << 10, Some("x86_64"), Some("img"), false)
    );
    assert_eq!(a.emulator_path.as_deref(), Some("/qemu"));
    assert_eq!(a.uuid.as_deref(), Some("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
    assert_eq!(a.aliases, ["x", "y"]);
    assert_eq!(a.mac.as_deref(), Some("00:08:30:30:98:34"));
    assert_eq!((b.ip.as_str(), b.ram_kib), ("10.0.0.3", 1 << 20));
    assert_eq!(b.mac.as_deref(), Some("00:08:30:30:98:35"));
    let [d, e] = c.disks.as_slice() else {
        panic!("two disks");
    };
    assert_eq!(
        (d.bytes, d.device.as_str(), d.mount_point.as_str(), d.cache),
        (200 << 20, "vda", "/data", true)
    );
    assert_eq!((e.bytes, e.device.as_str(), e.mount_point.as_str(), e.cache), (1 << 30, "vdb", "/e", false));
}

#[test]
fn networks_know_their_hosts_and_balanced_names() {
    let cluster = cluster(
        r#"
    net.lbAlias = "lb.xrd.test";
    net.lbHosts = [ds1, "manager1"];
    let quiet = Host("quiet.xrd.test", "192.168.127.9");
    net.addDhcpHost(quiet);
    cluster.addHost(quiet);
"#,
    );
    let network = &cluster.network;
    assert_eq!(network.lb_hosts, ["ds1.xrd.test", "manager1.xrd.test"]);
    assert_eq!(network.dhcp_hosts.len(), 3);
    assert_eq!(network.dns_hosts, ["manager1.xrd.test", "ds1.xrd.test"]);
}

#[test]
fn a_host_may_have_an_address_in_the_dhcp_range() {
    assert_eq!(cluster("").hosts[1].ip, "192.168.127.6");
}

#[test]
fn objects_are_shared() {
    let cluster = cluster(
        r#"
    let again = cluster.network;
    again.netmask = "255.255.0.0";
    for host in cluster.hosts { host.arch = "x86_64"; }
    let f = |host| { host.ramSize = "3G"; };
    f.call(ds1);
    if ds1 != hosts[1] || ds1 == manager1 { throw "identity"; }
    ds1.disks[0].size = "30G";
    ds1.info_of_mine = ();
    "#
        .replace("    ds1.info_of_mine = ();\n", "")
        .as_str(),
    );
    assert_eq!(cluster.network.netmask, "255.255.0.0");
    assert!(cluster.hosts.iter().all(|host| host.arch.as_deref() == Some("x86_64")));
    assert_eq!(cluster.hosts[1].ram_kib, 3 << 20);
    assert_eq!(cluster.hosts[1].disks[0].bytes, 30 << 30);
}

#[test]
fn nothing_takes_a_value_back() {
    let cluster = cluster("    cluster.defaultHost.bootImage = ();\n    net.bridgeName = ();\n");
    assert_eq!(cluster.hosts[0].boot_image, None);
    assert_eq!(cluster.network.bridge_name, None);
}

#[test]
fn the_standard_library_makes_hosts() {
    let cluster = whole_cluster(
        r#"
import "std/hosts" as hosts;
fn getCluster() {
    let cluster = Cluster("c");
    cluster.network.ip = "10.0.0.1";
    cluster.network.netmask = "255.255.0.0";
    let servers = hosts::range("ds#.xrd.test", 1..=300, "10.0.0.10");
    for server in servers { server.disks = [Disk("disk1", "20G")]; }
    cluster.addHosts(servers);
    cluster.addHosts(hosts::named(["manager", "client"], "xrd.test", "10.0.2.1"));
    cluster
}
"#,
    );
    assert_eq!(cluster.hosts.len(), 302);
    assert_eq!((cluster.hosts[0].name.as_str(), cluster.hosts[0].ip.as_str()), ("ds1.xrd.test", "10.0.0.10"));
    assert_eq!(
        (cluster.hosts[299].name.as_str(), cluster.hosts[299].ip.as_str()),
        ("ds300.xrd.test", "10.0.1.53")
    );
    assert_eq!(cluster.hosts[301].name, "client.xrd.test");
}

#[test]
fn five_unknown_fields_and_two_wrong_types_are_seven_findings() {
    let repository = Repository::base();
    repository.write(
        SUITE,
        r#"
fn getTestSuite() {
    let ts = TestSuite();
    ts.nmae = "ts_base";
    ts.cluster = ["cluster_base"];
    ts.test = ["copy_to"];
    ts.initialise = "file://suite_init.sh";
    ts.alert_emial = ["ops@example.org"];
    ts.machines = "ds1";
    ts.logs = 7;
    ts
}
"#,
    );
    let catalogue = repository.load();
    let codes: Vec<_> = catalogue.diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["XT0010", "XT0010", "XT0010", "XT0010", "XT0010", "XT0011", "XT0011"]);
    let help = catalogue.diagnostics[4].help.as_deref();
    assert_eq!(help, Some("did you mean `alert_emails`?"));
    assert!(catalogue.suites["ts_base"].source.broken);
    assert!(!catalogue.clusters["cluster_base"].source.broken);
}

#[test]
fn what_help_lines_advise_instead_is_valid() {
    suite("    let names = [\"a\"];\n    let copy = names;\n    names.map(|name| copy.len());\n");
    suite("    let f = |x, y| x + y;\n    let g = |x| f.call(1, x);\n    if g.call(2) != 3 { throw; }\n");
}

#[test]
fn a_mistake_in_a_helper_breaks_each_definition_that_uses_it() {
    let repository = Repository::base();
    repository.write("lib/helper.rhai", "fn fill(ts) {\n    ts.colour = 1;\n}");
    for name in ["ts_a", "ts_b"] {
        repository.write(
            format!("suites/{name}.rhai"),
            format!(
                "import \"/lib/helper\" as helper;\nfn getTestSuite() {{\n    let ts = TestSuite(\"{name}\");\n    \
                 ts.clusters = [\"cluster_base\"];\n    ts.initialize = \"#!/bin/sh\";\n    \
                 ts.tests = [TestCase(\"x\", #{{ run: \"#!/bin/sh\" }})];\n    helper::fill(ts);\n    ts\n}}\n"
            ),
        );
    }
    let catalogue = repository.load();
    let found: Vec<_> = catalogue
        .diagnostics
        .iter()
        .map(|finding| (&*finding.file, finding.span.line, finding.span.column, finding.code.as_str()))
        .collect();
    let where_it_stands = ("lib/helper.rhai", 2, 8, "XT0010");
    let imports = [("suites/ts_a.rhai", 1, 8, "XT0007"), ("suites/ts_b.rhai", 1, 8, "XT0007")];
    assert_eq!(found, [where_it_stands, imports[0], imports[1]]);
    assert!(catalogue.suites["ts_a"].source.broken && catalogue.suites["ts_b"].source.broken);
}
