//! The whole system as its users have it: engine, hypervisor agent and machines as processes of their own, killed, cut
//! off and starved while runs go on. The trials are programs of their own, in `system/`, and their judge knows nothing
//! of this code: `check.py` reads the engine's store and what the scripts themselves wrote down.

mod common;

use common::trial;

macro_rules! faults {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            trial("faults.py", &[stringify!($name)]);
        })*
    };
}

faults! {
    machine_dies
    agent_is_killed
    agent_stops_for_a_while
    agent_stops_for_good
    supervisor_is_killed
    supervisor_stops_for_a_while
    nothing_leaves_the_machine
    nothing_reaches_the_machine
    link_is_cut_for_good
    address_changes
    hypervisor_agent_is_killed
    hypervisor_agent_stops_for_a_while
    engine_disk_is_full
    machine_disk_is_full
}

#[test]
fn engine_is_killed_again_and_again() {
    // `make kill9` does it hundreds of times.
    trial("kill9.py", &["--kills", "8", "--seed", "1"]);
}

#[test]
fn physical_machines_join_and_run() {
    trial("physical.py", &[]);
}

#[test]
fn a_running_engine_is_asked() {
    trial("client.py", &[]);
}

#[test]
fn nobody_changes_anything_who_may_not() {
    trial("access.py", &[]);
}

#[test]
fn a_remote_is_pushed_to_again_and_again() {
    trial("repositories.py", &[]);
}

#[test]
fn machines_prove_who_they_are() {
    trial("credentials.py", &[]);
}

#[test]
fn certificates_are_renewed_and_revoked() {
    trial("certificates.py", &[]);
}

#[test]
fn hundreds_of_fakes_behave_and_misbehave() {
    trial("fleet.py", &[]);
}

#[test]
fn people_are_told_by_mail() {
    trial("mail.py", &[]);
}

#[test]
fn programs_are_told_by_webhooks() {
    trial("webhooks.py", &[]);
}

#[test]
fn reports_and_metrics_are_understood_by_others() {
    trial("report.py", &[]);
}

#[test]
fn suites_start_by_themselves() {
    trial("schedule.py", &[]);
}

#[test]
fn an_engine_under_load_is_backed_up_and_restored_elsewhere() {
    trial("backup.py", &[]);
}

#[test]
fn neighbouring_versions_of_the_protocol_finish_a_run() {
    trial("versions.py", &[]);
}
