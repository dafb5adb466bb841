//! The standard library: what its functions give, what they say of wrong arguments, and that every example in its
//! documentation is right.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use support::{CLUSTER, Repository, SUITE};
use xrdtest_stdlib::modules::ALL;

const IMPORTS: &str = "import \"std/hosts\" as hosts;\nimport \"std/net\" as net;\n\
    import \"std/schedule\" as schedule;\nimport \"std/xrootd\" as xrootd;\n";

/// A cluster whose `info` is an expression.
fn evaluate(expression: &str) -> Result<String, String> {
    let repository = Repository::base();
    let cluster = std::fs::read_to_string(repository.path().join(CLUSTER)).expect("text");
    repository.write(CLUSTER, format!("{IMPORTS}{cluster}"));
    repository.add_lines(CLUSTER, &format!("    cluster.info = `${{{expression}}}`;\n"));
    let catalogue = repository.load();
    match catalogue.diagnostics.first() {
        None => Ok(catalogue.clusters["cluster_base"].info.clone().unwrap_or_default()),
        Some(finding) => {
            // Where the mistake was made, not where it was found.
            assert_eq!(&*finding.file, CLUSTER, "{finding:?}");
            assert!(finding.span.line > 10, "{finding:?}");
            Err(finding.message.clone())
        }
    }
}

#[test]
fn values() {
    for (expression, value) in [
        (r#"net::address("192.168.127.0/24", 10)"#, "192.168.127.10"),
        (r#"net::address("10.0.0.0/16", 300)"#, "10.0.1.44"),
        (r#"net::gateway("10.1.2.128/25")"#, "10.1.2.129"),
        (r#"net::netmask("192.168.127.0/24")"#, "255.255.255.0"),
        (r#"net::netmask("10.0.0.0/8") + " " + net::netmask("10.0.0.8/29")"#, "255.0.0.0 255.255.255.248"),
        (r#"net::dhcp_range("192.168.127.0/24")"#, r#"["192.168.127.2", "192.168.127.254"]"#),
        (r#"net::dhcp_range("192.168.127.0/24", 100, 199)"#, r#"["192.168.127.100", "192.168.127.199"]"#),
        (r#"net::contains("192.168.127.0/24", "192.168.127.255")"#, "true"),
        (r#"net::contains("192.168.127.0/24", "192.168.128.0")"#, "false"),
        (r#"net::overlap("10.0.0.0/8", "10.1.2.0/24")"#, "true"),
        (r#"net::overlap("10.0.0.0/24", "10.0.1.0/24")"#, "false"),
        (r#"net::part("192.168.0.0/16", 24, 127)"#, "192.168.127.0/24"),
        (r#"net::free("192.168.0.0/16", 24, ["192.168.0.0/23", "192.168.3.0/24"])"#, "192.168.2.0/24"),
        (r#"net::free("192.168.0.0/16", 24, ["192.168.0.16/28", "10.0.0.0/8"])"#, "192.168.1.0/24"),
        (r#"net::free("192.168.0.0/16", 24, [])"#, "192.168.0.0/24"),
        (
            r#"net::split("192.168.0.0/16", [24, 28, 24])"#,
            r#"["192.168.0.0/24", "192.168.1.0/28", "192.168.2.0/24"]"#,
        ),
        (r#"net::address_after("192.168.127.254", 3)"#, "192.168.128.1"),
        (r#"hosts::address_after("10.0.0.1", -1)"#, "10.0.0.0"),
        (r##"hosts::names("ds#.xrd.test", [1, 7])"##, r#"["ds1.xrd.test", "ds7.xrd.test"]"#),
        (r##"hosts::range("ds#.xrd.test", 1..=3, "10.0.0.9")[2].ip"##, "10.0.0.11"),
        (r#"schedule::daily("03:00")"#, "0 3 * * *"),
        (r#"schedule::weekdays("23:59")"#, "59 23 * * mon-fri"),
        (r#"schedule::weekends("0:05")"#, "5 0 * * sat,sun"),
        (r#"schedule::weekly("sat", "03:00")"#, "0 3 * * sat"),
        (r#"schedule::weekly(["mon", "thu"], "03:30")"#, "30 3 * * mon,thu"),
        (r#"schedule::monthly(31, "12:00")"#, "0 12 31 * *"),
        (r#"schedule::hourly(10)"#, "10 * * * *"),
        (r#"schedule::every("15m")"#, "*/15 * * * *"),
        (r#"schedule::every("1m") + "|" + schedule::every("60m")"#, "* * * * *|0 * * * *"),
        (r#"schedule::every("6h") + "|" + schedule::every("1h")"#, "0 */6 * * *|0 * * * *"),
        (r#"schedule::every("24h")"#, "0 0 * * *"),
    ] {
        assert_eq!(evaluate(expression).as_deref(), Ok(value), "{expression}");
    }
}

#[test]
fn wrong_arguments_are_named_where_they_stand() {
    for (expression, words) in [
        (r#"net::gateway("192.168.127.0")"#, r#""192.168.127.0" is not a subnet such as"#),
        (r#"net::gateway("192.168.127.9/24")"#, r#""192.168.127.0/24" does"#),
        (r#"net::gateway("1.2.3/24")"#, r#""1.2.3" is not an IPv4 address"#),
        (r#"net::gateway("10.0.0.0/30")"#, "too small"),
        (r#"net::gateway(24)"#, "a subnet is a string such as \"192.168.127.0/24\", not 24"),
        (r#"net::address("10.0.0.0/24", 255)"#, "has addresses 1 to 254, and none with number 255"),
        (r#"net::address("10.0.0.0/24", "x")"#, "an integer, not \"x\""),
        (r#"net::dhcp_range("10.0.0.0/24", 9, 3)"#, "from 9 down to 3"),
        (r#"net::part("10.0.0.0/24", 28, 16)"#, "has parts 0 to 15 of /28"),
        (r#"net::part("10.0.0.0/24", 16, 0)"#, "a /16 is larger"),
        (r#"net::free("10.0.0.0/24", 25, ["10.0.0.0/24"])"#, "has no /25 left"),
        (r#"net::split("10.0.0.0/24", [25, 24])"#, "no room for all of them"),
        (r#"net::configure("x", "10.0.0.0/24")"#, "a Network object is needed, not \"x\""),
        (r#"net::address_after("255.255.255.255", 1)"#, "there is no address 1 behind"),
        (r#"hosts::range("ds.xrd.test", 1..=3, "10.0.0.9")"#, "has no \"#\""),
        (r##"hosts::range("ds#.xrd.test", 3, "10.0.0.9")"##, "a range such as 1..=4 or an array, not 3"),
        (r##"hosts::range("ds#.xrd.test", 1..=3, "10.0.9")"##, "\"10.0.9\" is not an IPv4 address"),
        (r#"hosts::named("manager", "xrd.test", "10.0.0.9")"#, "an array of strings"),
        (r#"schedule::daily("25:00")"#, r#"a time of day is written like "03:00", not "25:00""#),
        (r#"schedule::daily("3")"#, "a time of day is written like"),
        (r#"schedule::daily(3)"#, "not 3"),
        (r#"schedule::daily(())"#, "not nothing"),
        (
            r#"schedule::weekly("caturday", "03:00")"#,
            "one of mon, tue, wed, thu, fri, sat and sun, not \"caturday\"",
        ),
        (r#"schedule::weekly([], "03:00")"#, "no day of the week"),
        (r#"schedule::monthly(32, "03:00")"#, "1 to 31, not 32"),
        (r#"schedule::hourly(60)"#, "0 to 59, not 60"),
        (r#"schedule::every("7m")"#, "minutes must divide an hour"),
        (r#"schedule::every("90m")"#, "\"90m\" has no even rhythm"),
        (r#"schedule::every("5h")"#, "hours must divide a day"),
        (r#"schedule::every("30s")"#, "written like \"15m\" or \"6h\", not \"30s\""),
        (r#"schedule::every(15)"#, "not 15"),
        (r#"xrootd::servers("ds1")"#, "a tree is what `manager` or `meta_manager` gives"),
        (r#"xrootd::manager("m", [])"#, "there are no data servers"),
        (r#"xrootd::manager(7, ["ds1"])"#, "the managers are a string or an array of strings"),
        (r#"xrootd::meta_manager("m", [])"#, "an array of managers"),
        (
            r#"xrootd::configuration(xrootd::manager("m", "d"), #{ exprots: "/x" })"#,
            "there is no option `exprots`; the options are checksum, cmsd_port, exports",
        ),
        (r#"xrootd::configuration(xrootd::manager("m", "d"), #{ port: 0 })"#, "`port` is a port"),
        (
            r#"xrootd::configuration(xrootd::manager("m", "d"), #{ spaces: #{ e: "/x" } })"#,
            "`spaces` names e, which is no data server",
        ),
    ] {
        match evaluate(expression) {
            Err(message) => assert!(message.contains(words), "{expression}: {message}"),
            Ok(value) => panic!("{expression} is {value}"),
        }
    }
}

#[test]
fn the_configuration_of_a_tree() {
    let tree = r#"xrootd::meta_manager("mm.x", [xrootd::manager("m1.x", ["ds1.x", "ds2.x"]),
        xrootd::manager(["m2.x", "m3.x"], "ds3.x")])"#;
    let options = r##"#{ exports: ["/data", "/data/readonly r/o"], checksum: "max 2 md5", lines: "xrd.trace all",
        spaces: #{ "ds1.x": ["/disk1", "/disk2"], "ds3.x": "/disk1" } }"##;
    let text = evaluate(&format!("xrootd::configuration({tree}, {options})")).expect("a text");
    let expected = "\
if mm.x
all.role meta manager
else if m1.x m2.x m3.x
all.role manager
else if ds1.x ds2.x ds3.x
all.role server
fi
all.manager meta mm.x:2094
if m1.x ds1.x ds2.x
all.manager m1.x:2094
else if m2.x m3.x ds3.x
all.manager all m2.x:2094
all.manager all m3.x:2094
fi
xrd.port 1094
if exec cmsd
xrd.port 2094
fi
xrd.network rpipa
all.export /data
all.export /data/readonly r/o
if ds1.x
oss.space public /disk1
oss.space public /disk2
else if ds3.x
oss.space public /disk1
fi
cms.space min 200m 100m
xrootd.chksum max 2 md5
cms.delay startup 1 lookup 1 service 1 suspend 1
cms.conwait 1
all.adminpath /var/spool/xrootd
all.pidpath /run/xrootd
xrd.trace all";
    assert_eq!(text, expected);
    let names = evaluate(&format!("xrootd::names({tree})")).expect("names");
    assert_eq!(names, r#"["mm.x", "m1.x", "m2.x", "m3.x", "ds1.x", "ds2.x", "ds3.x"]"#);
    let last = evaluate(&format!("xrootd::hosts({tree}, \"10.0.0.3\")[6].ip")).expect("an address");
    assert_eq!(last, "10.0.0.9");
}

/// Every example in the comments of the modules, as lines of a suite or a cluster.
#[test]
fn examples_are_valid() {
    let mut found = 0;
    for module in ALL {
        let text: Vec<&str> = module.source.lines().filter_map(|line| line.strip_prefix("///")).collect();
        let text = text.join("\n");
        for example in text.split("\n ```").skip(1).step_by(2) {
            if example.contains("cat >") {
                continue;
            }
            let file = if example.contains("ts.") { SUITE } else { CLUSTER };
            // Some are values and no statements.
            let lines: String = example
                .lines()
                .map(|line| match line.split_once("    //") {
                    Some((value, _)) if !value.trim_end().ends_with(';') && value.contains("::") => {
                        format!("let value = {value};\n")
                    }
                    _ => format!("{line}\n"),
                })
                .collect();
            let repository = Repository::base();
            let before = std::fs::read_to_string(repository.path().join(file)).expect("text");
            repository.write(file, format!("{IMPORTS}{before}"));
            repository.add_lines(file, &lines);
            let problems: Vec<_> = repository
                .load()
                .diagnostics
                .into_iter()
                // The example's hosts and networks are none of this cluster.
                .filter(|finding| finding.code.starts_with("XT0"))
                .collect();
            assert!(problems.is_empty(), "std/{}: {example}\n{problems:?}", module.name);
            found += 1;
        }
    }
    assert!(found > 25, "only {found} examples were found");
}
