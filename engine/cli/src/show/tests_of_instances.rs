//! What is shown of instances, held against snapshots.

use std::time::Duration;

use anstream::adapter::strip_str;
use xrdtest_model::api::{InstanceDetails, InstanceInfo, SlaveInfo};
use xrdtest_model::chronicle::{Subject, SubjectKind};
use xrdtest_model::event::InstanceOwner;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_795_342_500_000);

/// One that is active.
pub(crate) fn instance(id: &str, cluster: &str, owner: InstanceOwner) -> InstanceInfo {
    let of_run = matches!(owner, InstanceOwner::Run { .. });
    InstanceInfo {
        instance: id.into(),
        cluster: cluster.to_owned(),
        hypervisor: "hv1".into(),
        run: owner.run().cloned(),
        state: StateWord::of_constant("S_ACTIVE"),
        owner,
        since: NOW.before(Duration::from_secs(7200)),
        until: (!of_run).then(|| NOW.after(Duration::from_secs(1800))),
        hosts: vec!["ds1.xrd.test".to_owned()],
    }
}

#[test]
fn lists_and_details() {
    let hand = instance(
        "20261122-081500-cluster_copy-77cd",
        "cluster_copy",
        InstanceOwner::Hand { by: "alice".to_owned() },
    );
    let run = InstanceOwner::Run { run: "20261122-101700-ts_copy-77cd".into() };
    let kept = InstanceOwner::Kept { run: "20261122-101800-ts_copy-11ee".into() };
    let all = [
        hand.clone(),
        instance("20261122-101700-ts_copy-77cd.0", "cluster_copy", run),
        instance("20261122-101800-ts_copy-11ee.0", "cluster_copy", kept),
    ];
    let plain = |text: String| strip_str(&text).to_string();
    insta::assert_snapshot!(plain(super::instances(NOW, &all)));
    assert_eq!(super::instances(NOW, &[]), "");
    let entered = |constant: &str, detail: &str, seconds: u64| Transition {
        event: 7,
        at: NOW.before(Duration::from_secs(seconds)),
        subject: Subject { kind: SubjectKind::Cluster, name: "cluster_copy".to_owned() },
        state: StateWord::of_constant(constant),
        detail: detail.to_owned(),
        run: None,
        is_step: false,
    };
    let machine = SlaveInfo {
        name: "20261122-081500-cluster_copy-77cd/ds1.xrd.test".to_owned(),
        host: "ds1.xrd.test".to_owned(),
        physical: false,
        connected: false,
        state: StateWord::of_constant("S_NOT_CONNECTED"),
        since: Some(NOW.before(Duration::from_secs(70))),
        detail: "given up: no contact for 30 s".to_owned(),
        run: None,
        revoked: None,
        history: Vec::new(),
    };
    let details = InstanceDetails {
        instance: hand,
        machines: vec![machine],
        history: vec![
            entered("S_ACTIVE", "", 7100),
            entered("S_CREATING_NETWORK", "virbr_copy", 7199),
            entered("S_DEFINITION_SENT", "20261122-081500-cluster_copy-77cd on hv1, by hand, alice", 7200),
        ],
    };
    insta::assert_snapshot!(plain(super::instance(NOW, &details)));
}
