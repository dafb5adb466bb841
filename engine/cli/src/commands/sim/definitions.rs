//! A suite and a cluster for fakes.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, bail};

const SCRIPT: &str = "#!/bin/sh\ntrue\n";

/// Writes a repository. Real machines can run it too.
pub(super) fn write(folder: &Path, machines: u16, cases: u16) -> anyhow::Result<()> {
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} is not empty; name a folder that is, or that does not exist yet", folder.display());
    }
    put(folder, machines, cases).with_context(|| format!("cannot write definitions to {}", folder.display()))
}

fn put(folder: &Path, machines: u16, cases: u16) -> io::Result<()> {
    let (suite, clusters) = (folder.join("suites/sim"), folder.join("clusters"));
    fs::create_dir_all(&clusters)?;
    fs::create_dir_all(&suite)?;
    fs::write(clusters.join("sim.rhai"), cluster(machines))?;
    let names: Vec<String> = (1..=cases).map(|number| format!("c{number}")).collect();
    fs::write(suite.join("sim.rhai"), suite_definition(&names))?;
    script(&suite.join("true.sh"))?;
    for name in names {
        let case = suite.join("tc").join(name);
        fs::create_dir_all(&case)?;
        for stage in ["init.sh", "run.sh", "finalize.sh"] {
            script(&case.join(stage))?;
        }
    }
    Ok(())
}

fn script(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, SCRIPT)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

fn cluster(machines: u16) -> String {
    format!(
        "// Hosts m1.xrd.test, m2.xrd.test, …\n\
         fn getCluster() {{\n    \
             let cluster = Cluster(\"sim\");\n    \
             cluster.network.ip = \"10.111.0.1\";\n    \
             cluster.network.netmask = \"255.255.0.0\";\n    \
             cluster.network.DHCPRange = [\"10.111.1.1\", \"10.111.255.254\"];\n    \
             for number in 1..={machines} {{\n        \
                 let host = Host(`m${{number}}.xrd.test`, `10.111.${{1 + number / 250}}.${{1 + number % 250}}`);\n        \
                 host.ramSize = \"256M\";\n        \
                 cluster.network.addHost(host);\n        \
                 cluster.addHost(host);\n    \
             }}\n    \
             cluster\n\
         }}\n"
    )
}

fn suite_definition(cases: &[String]) -> String {
    let tests: Vec<String> = cases.iter().map(|name| format!("\"{name}\"")).collect();
    format!(
        "// Does nothing, in lock step.\n\
         fn getTestSuite() {{\n    \
             let ts = TestSuite(\"sim\");\n    \
             ts.clusters   = [\"sim\"];\n    \
             ts.tests      = [{}];\n    \
             ts.initialize = \"file://true.sh\";\n    \
             ts.finalize   = \"file://true.sh\";\n    \
             ts\n\
         }}\n",
        tests.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use xrdtest_definitions::{LoadOptions, load};

    use super::*;

    #[test]
    fn what_is_written_is_valid() {
        let folder = tempfile::tempdir().unwrap();
        for machines in [1, 1000] {
            let folder = folder.path().join(machines.to_string());
            write(&folder, machines, 2).unwrap();
            let catalogue = load(&folder, &LoadOptions::default());
            assert!(catalogue.diagnostics.is_empty(), "{:?}", catalogue.diagnostics);
            assert_eq!(catalogue.clusters["sim"].hosts.len(), usize::from(machines));
            assert_eq!(catalogue.suites["sim"].tests.len(), 2);
            let error = write(&folder, machines, 2).unwrap_err().to_string();
            assert!(error.contains("is not empty"), "{error}");
        }
    }
}
