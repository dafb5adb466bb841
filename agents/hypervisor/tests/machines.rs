//! Machines of the sandbox: up and down, names, network, files, disks.

mod support;

use support::{Lab, cluster, disk, instance, traces};
use xrdtest_hypervisor::provider::{Provider, Step};

#[tokio::test(flavor = "multi_thread")]
async fn machines_come_and_go_and_leave_nothing() {
    let lab = Lab::new().await;
    let id = instance("up");
    let steps = lab.start(&id, &cluster(3)).await.unwrap();
    assert!(steps.iter().any(|step| matches!(step, Step::Network(_))));
    assert_eq!(lab.sandbox.instances(), [(id.clone(), true)]);
    assert_eq!(lab.good(&id, "m2.xrd.test", "hostname; cat /etc/hostname"), "m2.xrd.test\nm2.xrd.test");
    lab.start(&id, &cluster(3)).await.unwrap();
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.sandbox.instances(), []);
    assert!(
        traces(id.as_str(), lab.folder.path()).is_empty(),
        "{:#?}",
        traces(id.as_str(), lab.folder.path())
    );
    lab.sandbox.stop(&id).await.unwrap();
}
