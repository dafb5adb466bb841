//! Who is recorded as in contact: hypervisor agents and the slaves of physical machines.

use xrdtest_orchestrator::Input;

use crate::common::{ability, physical};
use crate::lab::{Lab, scenario};

const IN: &str = "hypervisor/hv1 connected, version 1.0, sandbox";
const GONE: &str = "hypervisor/hv1 gone, orderly false";

fn revoke(lab: &mut Lab, agent: &str) {
    let agent = agent.parse().unwrap();
    lab.input(Input::Revoke { agent, by: "alice".to_owned(), reason: "sold".to_owned() });
}

#[test]
fn silence_is_recorded_when_it_lasts() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.hypervisor_leaves("hv1");
        lab.wait(4);
        lab.agents_told(IN);
        // After a restart they have longer to come back.
        lab.wait(if lab.is_restarting() { 27 } else { 2 });
        lab.agents_told(&format!("{IN}\n{GONE}"));
        lab.wait(3600);
        lab.hypervisor_back("hv1");
        lab.agents_told(&format!("{IN}\n{GONE}\n{IN}"));
    });
}

#[test]
fn a_link_that_flaps_does_not_fill_the_journal() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.physical("pc1");
        for _ in 0..50 {
            lab.hypervisor_leaves("hv1");
            lab.physical_leaves("pc1", false);
            lab.wait(4);
            lab.hypervisor_back("hv1");
            lab.physical("pc1");
            lab.wait(4);
        }
        lab.agents_told(&format!("{IN}\nslave/pc1 connected, version 1.0"));
    });
}

#[test]
fn a_goodbye_is_recorded_at_once() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.physical("pc1");
        lab.hypervisor_disconnects("hv1", true);
        lab.physical_leaves("pc1", true);
        lab.wait(3600);
        lab.agents_told(&format!(
            "{IN}
             slave/pc1 connected, version 1.0
             hypervisor/hv1 gone, orderly true
             slave/pc1 gone, orderly true"
        ));
    });
}

#[test]
fn who_is_revoked_is_gone_at_once_and_once() {
    const REVOKED: &str = "hypervisor/hv1 revoked by alice: sold";
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.hypervisor_leaves("hv1");
        revoke(lab, "hypervisor/hv1");
        lab.agents_told(&format!("{IN}\n{REVOKED}"));
        lab.wait(3600);
        lab.agents_told(&format!("{IN}\n{REVOKED}"));
        lab.hypervisor_back("hv1");
        lab.agents_told(&format!("{IN}\n{REVOKED}\n{IN}"));
        // Also who is away, and a machine of an instance, of which nothing else is known.
        lab.hypervisor_disconnects("hv1", true);
        revoke(lab, "hypervisor/hv1");
        revoke(lab, "slave/r.0/a");
        lab.wait(3600);
        lab.agents_told(&format!(
            "{IN}\n{REVOKED}\n{IN}\nhypervisor/hv1 gone, orderly true\n{REVOKED}\n\
             slave/r.0/a revoked by alice: sold"
        ));
    });
}

#[test]
fn another_version_is_recorded() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.hypervisor_leaves("hv1");
        lab.upgrade("hv1", "1.1");
        lab.hypervisor_back("hv1");
        lab.agents_told(&format!("{IN}\nhypervisor/hv1 connected, version 1.1, sandbox"));
    });
}

#[test]
fn after_a_restart_of_the_engine_they_have_time_to_come_back() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.hypervisor("hv2", ability(1, false));
        let both = format!("{IN}\nhypervisor/hv2 connected, version 1.0, sandbox");
        lab.down(3600);
        lab.wait(29);
        lab.hypervisor_back("hv2");
        lab.agents_told(&both);
        lab.wait(if lab.is_restarting() { 31 } else { 1 });
        lab.agents_told(&format!("{both}\n{GONE}"));
    });
}

#[test]
fn an_engine_that_was_stopped_blames_nobody() {
    scenario(|lab| {
        lab.hypervisor("hv1", ability(1, false));
        lab.hypervisor_leaves("hv1");
        lab.stall(300);
        lab.hypervisor_back("hv1");
        lab.agents_told(IN);
    });
}

#[test]
fn the_engine_itself_is_no_agent() {
    scenario(|lab| {
        lab.hypervisor("external", physical());
        lab.wait(3600);
        lab.agents_told("");
    });
}
