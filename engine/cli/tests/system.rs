//! The whole system as its users have it: engine, hypervisor agent and machines as processes of their own, killed, cut
//! off and starved while runs go on. The trials are programs of their own, in `system/`, and their judge knows nothing
//! of this code: `check.py` reads the engine's store and what the scripts themselves wrote down.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::path::Path;
use std::process::Command;

/// Runs one trial; what it says is shown where it fails.
fn trial(program: &str, arguments: &[&str]) {
    let programs = Path::new(env!("CARGO_BIN_EXE_xrdtest")).parent().unwrap();
    for name in ["xrdtest-engine", "xrdtest-hypervisor", "xrdtest-slave"] {
        let missing = format!("{name} is not in {}: build the workspace", programs.display());
        assert!(programs.join(name).is_file(), "{missing}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system").join(program);
    let mut command = Command::new("python3");
    let output = command.arg(path).arg("--programs").arg(programs).args(arguments).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

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
fn hundreds_of_fakes_behave_and_misbehave() {
    trial("fleet.py", &[]);
}
