//! A cluster's plan by itself, for one that is started by hand.

use std::sync::Arc;

use xrdtest_model::definition::Catalogue;
use xrdtest_model::plan::ClusterPlan;

use super::network::plan_cluster;
use super::{SnapshotError, errors_about};
use crate::known;

/// Makes the plan of a cluster, for an instance that belongs to no run. Answers the root of its repository, too.
///
/// # Errors
/// [`SnapshotError`] where the cluster does not exist, or its definition has errors.
pub fn snapshot_cluster(
    catalogue: &Catalogue,
    name: &str,
) -> Result<(Arc<ClusterPlan>, String), SnapshotError> {
    let known = known::clusters(catalogue);
    let definition = catalogue.clusters.get(name);
    let Some(cluster) = definition.filter(|cluster| !cluster.source.broken) else {
        return Err(match known.get(name) {
            // It is there, with errors, or so broken that nothing could be read.
            Some(file) => {
                let file = file.to_string();
                let diagnostics = errors_about(catalogue, std::slice::from_ref(&file));
                SnapshotError::BrokenCluster { cluster: name.to_owned(), file, diagnostics }
            }
            None => {
                let suite = catalogue.suites.get(name);
                SnapshotError::UnknownCluster {
                    name: name.to_owned(),
                    known: known.into_keys().collect(),
                    of_suite: suite.map(|suite| suite.clusters.clone()).unwrap_or_default(),
                }
            }
        });
    };
    let plan = plan_cluster(cluster)
        .map_err(|problem| SnapshotError::InconsistentCluster { cluster: name.to_owned(), problem })?;
    Ok((Arc::new(plan), cluster.source.repository.clone()))
}
