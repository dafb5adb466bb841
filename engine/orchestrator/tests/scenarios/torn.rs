//! A journal may end after any event, also between two that were decided together. From each of these points a run comes
//! to the same end.

use xrdtest_model::event::InstanceState;
use xrdtest_model::{AttemptId, EventBody, MachineId, Outcome, RunPlan};
use xrdtest_orchestrator::{Input, InstanceReport, Progress, RunPhase};

use crate::common::{ability, case};
use crate::lab::Lab;
use crate::outcomes::pair;

/// What becomes of the stage whose slug is given, on a machine.
type Fate = fn(stage: &str, host: &str) -> (Outcome, Option<i32>);

/// Does what is to be done until nothing is left.
fn drive(lab: &mut Lab, fate: Fate) {
    lab.hypervisor("hv1", ability(100, false));
    for _ in 0..200 {
        for instance in lab.core.instances() {
            match instance.state {
                InstanceState::Starting => lab.made(instance.instance.as_str()),
                InstanceState::Stopping => lab.says(instance.instance.as_str(), InstanceReport::Stopped),
                _ => {}
            }
        }
        for machine in lab.away() {
            lab.connect(&machine);
        }
        go_on(lab, fate);
        if lab.core.is_idle() {
            return;
        }
    }
    panic!("no end");
}

/// The first machine for which a barrier waits does its part.
fn go_on(lab: &mut Lab, fate: Fate) {
    let runs = lab.core.runs();
    let Some(RunPhase::InStage { stage, .. }) = runs.first().map(|run| &run.phase) else {
        return;
    };
    let Some(status) = runs[0].waits_for().next() else {
        return;
    };
    let machine = status.machine.clone();
    if let Progress::Reported(_) = status.progress {
        let attempt = AttemptId { run: runs[0].run.clone(), stage: *stage, machine, number: 1 };
        lab.input(Input::EvidenceArrived { attempt, length: 10 });
    } else {
        let (outcome, code) = fate(&stage.slug(), &machine.host);
        lab.ends(&machine.to_string(), outcome, code);
    }
}

fn results(lab: &Lab) -> Vec<String> {
    let told = lab.journal.iter().filter_map(|event| match &event.body {
        EventBody::StageFinished { .. } | EventBody::CaseFinished { .. } => crate::trace::result(event),
        EventBody::RunFinished { verdict, reason, .. } => Some(crate::trace::verdict(*verdict, reason)),
        _ => None,
    });
    let mut told: Vec<String> = told.collect();
    // Machines may come to their ends in another order.
    told.sort();
    told
}

fn check(plan: &RunPlan, fate: Fate) {
    let mut whole = Lab::new(false);
    whole.submit("r1", plan);
    drive(&mut whole, fate);
    for end in 1..=whole.journal.len() {
        let mut torn = Lab::new(false);
        torn.journal = whole.journal[..end].to_vec();
        let has = |wanted: fn(&EventBody) -> bool| torn.journal.iter().any(|event| wanted(&event.body));
        let placed = has(|body| matches!(body, EventBody::RunPlaced { .. }));
        let stopped =
            has(|body| matches!(body, EventBody::InstanceChanged { state: InstanceState::Stopped, .. }));
        if placed && !stopped {
            let hosts = plan.clusters[0].hosts.iter();
            let machines = hosts.map(|host| MachineId::new("r1.0".into(), host.name.clone()));
            torn.has_machines("hv1", ability(100, false), "r1.0", machines.collect());
        }
        torn.down(60);
        if torn.core.is_idle() {
            assert!(stopped);
        } else {
            drive(&mut torn, fate);
        }
        assert_eq!(results(&torn), results(&whole), "after event {end}: {:?}", whole.journal[end - 1].body);
    }
}

const PASSED: (Outcome, Option<i32>) = (Outcome::Passed, Some(0));

#[test]
fn when_all_passes() {
    check(&pair(), |_, _| PASSED);
}

#[test]
fn when_a_case_is_not_initialized() {
    let mut plan = pair();
    plan.cases.push(case("look", &plan.machines));
    check(&plan, |stage, host| match (stage, host) {
        ("0-initialize", "a") => (Outcome::Failed, Some(3)),
        _ => PASSED,
    });
}

#[test]
fn when_the_suite_is_not_initialized() {
    check(&pair(), |stage, host| match (stage, host) {
        ("suite-initialize", "b") => (Outcome::Killed, None),
        _ => PASSED,
    });
}
