//! Folders of this machine that machines see.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;

use support::{Lab, cluster, instance};
use xrdtest_hypervisor::provider::Provider;
use xrdtest_hypervisor::sandbox::Shared;

const M1: &str = "m1.xrd.test";

#[tokio::test(flavor = "multi_thread")]
async fn machines_see_what_is_shared_as_it_is_now() {
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    let (build, results) = (folder.path().join("build"), folder.path().join("results"));
    for made in [&build, &results] {
        fs::create_dir(made).unwrap();
    }
    let lab = Lab::with(|config| {
        config.shared = vec![
            Shared { host: build.clone(), machine: "/opt/build".into(), writable: false },
            Shared { host: results.clone(), machine: "/mnt/results".into(), writable: true },
        ];
    })
    .await;
    let id = instance("shared");
    let _sockets = lab.start(&id, &cluster(2)).await.unwrap();
    fs::write(build.join("tool"), "#!/bin/sh\necho fresh\n").unwrap();
    lab.bad(&id, M1, "touch /opt/build/file");
    lab.bad(&id, M1, "rm /opt/build/tool");
    assert_eq!(lab.good(&id, M1, "sh /opt/build/tool | tee /mnt/results/from-m1"), "fresh");
    assert_eq!(lab.good(&id, "m2.xrd.test", "cat /mnt/results/from-m1"), "fresh", "all see the same");
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
    assert_eq!(fs::read_to_string(results.join("from-m1")).unwrap(), "fresh\n", "it outlives the machines");
    assert!(build.join("tool").exists(), "and nobody removes what is shared");
}
