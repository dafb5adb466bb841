//! What agents with names of their own, and machines that boot, do.

use std::sync::Arc;
use std::time::Duration;

use xrdtest_model::{AttemptId, ClusterPlan, Outcome, StageReport};
use xrdtest_orchestrator::{ClusterOrder, Input};

use super::Lab;
use crate::common::report;
use crate::trace;

impl Lab {
    pub(crate) fn upgrade(&mut self, hypervisor: &str, software: &str) {
        self.hypervisors.get_mut(&hypervisor.into()).unwrap().software = software.to_owned();
    }

    pub(crate) fn physical(&mut self, host: &str) {
        self.physical.insert(host.to_owned());
        self.input(Self::physical_hello(host));
    }

    pub(crate) fn physical_leaves(&mut self, host: &str, orderly: bool) {
        self.physical.remove(host);
        self.input(Input::PhysicalDisconnected { host: host.to_owned(), orderly });
    }

    /// Alice starts a cluster by hand, for an hour.
    pub(crate) fn start_by_hand(&mut self, instance: &str, cluster: &Arc<ClusterPlan>) {
        self.input(Input::StartCluster(Box::new(ClusterOrder {
            instance: instance.into(),
            cluster: Arc::clone(cluster),
            repository: "/repository".to_owned(),
            by: "alice".to_owned(),
            start_ms: 600_000,
            keep: Some(Duration::from_secs(3600)),
        })));
    }

    pub(crate) fn stop_cluster(&mut self, instance: &str) {
        self.input(Input::StopCluster { instance: instance.into(), by: "bob".to_owned() });
    }

    /// Its script calls `expect_reboot`.
    pub(crate) fn announces(&mut self, machine: &str) {
        let attempt = self.attempt(machine);
        self.report(&attempt, StageReport::Rebooting);
        self.agents.get_mut(&attempt.machine).unwrap().announced.insert(attempt);
    }

    /// It boots; of what was announced it has the record, if that was kept, and nothing else.
    pub(crate) fn boots(&mut self, machine: &str, kept: bool) {
        let id = self.machine(machine);
        let agent = self.agents.get_mut(&id).unwrap();
        agent.boot += 1;
        let announced = agent.announced.clone();
        agent.known.retain(|attempt, _| kept && announced.contains(attempt));
        for (known, _) in agent.known.values_mut() {
            let mut passed = report(Outcome::Passed, Some(0), 0);
            passed.reason = "the machine was booted as announced".to_owned();
            *known = StageReport::Finished(Box::new(passed));
        }
        self.connect(machine);
    }

    /// What a machine says of an attempt.
    pub(crate) fn report_of(&self, attempt: &AttemptId) -> StageReport {
        self.agents[&attempt.machine].known[attempt].0.clone()
    }

    /// All that is recorded of agents with names of their own, one per line.
    pub(crate) fn agents_told(&self, expected: &str) {
        let found: Vec<String> = self.journal.iter().filter_map(trace::agent).collect();
        let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        assert_eq!(found, expected, "\n--- recorded:\n{}\n", found.join("\n"));
    }
}
