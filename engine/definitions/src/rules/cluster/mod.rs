//! Clusters, alone and against each other: `XT2`.
use crate::draft::cluster::Cluster;
use crate::findings::Findings;
#[derive(Default)]
pub(crate) struct Seen;
pub(crate) fn check(_: &Cluster, _: &mut Seen, _: &mut Findings) {}
