//! Suites and clusters as people write them.

use std::fs;
use std::io;
use std::path::Path;

const SUBJECTS: [&str; 10] =
    ["copy", "redirect", "checksum", "staging", "proxy", "tpc", "tape", "quota", "auth", "mirror"];
const CASES: [&str; 9] =
    ["copy_to", "copy_from", "verify", "list", "rename", "remove", "stat", "reopen", "truncate"];

const STAGE: &str = r#"#!/bin/bash
set -eu
source /etc/XrdTest/utils/functions.sh

log "STAGE begins on @slavename@"
if role ds1; then
    xrdcp -f /data/file root://ds1.xrd.test//data/STAGE
    metric copy.rate "$(cat rate)" MB/s
fi
log "STAGE is over"
"#;

/// A repository with so many suites, on a fifth as many clusters of 2 to 8 machines. The folder must not exist.
pub(crate) fn write(folder: &Path, suites: u16) -> io::Result<()> {
    fs::create_dir_all(folder.parent().unwrap_or(folder))?;
    fs::create_dir(folder)?;
    let clusters = suites.div_ceil(5);
    fs::create_dir_all(folder.join("clusters"))?;
    for number in 0..clusters {
        let name = cluster_name(number);
        fs::write(folder.join(format!("clusters/{name}.rhai")), cluster(&name, number))?;
    }
    for number in 0..suites {
        let subject = SUBJECTS[usize::from(number) % SUBJECTS.len()];
        let name = format!("ts_{number:03}_{subject}");
        let home = folder.join("suites").join(&name);
        let count = 3 + usize::from(number) % 3;
        let cases: Vec<&str> =
            (0..count).map(|index| CASES[(usize::from(number) + index) % CASES.len()]).collect();
        fs::create_dir_all(&home)?;
        for script in ["init.sh", "finalize.sh"] {
            fs::write(home.join(script), STAGE.replace("STAGE", script))?;
        }
        for case in &cases {
            let place = home.join("tc").join(case);
            fs::create_dir_all(&place)?;
            fs::write(place.join("run.sh"), STAGE.replace("STAGE", case))?;
        }
        fs::write(home.join("tc").join(cases[0]).join("init.sh"), STAGE.replace("STAGE", "init"))?;
        let definition = suite(&name, subject, &cluster_name(number % clusters), &cases, number);
        fs::write(home.join(format!("{name}.rhai")), definition)?;
    }
    Ok(())
}

fn cluster_name(number: u16) -> String {
    format!("cluster_{number:03}")
}

fn cluster(name: &str, number: u16) -> String {
    let (upper, lower) = (100 + number / 250, number % 250);
    let machines = 2 + number % 7;
    format!(
        "// Data servers ds1.xrd.test, ds2.xrd.test, …\n\
         fn getCluster() {{\n    \
             let cluster = Cluster(\"{name}\");\n    \
             cluster.network.ip = \"10.{upper}.{lower}.1\";\n    \
             cluster.network.netmask = \"255.255.255.0\";\n    \
             cluster.network.DHCPRange = [\"10.{upper}.{lower}.2\", \"10.{upper}.{lower}.254\"];\n    \
             for number in 1..={machines} {{\n        \
                 let host = Host(`ds${{number}}.xrd.test`, `10.{upper}.{lower}.${{10 + number}}`);\n        \
                 host.ramSize = \"256M\";\n        \
                 cluster.network.addHost(host);\n        \
                 cluster.addHost(host);\n    \
             }}\n    \
             cluster\n\
         }}\n"
    )
}

fn suite(name: &str, subject: &str, cluster: &str, cases: &[&str], number: u16) -> String {
    let tests: Vec<String> = cases.iter().map(|name| format!("\"{name}\"")).collect();
    let minute = number % 60;
    // Half of them start by themselves; far apart, so that none does while the dashboard is looked at.
    let schedule = match number % 2 {
        0 => format!("    ts.schedule   = \"{minute} 3 1 1 *\";\n"),
        _ => String::new(),
    };
    format!(
        "// Made for measuring.\n\
         fn getTestSuite() {{\n    \
             let ts = TestSuite(\"{name}\");\n    \
             ts.descName   = \"The {subject} suite, number {number}\";\n    \
             ts.clusters   = [\"{cluster}\"];\n    \
             ts.tests      = [{}];\n    \
             ts.initialize = \"file://init.sh\";\n    \
             ts.finalize   = \"file://finalize.sh\";\n    \
             ts.logs       = [\"/var/log/xrootd/@slavename@.log\"];\n\
         {schedule}    ts\n\
         }}\n",
        tests.join(", ")
    )
}
