//! Events as an engine writes them, for tests of back-ends.

use std::net::Ipv4Addr;
use std::sync::Arc;

use xrdtest_model::definition::AlertPolicy;
use xrdtest_model::definition::Forward;
use xrdtest_model::event::{CollectedLog, InstanceState, Placement, StageResult};
use xrdtest_model::plan::{Alerts, CasePlan, HostPlan, NetworkPlan, Script};
use xrdtest_model::{
    ClusterPlan, Event, EventBody, InstanceId, Limits, MachineId, Outcome, RunId, RunPlan, StageId,
    StageKind, Timestamp, Verdict,
};

/// When the first story begins.
const BEGIN_MS: u64 = 1_795_342_500_000;

/// Gives events numbers and times: one millisecond each.
#[derive(Debug, Default)]
pub struct Scribe {
    last: u64,
}

impl Scribe {
    /// Goes on after this number.
    pub fn after(last: u64) -> Self {
        Self { last }
    }

    /// The next event.
    pub fn one(&mut self, body: EventBody) -> Event {
        self.last += 1;
        Event { number: self.last, at: Timestamp::from_millis(BEGIN_MS + self.last), body }
    }

    /// The next events.
    pub fn all(&mut self, bodies: impl IntoIterator<Item = EventBody>) -> Vec<Event> {
        bodies.into_iter().map(|body| self.one(body)).collect()
    }
}

/// One run with one cluster, and what happens to it.
#[derive(Clone, Debug)]
pub struct Story {
    /// The run.
    pub run: RunId,
    /// Its instance.
    pub instance: InstanceId,
    /// What it does.
    pub plan: RunPlan,
}

impl Story {
    /// A run of `suite` with one case, `copy_to`, on so many machines: `ds1.xrd.test` and so on.
    pub fn new(run: &str, suite: &str, machines: u8) -> Self {
        let hosts: Vec<HostPlan> = (1..=machines).map(host).collect();
        let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let cluster = ClusterPlan {
            name: "cluster_ds".to_owned(),
            network: network(),
            hosts,
            external: false,
            hypervisor: None,
        };
        let case = CasePlan {
            name: "copy_to".to_owned(),
            machines: names.clone(),
            initialize: Some(script("init.sh")),
            run: script("run.sh"),
            finalize: Some(script("finalize.sh")),
        };
        let plan = RunPlan {
            suite: suite.to_owned(),
            repository: "/repository".to_owned(),
            clusters: vec![Arc::new(cluster)],
            machines: names,
            initialize: script("suite_init.sh"),
            finalize: Some(script("suite_finalize.sh")),
            cases: vec![case],
            logs: vec!["/var/log/xrootd.log".to_owned()],
            tags: std::collections::BTreeMap::new(),
            limits: Limits::default(),
            alerts: Alerts { emails: Vec::new(), success: AlertPolicy::None, failure: AlertPolicy::None },
            overridden: Default::default(),
            keep_on_failure: false,
            core_dumps: Default::default(),
            origin: None,
        };
        Self { run: run.into(), instance: InstanceId::new(format!("{run}.0")), plan }
    }

    /// Its machine number `index` from 0.
    pub fn machine(&self, index: usize) -> MachineId {
        let host = self.plan.machines.get(index).cloned().unwrap_or_default();
        MachineId::new(self.instance.clone(), host)
    }

    fn machines(&self) -> impl Iterator<Item = MachineId> + '_ {
        self.plan.machines.iter().map(|host| MachineId::new(self.instance.clone(), host.clone()))
    }

    /// It is asked for.
    pub fn queued(&self) -> EventBody {
        EventBody::RunQueued {
            run: self.run.clone(),
            plan: Box::new(self.plan.clone()),
            trigger: "alice".to_owned(),
        }
    }

    /// It waits.
    pub fn waiting(&self, reason: &str) -> EventBody {
        EventBody::RunWaiting { run: self.run.clone(), reason: reason.to_owned() }
    }

    /// It gets its place.
    pub fn placed(&self) -> EventBody {
        let placement = Placement {
            instance: self.instance.clone(),
            cluster: "cluster_ds".to_owned(),
            hypervisor: "hv1".into(),
        };
        EventBody::RunPlaced { run: self.run.clone(), instances: vec![placement] }
    }

    /// Its instance changes its state.
    pub fn instance(&self, state: InstanceState) -> EventBody {
        EventBody::InstanceChanged {
            instance: self.instance.clone(),
            state,
            detail: String::new(),
            step: None,
        }
    }

    /// Its cluster comes up.
    pub fn up(&self) -> Vec<EventBody> {
        let connected = self
            .machines()
            .map(|machine| EventBody::MachineConnected { machine, boot_id: "boot".to_owned() });
        let mut bodies = vec![self.instance(InstanceState::WaitingSlaves)];
        bodies.extend(connected);
        bodies.push(self.instance(InstanceState::Active));
        bodies
    }

    /// A stage begins.
    pub fn begun(&self, stage: StageId) -> EventBody {
        let machines = self.machines().map(|machine| (machine, 1)).collect();
        EventBody::StageStarted { run: self.run.clone(), stage, machines }
    }

    /// A stage ends on all machines, with 1000 bytes of output and 24 of a log each.
    pub fn done(&self, stage: StageId, outcome: Outcome) -> Vec<EventBody> {
        let done = self.machines().map(|machine| EventBody::StageFinished {
            run: self.run.clone(),
            result: Box::new(result(stage, machine, outcome)),
        });
        done.collect()
    }

    /// It ends.
    pub fn over(&self, verdict: Verdict, reason: &str) -> EventBody {
        EventBody::RunFinished { run: self.run.clone(), verdict, reason: reason.to_owned() }
    }

    /// Its cluster is started by hand, as the instance; there is no run then.
    pub fn by_hand(&self) -> Vec<EventBody> {
        let mut bodies: Vec<EventBody> =
            self.plan.clusters.iter().map(|cluster| self.ordered(cluster)).collect();
        bodies.extend(self.up());
        bodies
    }

    fn ordered(&self, cluster: &Arc<ClusterPlan>) -> EventBody {
        EventBody::ClusterOrdered {
            instance: self.instance.clone(),
            plan: Arc::clone(cluster),
            repository: self.plan.repository.clone(),
            hypervisor: "hv1".into(),
            by: "alice".to_owned(),
            start_ms: 600_000,
            until: Timestamp::from_millis(BEGIN_MS + 86_400_000),
        }
    }

    /// Everything up to the first stage.
    pub fn beginning(&self) -> Vec<EventBody> {
        let mut bodies = vec![self.queued(), self.placed()];
        bodies.extend(self.up());
        bodies
    }

    /// Everything from the first stage to the last; all of it passes.
    pub fn middle(&self) -> Vec<EventBody> {
        let stages = self.plan.stages();
        stages
            .flat_map(|stage| {
                std::iter::once(self.begun(stage))
                    .chain(self.done(stage, Outcome::Passed))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// Verdict, and the end of its instance.
    pub fn end(&self) -> Vec<EventBody> {
        vec![
            self.over(Verdict::Passed, ""),
            self.instance(InstanceState::Stopping),
            self.instance(InstanceState::Stopped),
        ]
    }

    /// All of it.
    pub fn whole(&self) -> Vec<EventBody> {
        [self.beginning(), self.middle(), self.end()].concat()
    }
}

/// The run stage of the only case.
pub const CASE_RUN: StageId = StageId { case: Some(0), kind: StageKind::Run };

fn script(origin: &str) -> Arc<Script> {
    let text = "#!/bin/bash\nxrdcp /data/file root://ds1.xrd.test//data/file\n".to_owned();
    Arc::new(Script { origin: origin.to_owned(), digest: "0".repeat(64), text })
}

fn network() -> NetworkPlan {
    NetworkPlan {
        name: "net".to_owned(),
        bridge_name: "virbr_net".to_owned(),
        ip: Ipv4Addr::new(10, 0, 0, 1),
        prefix: 16,
        dhcp_range: None,
        lb_alias: None,
        forward: Forward::Nat,
    }
}

fn host(index: u8) -> HostPlan {
    HostPlan {
        name: format!("ds{index}.xrd.test"),
        ip: Ipv4Addr::new(10, 0, 1, index),
        mac: String::new(),
        uuid: None,
        ram_kib: 1 << 20,
        arch: None,
        boot_image: None,
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: Vec::new(),
        in_dns: true,
        disks: Vec::new(),
    }
}

fn result(stage: StageId, machine: MachineId, outcome: Outcome) -> StageResult {
    let log = CollectedLog {
        path: "/var/log/xrootd.log".to_owned(),
        length: 24,
        note: String::new(),
        artifact: false,
    };
    StageResult {
        stage,
        machine,
        attempt: u32::from(outcome != Outcome::NotRun),
        outcome,
        exit_code: Some(i32::from(outcome != Outcome::Passed)),
        signal: None,
        reason: String::new(),
        started: Timestamp::from_millis(BEGIN_MS),
        duration_ms: 1500,
        output_length: 1000,
        output_lost: 0,
        output_complete: true,
        leftovers: Vec::new(),
        logs: vec![log],
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}
