//! Which run goes where, and why the others wait.

use std::sync::Arc;

use xrdtest_model::RunPlan;
use xrdtest_orchestrator::{Ability, InstanceReport};

use crate::common::{ability, case, cluster, suite};
use crate::lab::{Lab, scenario};
use crate::outcomes::pair;

/// A suite on one cluster with so many hosts of 1 GiB.
fn sized(name: &str, subnet: u8, hosts: usize) -> RunPlan {
    let hosts: Vec<String> = (0..hosts).map(|host| format!("{name}{host}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let mut plan = suite(&[cluster(name, subnet, &hosts)]);
    plan.cases = vec![case("copy", &plan.machines)];
    plan
}

fn stop(lab: &mut Lab, run: &str) {
    lab.cancel(run, true);
    lab.says(&format!("{run}.0"), InstanceReport::Stopped);
}

#[test]
fn two_runs_of_one_suite_in_sandboxes_go_in_parallel() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(4, false));
        lab.submit("r1", &pair());
        lab.submit("r2", &pair());
        lab.expect(
            "* r1 queued
             * r1 placed on hv1
             start r1.0 on hv1
             * r2 queued
             * r2 placed on hv1
             start r2.0 on hv1",
        );
        for run in ["r1", "r2"] {
            lab.made(&format!("{run}.0"));
            lab.connect(&format!("{run}.0/a"));
            lab.connect(&format!("{run}.0/b"));
        }
        for _ in 0..5 {
            lab.all_pass();
        }
        lab.verdict("r1", "passed");
        lab.verdict("r2", "passed");
    });
}

#[test]
fn room() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, false));
        lab.submit("r1", &sized("big", 1, 5));
        lab.skip();
        lab.submit("r2", &sized("other", 2, 4));
        lab.expect(
            "* r2 queued
             * r2 waits: not enough room: cluster other needs 4 GiB of memory, hv1 has 3 GiB free",
        );
        lab.submit("r3", &sized("huge", 3, 9));
        lab.expect(
            "* r3 queued
             * r3 waits: hv1 is too small: cluster huge needs 9 GiB of memory, it has 8 GiB in all",
        );
        lab.hypervisor("hv2", ability(2, false));
        lab.expect(
            "* r2 waits: not enough room: cluster other needs 4 GiB of memory, hv1 has 3 GiB free; \
             hv2 is too small: cluster other needs 4 GiB of memory, it has 2 GiB in all
             * r3 waits: hv1 is too small: cluster huge needs 9 GiB of memory, it has 8 GiB in all; \
             hv2 is too small: cluster huge needs 9 GiB of memory, it has 2 GiB in all",
        );
        lab.cancel("r1", true);
        lab.skip();
        lab.says("r1.0", InstanceReport::Stopped);
        lab.expect(
            "* r1.0 stopped
             * r2 placed on hv1
             start r2.0 on hv1",
        );
    });
}

#[test]
fn room_that_is_told_anew() {
    scenario(|lab| {
        let room = |gib: u64| ability(gib, false).room;
        lab.hypervisor("hv1", ability(4, false));
        lab.submit("r1", &sized("big", 1, 6));
        lab.expect(
            "* r1 queued
             * r1 waits: hv1 is too small: cluster big needs 6 GiB of memory, it has 4 GiB in all",
        );
        lab.room("hv1", room(5));
        lab.expect("* r1 waits: hv1 is too small: cluster big needs 6 GiB of memory, it has 5 GiB in all");
        lab.room("hv1", room(5));
        lab.expect("");
        lab.room("hv1", room(6));
        lab.expect(
            "* r1 placed on hv1
             start r1.0 on hv1",
        );
        lab.room("hv1", room(2));
        let status = lab.core.hypervisors().remove(0);
        assert_eq!((status.room.memory_kib >> 20, status.free.memory_kib), (2, 0));
        lab.hypervisor_leaves("hv1");
        lab.room("hv1", room(9));
        let away = lab.core.hypervisors();
        assert!(away.iter().all(|status| status.room == room(2)), "{away:?}");
    });
}

#[test]
fn one_instance_per_cluster_and_subnet_under_libvirt() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, true));
        lab.submit("r1", &pair());
        lab.skip();
        lab.submit("r2", &pair());
        lab.submit("r3", &sized("twin", 1, 1));
        lab.submit("r4", &sized("free", 2, 1));
        lab.expect(
            "* r2 queued
             * r2 waits: cluster pair is in use by run r1 on hv1
             * r3 queued
             * r3 waits: the network 10.0.1.1/24 of cluster twin is in use by cluster pair of run r1 on hv1
             * r4 queued
             * r4 placed on hv1
             start r4.0 on hv1",
        );
        stop(lab, "r1");
        lab.skip();
        stop(lab, "r2");
        lab.expect(
            "* r2 cancelled by alice with force
             * r2 cancelled: cancelled by alice: wrong branch
             * r2.0 stopping
             stop r2.0 on hv1
             * r2.0 stopped
             * r3 placed on hv1
             start r3.0 on hv1",
        );
    });
}

#[test]
fn all_clusters_or_none() {
    scenario(|lab| {
        let mut plan = suite(&[cluster("left", 1, &["a", "b", "c"]), cluster("right", 2, &["d", "e"])]);
        plan.cases = vec![case("copy", &plan.machines)];
        lab.hypervisor("hv1", ability(4, false));
        lab.submit("r1", &plan);
        lab.expect(
            "* r1 queued
             * r1 waits: its clusters fit one by one, but not at the same time",
        );
        lab.hypervisor("hv2", ability(3, false));
        lab.expect(
            "* r1 placed on hv1, hv2
             start r1.0 on hv1
             start r1.1 on hv2",
        );
    });
}

#[test]
fn the_way_round_is_found() {
    scenario(|lab| {
        let mut plan = suite(&[cluster("small", 1, &["a"]), cluster("big", 2, &["b", "c", "d"])]);
        plan.cases = vec![case("copy", &plan.machines)];
        lab.hypervisor("hv1", ability(3, false));
        lab.hypervisor("hv2", ability(1, false));
        lab.submit("r1", &plan);
        lab.expect(
            "* r1 queued
             * r1 placed on hv2, hv1
             start r1.0 on hv2
             start r1.1 on hv1",
        );
    });
}

#[test]
fn younger_runs_may_pass_the_oldest_only_for_a_while() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, false));
        lab.submit("r1", &sized("first", 1, 4));
        lab.submit("r2", &sized("big", 2, 8));
        lab.submit("r3", &sized("small", 3, 1));
        lab.expect(
            "* r1 queued
             * r1 placed on hv1
             start r1.0 on hv1
             * r2 queued
             * r2 waits: not enough room: cluster big needs 8 GiB of memory, hv1 has 4 GiB free
             * r3 queued
             * r3 placed on hv1
             * r2 waits: not enough room: cluster big needs 8 GiB of memory, hv1 has 3 GiB free
             start r3.0 on hv1",
        );
        lab.wait(301);
        lab.submit("r4", &sized("small", 4, 1));
        lab.expect(
            "* r4 queued
             * r4 waits: hv1 is kept for run r2, which has waited longer",
        );
        stop(lab, "r1");
        lab.skip();
        stop(lab, "r3");
        lab.expect(
            "* r3 cancelled by alice with force
             * r3 cancelled: cancelled by alice: wrong branch
             * r3.0 stopping
             stop r3.0 on hv1
             * r3.0 stopped
             * r2 placed on hv1
             * r4 waits: not enough room: cluster small needs 1 GiB of memory, hv1 has 0 B free
             start r2.0 on hv1",
        );
    });
}

#[test]
fn nothing_is_kept_for_a_run_that_fits_nowhere() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, false));
        lab.submit("r1", &sized("huge", 1, 9));
        lab.wait(600);
        lab.submit("r2", &pair());
        assert!(lab.core.instances().iter().any(|instance| instance.owner.run() == Some(&"r2".into())));
    });
}

/// A hypervisor of 8 GiB with these labels.
fn labelled(labels: &[&str]) -> Ability {
    let mut ability = ability(8, false);
    ability.labels = labels.iter().map(|&label| label.to_owned()).collect();
    ability
}

/// A suite on one cluster of one host of 1 GiB that asks for a hypervisor.
fn asking(name: &str, subnet: u8, wanted: &str) -> RunPlan {
    let mut plan = sized(name, subnet, 1);
    Arc::make_mut(&mut plan.clusters[0]).hypervisor = Some(wanted.to_owned());
    plan
}

#[test]
fn a_cluster_goes_where_its_definition_says() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.hypervisor("hv2", labelled(&["ssd", "fast"]));
        lab.submit("r1", &asking("named", 1, "hv2"));
        lab.submit("r2", &asking("labelled", 2, "ssd"));
        lab.submit("r3", &sized("free", 3, 1));
        lab.expect(
            "* r1 queued
             * r1 placed on hv2
             start r1.0 on hv2
             * r2 queued
             * r2 placed on hv2
             start r2.0 on hv2
             * r3 queued
             * r3 placed on hv1
             start r3.0 on hv1",
        );
        lab.submit("r4", &asking("nowhere", 4, "big"));
        lab.expect(
            "* r4 queued
             * r4 waits: cluster nowhere asks for hypervisor `big`, and no connected one has that name or label \
             (connected: hv1, hv2 [fast, ssd])",
        );
        lab.hypervisor("big", ability(1, false));
        lab.expect(
            "* r4 placed on big
             start r4.0 on big",
        );
    });
}

/// Hypervisors that nobody asked for are not worth a word where the right one is only full.
#[test]
fn a_run_waits_for_the_hypervisor_that_it_asks_for() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(100, false));
        lab.hypervisor("hv2", ability(1, false));
        lab.submit("r1", &asking("first", 1, "hv2"));
        lab.skip();
        lab.submit("r2", &asking("second", 2, "hv2"));
        lab.expect(
            "* r2 queued
             * r2 waits: not enough room: cluster second needs 1 GiB of memory, hv2 has 0 B free",
        );
        // Only the one that it asks for is kept for it.
        lab.wait(301);
        lab.submit("r3", &asking("third", 3, "hv2"));
        lab.submit("r4", &sized("other", 4, 1));
        lab.expect(
            "* r3 queued
             * r3 waits: hv2 is kept for run r2, which has waited longer
             * r4 queued
             * r4 placed on hv1
             start r4.0 on hv1",
        );
    });
}

#[test]
fn clusters_of_one_suite_go_to_different_hypervisors() {
    scenario(|lab| {
        let mut plan = suite(&[cluster("left", 1, &["a"]), cluster("right", 2, &["b"])]);
        plan.cases = vec![case("copy", &plan.machines)];
        Arc::make_mut(&mut plan.clusters[0]).hypervisor = Some("ssd".to_owned());
        lab.hypervisor("hv1", ability(100, false));
        lab.submit("r1", &plan);
        lab.expect(
            "* r1 queued
             * r1 waits: cluster left asks for hypervisor `ssd`, and no connected one has that name or label \
             (connected: hv1)",
        );
        lab.hypervisor("hv2", labelled(&["ssd"]));
        lab.expect(
            "* r1 placed on hv2, hv1
             start r1.0 on hv2
             start r1.1 on hv1",
        );
    });
}

/// After a restart other hypervisors may be back before the one that is asked for.
#[test]
fn the_hypervisor_that_is_asked_for_is_given_time_to_come_back() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(8, false));
        lab.hypervisor("hv2", ability(1, false));
        lab.submit("r1", &asking("first", 1, "hv2"));
        lab.submit("r2", &asking("second", 2, "hv2"));
        let waits = |lab: &Lab| {
            lab.journal.iter().filter(|event| format!("{event:?}").contains("RunWaiting")).count()
        };
        assert_eq!(waits(lab), 1);
        lab.restart();
        lab.hypervisor_leaves("hv2");
        assert_eq!(waits(lab), 1);
        lab.wait(10);
        assert_eq!(waits(lab), 2);
    });
}

#[test]
fn no_hypervisor() {
    scenario(|lab| {
        lab.submit("r1", &pair());
        lab.expect(
            "* r1 queued
             * r1 waits: no hypervisor is connected",
        );
        lab.hypervisor("hv1", ability(8, false));
        lab.expect(
            "* r1 placed on hv1
             start r1.0 on hv1",
        );
        let status = lab.core.hypervisors().remove(0);
        assert_eq!((status.room.memory_kib >> 20, status.free.memory_kib >> 20), (8, 6));
    });
}

/// After a restart, nobody is told that there is no hypervisor before they had time to come back.
#[test]
fn a_reason_to_wait_outlives_a_restart() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.submit("r1", &pair());
        let reason = "not enough room";
        let waits = |lab: &Lab| {
            lab.journal.iter().filter(|event| format!("{event:?}").contains("RunWaiting")).count()
        };
        assert_eq!(waits(lab), 1, "{reason}");
        lab.restart();
        assert_eq!(waits(lab), 1);
        lab.hypervisor_leaves("hv1");
        assert_eq!(waits(lab), 1);
        lab.wait(10);
        assert_eq!(waits(lab), 2);
    });
}
