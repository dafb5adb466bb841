//! Events and effects as lines of text.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{Event, EventBody, StageId, Verdict};
use xrdtest_orchestrator::{Effect, RunPhase, RunStatus};

/// What an effect is, one line each; the events of a `Persist` before it is a line of its own.
pub(crate) fn effect(effect: &Effect, lines: &mut Vec<String>) {
    match effect {
        Effect::Persist(events) => {
            // Who comes and goes is told in `agents.rs`.
            let told = events.iter().filter(|event| !is_of_agent(&event.body));
            lines.extend(told.map(|event| format!("* {}", event_line(&event.body))));
        }
        Effect::StartInstance { hypervisor, instance, .. } => {
            lines.push(format!("start {instance} on {hypervisor}"));
        }
        Effect::ClusterRefused { instance, reason } => lines.push(format!("refused {instance}: {reason}")),
        Effect::StopInstance { hypervisor, instance } => {
            lines.push(format!("stop {instance} on {hypervisor}"));
        }
        Effect::Order { machine, order } => {
            lines.push(format!("order {}: {}", machine.host, stage(order.attempt.stage)));
        }
        Effect::EndStage { machine, attempt, cause, reason } => {
            lines.push(format!("end {}: {}, {cause}: {reason}", machine.host, stage(attempt.stage)));
        }
        Effect::Forget { machine, attempt } => {
            lines.push(format!("forget {}: {}", machine.host, stage(attempt.stage)));
        }
    }
}

fn is_of_agent(body: &EventBody) -> bool {
    matches!(
        body,
        EventBody::AgentConnected { .. } | EventBody::AgentGone { .. } | EventBody::AgentRevoked { .. }
    )
}

/// Comings and goings of agents with names of their own.
pub(crate) fn agent(event: &Event) -> Option<String> {
    is_of_agent(&event.body).then(|| event_line(&event.body))
}

fn event_line(body: &EventBody) -> String {
    match body {
        EventBody::RunQueued { run, .. } => format!("{run} queued"),
        EventBody::RunWaiting { run, reason } => format!("{run} waits: {reason}"),
        EventBody::RunPlaced { run, instances } => {
            let places: Vec<&str> = instances.iter().map(|placed| placed.hypervisor.as_str()).collect();
            format!("{run} placed on {}", places.join(", "))
        }
        EventBody::InstanceChanged { instance, state, detail, .. } => match detail.as_str() {
            "" => format!("{instance} {}", state_word(*state)),
            _ => format!("{instance} {}: {detail}", state_word(*state)),
        },
        EventBody::ImagesUsed { instance, images } => {
            let images: Vec<String> =
                images.iter().map(|image| format!("{} {}", image.name, image.digest)).collect();
            format!("{instance} uses {}", images.join(", "))
        }
        EventBody::StageStarted { stage: id, machines, .. } => {
            let hosts: Vec<&str> = machines.iter().map(|(machine, _)| machine.host.as_str()).collect();
            format!("{} begins on {}", stage(*id), hosts.join(", "))
        }
        EventBody::StageReported { result, .. } => {
            format!("{} {} reports {}", stage(result.stage), result.machine.host, result.outcome)
        }
        EventBody::StageFinished { result, .. } => {
            let missing = if result.output_complete { "" } else { ", output incomplete" };
            let told = match result.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            format!("{} {} {}{told}{missing}", stage(result.stage), result.machine.host, result.outcome)
        }
        EventBody::MachineConnected { machine, boot_id } => format!("{} connected, {boot_id}", machine.host),
        EventBody::MachineLate { machine } => format!("{} late", machine.host),
        EventBody::MachineAway { machine } => format!("{} away", machine.host),
        EventBody::MachineBack { machine } => format!("{} back", machine.host),
        EventBody::MachineLost { machine, reason } => format!("{} lost: {reason}", machine.host),
        EventBody::MachineRebooting { machine, within_ms } => {
            format!("{} boots within {within_ms} ms", machine.host)
        }
        EventBody::AgentConnected { agent, software, detail } => {
            let detail = if detail.is_empty() { String::new() } else { format!(", {detail}") };
            format!("{agent} connected, version {software}{detail}")
        }
        EventBody::AgentGone { agent, orderly } => format!("{agent} gone, orderly {orderly}"),
        EventBody::AgentRevoked { agent, by, reason } => format!("{agent} revoked by {by}: {reason}"),
        EventBody::CancelRequested { run, by, force, .. } => {
            format!("{run} cancelled by {by}{}", if *force { " with force" } else { "" })
        }
        EventBody::RunTimedOut { run } => format!("{run} timed out"),
        EventBody::CaseFinished { case, verdict: word, reason, .. } => {
            format!("case {case} {}", verdict(*word, reason))
        }
        EventBody::RunFinished { run, verdict: word, reason } => format!("{run} {}", verdict(*word, reason)),
        EventBody::ClusterOrdered { instance, plan, hypervisor, by, .. } => {
            format!("{instance}: {} by hand on {hypervisor}, {by}", plan.name)
        }
        EventBody::InstanceKept { instance, .. } => format!("{instance} kept"),
        EventBody::HoldBegan { on, by, .. } => format!("{on} held by {by}"),
        EventBody::HoldEnded { on, by } => format!("{on} released by {by}"),
    }
}

/// A line for what reports show: final results and the verdicts of cases.
pub(crate) fn result(event: &Event) -> Option<String> {
    match &event.body {
        EventBody::StageFinished { .. } | EventBody::CaseFinished { .. } => Some(event_line(&event.body)),
        _ => None,
    }
}

/// `failed: because …`, `passed`.
pub(crate) fn verdict(verdict: Verdict, reason: &str) -> String {
    match reason {
        "" => verdict.to_string(),
        _ => format!("{verdict}: {reason}"),
    }
}

/// The present stage of a run, as a slug.
pub(crate) fn title(run: &RunStatus) -> Option<String> {
    match &run.phase {
        RunPhase::InStage { stage: id, .. } => Some(stage(*id)),
        RunPhase::Waiting { .. } | RunPhase::Starting { .. } => None,
    }
}

fn stage(stage: StageId) -> String {
    stage.slug()
}

fn state_word(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Starting => "starting",
        InstanceState::WaitingSlaves => "waits for slaves",
        InstanceState::Active => "active",
        InstanceState::Stopping => "stopping",
        InstanceState::Stopped => "stopped",
        InstanceState::Failed => "failed",
    }
}
