//! What the log tells of events: what an administrator wants to know the next morning. All of them are in the journal.

use tracing::{info, warn};
use xrdtest_model::event::InstanceState;
use xrdtest_model::time::utc;
use xrdtest_model::{Event, EventBody, Verdict};

pub(crate) fn tell(event: &Event) {
    match &event.body {
        EventBody::RunQueued { run, plan, trigger } => {
            info!(%run, suite = plan.suite, %trigger, "run queued");
        }
        EventBody::RunWaiting { run, reason } => info!(%run, reason, "run waits"),
        EventBody::RunPlaced { run, instances } => {
            let places: Vec<_> = instances
                .iter()
                .map(|placed| format!("{} on {}", placed.cluster, placed.hypervisor))
                .collect();
            info!(%run, places = places.join(", "), "run has a place");
        }
        EventBody::InstanceChanged { instance, state: InstanceState::Failed, detail, .. } => {
            warn!(%instance, detail, "instance failed");
        }
        EventBody::MachineLate { machine } => warn!(%machine, "machine is late: out of contact"),
        EventBody::MachineBack { machine } => info!(%machine, "machine is back"),
        EventBody::MachineLost { machine, reason } => warn!(%machine, reason, "machine is lost"),
        EventBody::MachineRebooting { machine, .. } => {
            info!(%machine, "machine will be booted, as announced");
        }
        EventBody::AgentConnected { agent, software, detail } => {
            info!(%agent, software, detail, "agent is in contact");
        }
        EventBody::AgentGone { agent, orderly: true } => info!(%agent, "agent said goodbye"),
        EventBody::AgentGone { agent, orderly: false } => warn!(%agent, "agent is out of contact"),
        EventBody::AgentRevoked { agent, by, reason } => {
            warn!(%agent, by, reason, "agent is revoked: its certificates are void");
        }
        EventBody::CancelRequested { run, by, reason, force } => {
            info!(%run, by, reason, force, "run is being cancelled");
        }
        EventBody::RunTimedOut { run } => warn!(%run, "run hit its time limit"),
        EventBody::RunFinished { run, verdict: Verdict::Passed, .. } => {
            info!(%run, verdict = "passed", "run is over");
        }
        EventBody::RunFinished { run, verdict, reason } => {
            warn!(%run, verdict = verdict.as_str(), reason, "run is over");
        }
        EventBody::ClusterOrdered { instance, plan, hypervisor, by, .. } => {
            info!(%instance, cluster = plan.name, %hypervisor, by, "cluster is started by hand");
        }
        EventBody::InstanceKept { instance, until } => {
            info!(%instance, until = utc(*until), "instance is kept, as its run did not pass");
        }
        EventBody::HoldBegan { on, by, reason } => info!(%on, by, reason, "held: it gets nothing new to do"),
        EventBody::HoldEnded { on, by } => info!(%on, by, "not held any more"),
        EventBody::InstanceChanged { instance, state: InstanceState::Stopping, detail, step: None }
            if !detail.is_empty() =>
        {
            info!(%instance, detail, "instance is being stopped");
        }
        EventBody::InstanceChanged { .. }
        | EventBody::ImagesUsed { .. }
        | EventBody::StageStarted { .. }
        | EventBody::StageReported { .. }
        | EventBody::StageFinished { .. }
        | EventBody::MachineConnected { .. }
        | EventBody::MachineAway { .. }
        | EventBody::CaseFinished { .. } => {}
    }
}
