//! Placement by what an engine tells of its hypervisors says what the engine itself would say.

use std::sync::Arc;

use xrdtest_model::event::InstanceOwner;
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::room::Room;
use xrdtest_model::{ClusterPlan, HypervisorName, InstanceId, RunId};
use xrdtest_orchestrator::{Ability, ToldHypervisor, ToldInstance, survey, told_cluster};

use crate::common::{GIB_IN_KIB, ability, cluster, external, physical};

fn told(name: &str, ability: Ability, used_gib: u64) -> ToldHypervisor {
    let used = Room { memory_kib: used_gib * GIB_IN_KIB, cores: 0, disk_bytes: 0 };
    let free = ability.room.less(&used);
    ToldHypervisor { name: HypervisorName::new(name), ability, free, held: None, instances: Vec::new() }
}

fn with(mut hypervisor: ToldHypervisor, run: &str, cluster: ClusterPlan) -> ToldHypervisor {
    hypervisor.instances.push(ToldInstance {
        id: InstanceId::new(format!("{run}.0")),
        owner: InstanceOwner::Run { run: RunId::new(run) },
        until: None,
        cluster: Arc::new(cluster),
    });
    hypervisor
}

/// Where, or why not.
fn place(clusters: &[Arc<ClusterPlan>], told: &[ToldHypervisor]) -> String {
    match survey(clusters, told).places {
        Ok(places) => places.iter().map(HypervisorName::as_str).collect::<Vec<_>>().join(", "),
        Err(reason) => reason,
    }
}

#[test]
fn places_and_reasons_are_the_engine_s() {
    let pair = || vec![cluster("pair", 1, &["a", "b"])];
    assert_eq!(place(&pair(), &[]), "no hypervisor is connected");
    assert_eq!(
        place(&pair(), &[told("hv1", ability(4, false), 0), told("hv2", ability(8, false), 0)]),
        "hv2"
    );
    let small = "hv1 is too small: cluster pair needs 2 GiB of memory, it has 1 GiB in all";
    assert_eq!(place(&pair(), &[told("hv1", ability(1, false), 0)]), small);
    let full = "not enough room: cluster pair needs 2 GiB of memory, hv1 has 1 GiB free";
    assert_eq!(place(&pair(), &[told("hv1", ability(4, false), 3)]), full);
    let both = [cluster("one", 1, &["a", "b"]), cluster("two", 2, &["c", "d"])];
    assert_eq!(
        place(&both, &[told("hv1", ability(3, false), 0)]),
        "its clusters fit one by one, but not at the same time"
    );
}

#[test]
fn tenants_count_as_far_as_they_are_told() {
    let pair = || vec![cluster("pair", 1, &["a", "b"])];
    let machines = || told("hv1", ability(8, true), 2);
    let same = with(machines(), "r1", told_cluster("pair", &["a".to_owned(), "b".to_owned()]));
    assert_eq!(place(&pair(), &[same]), "cluster pair is in use by run r1 on hv1");
    let other = with(machines(), "r1", told_cluster("other", &[]));
    assert_eq!(place(&pair(), &[other]), "hv1");
    let neighbour = with(machines(), "r1", ClusterPlan::clone(&cluster("other", 1, &["x"])));
    let reason = place(&pair(), std::slice::from_ref(&neighbour));
    assert_eq!(reason, "the network 10.0.1.1/24 of cluster pair is in use by cluster other of run r1 on hv1");
    let survey = survey(&pair(), &[neighbour, told("hv2", ability(8, true), 0)]);
    assert_eq!(survey.places, Ok(vec![HypervisorName::new("hv2")]));
    assert_eq!(survey.obstacles[&(HypervisorName::new("hv1"), "pair".to_owned())], reason);
    assert_eq!(survey.obstacles.len(), 1);
}

#[test]
fn physical_machines() {
    let wanted = || vec![external("metal", &["n1", "n2"])];
    let hypervisor = told("hv1", ability(8, false), 0);
    let engine = told(EXTERNAL, physical(), 0);
    assert_eq!(place(&wanted(), &[hypervisor.clone(), engine.clone()]), EXTERNAL);
    let busy = with(engine, "r1", told_cluster("others", &["n2".to_owned()]));
    assert_eq!(place(&wanted(), &[busy]), "n2 is used by run r1");
    let survey = survey(&wanted(), &[hypervisor]);
    assert!(survey.places.is_err());
    let (_, obstacle) = survey.obstacles.into_iter().next().expect("an obstacle");
    assert_eq!(obstacle, "cluster metal is made of physical machines");
}
