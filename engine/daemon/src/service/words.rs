//! States in words.

use xrdtest_model::MachineId;
use xrdtest_model::chronicle::StateWord;
use xrdtest_model::event::InstanceState;
use xrdtest_orchestrator::{RunPhase, RunStatus};

/// What an instance is doing, in the chronicle's word.
pub(super) fn instance_word(state: InstanceState) -> StateWord {
    StateWord::of_constant(match state {
        InstanceState::Starting => "S_STARTING_CLUSTER",
        InstanceState::WaitingSlaves => "S_WAITING_SLAVES",
        InstanceState::Active => "S_ACTIVE",
        InstanceState::Stopping => "S_STOPCOMMAND_SENT",
        InstanceState::Stopped => "S_STOPPED",
        InstanceState::Failed => "S_ERROR",
    })
}

/// Whether an agent is there, in the chronicle's word.
pub(super) fn contact_word(connected: bool) -> StateWord {
    StateWord::of_constant(if connected { "S_CONNECTED_IDLE" } else { "S_NOT_CONNECTED" })
}

/// What a run is doing, in words.
pub(super) fn phase_words(run: &RunStatus) -> String {
    let names = |machines: &mut dyn Iterator<Item = &MachineId>| {
        let names: Vec<_> = machines.map(|machine| machine.host.as_str()).collect();
        names.join(", ")
    };
    let doing = match &run.phase {
        RunPhase::Waiting { reason } if reason.is_empty() => "waits for a place".to_owned(),
        RunPhase::Waiting { reason } => format!("waits: {reason}"),
        RunPhase::Starting { missing, .. } if missing.is_empty() => "its cluster is being started".to_owned(),
        RunPhase::Starting { missing, .. } => {
            format!("its cluster is being started; not in contact: {}", names(&mut missing.iter()))
        }
        RunPhase::InStage { title, .. } => {
            let waits_for = names(&mut run.waits_for().map(|status| &status.machine));
            format!("{title}: waiting for {waits_for}")
        }
    };
    match &run.ending {
        Some(ending) => format!("{ending}; {doing}"),
        None => doing,
    }
}
