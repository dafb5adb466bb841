//! A cluster as it would be started.

use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan_document::EffectiveCluster;
use xrdtest_model::room::Room;

use crate::known;
use crate::snapshot::network::plan_cluster;

/// The cluster of a name, as far as it is known.
pub(super) fn effective(catalogue: &Catalogue, name: &str) -> EffectiveCluster {
    let nothing = |file: String, problem: &str| EffectiveCluster {
        name: name.to_owned(),
        file,
        external: false,
        hypervisor: None,
        network: None,
        hosts: Vec::new(),
        room: Room::default(),
        problem: Some(problem.to_owned()),
    };
    let Some(definition) = catalogue.clusters.get(name) else {
        return match known::clusters(catalogue).get(name) {
            Some(file) => nothing(file.to_string(), "its definition could not be evaluated"),
            None => nothing(String::new(), "there is no such cluster"),
        };
    };
    let file = definition.source.file.to_string();
    match plan_cluster(definition) {
        Ok(plan) => EffectiveCluster {
            file,
            external: plan.external,
            hypervisor: plan.hypervisor.clone(),
            room: if plan.external { Room::default() } else { plan.room() },
            problem: definition.source.broken.then(|| "its definition has errors".to_owned()),
            network: (!plan.external).then_some(plan.network),
            hosts: plan.hosts,
            name: plan.name,
        },
        Err(problem) => nothing(file, &problem),
    }
}
