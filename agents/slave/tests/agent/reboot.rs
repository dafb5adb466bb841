//! Boots that a script announces.

use std::time::Duration;

use crate::engine::{Contact, Lab, cut_power, order, ran, supervisor, within};
use rustix::process::{Signal, kill_process};
use xrdtest_model::Outcome;
use xrdtest_model::order::{FinishedReport, StageOrder, StageReport};

/// Announces a boot and waits for it.
const BOOTS: &str =
    "#!/bin/bash\nsource @functions@\necho ran >> @ran@\necho before\nexpect_reboot true\necho after\n";

fn order_of(lab: &Lab, script: &str) -> StageOrder {
    order(lab, 1, &script.replace("@functions@", lab.path("functions.sh").to_str().unwrap()))
}

/// Orders a stage and waits until its boot is announced.
async fn announced(lab: &Lab, contact: &mut Contact, order: &StageOrder) {
    contact.order(order).await;
    // That it was accepted is said where the announcement takes a while.
    let mut said = contact.report(&order.attempt).await;
    if said == StageReport::Accepted {
        said = contact.report(&order.attempt).await;
    }
    assert_eq!(said, StageReport::Rebooting);
    assert!(lab.path("state/stages").join(order.attempt.folder_name()).join("rebooting.json").exists());
}

async fn is_booted(lab: &Lab, order: &StageOrder) {
    let agent = lab.start_agent("boot-2");
    let mut contact = lab.contact().await;
    let report = contact.result(&order.attempt).await;
    assert_eq!((report.outcome, report.exit_code), (Outcome::Passed, Some(0)));
    assert_eq!(report.reason, "the machine was booted as announced");
    let output = lab.output(&order.attempt, |output| output.len() as u64 == report.output_length).await;
    let output = String::from_utf8(output).unwrap();
    assert!(output.starts_with("before\n") && !output.contains("after"), "{output}");
    assert_eq!(ran(lab), "ran\n");
    drop(agent);
}

#[tokio::test]
async fn an_announced_boot_is_no_loss() {
    let lab = Lab::new();
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order_of(&lab, BOOTS);
    announced(&lab, &mut contact, &order).await;
    // The next agent of the same boot knows of it.
    agent.kill();
    let mut agent = lab.start_agent("boot-1");
    let contact = lab.contact().await;
    assert_eq!(contact.known, [(order.attempt.clone(), StageReport::Rebooting)]);
    agent.kill();
    cut_power(supervisor(&lab, &order.attempt));
    is_booted(&lab, &order).await;
}

#[tokio::test]
async fn a_machine_that_goes_down_slowly_leaves_no_outcome() {
    let lab = Lab::new();
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order_of(&lab, BOOTS);
    announced(&lab, &mut contact, &order).await;
    // What a system does when it goes down: TERM to everybody.
    let supervisor = supervisor(&lab, &order.attempt);
    for process in xrdtest_slave::process::tree::descendants(supervisor.as_raw_nonzero().get()) {
        let told = kill_process(rustix::process::Pid::from_raw(process.pid).unwrap(), Signal::TERM);
        // One may have ended since they were listed.
        assert!(matches!(told, Ok(()) | Err(rustix::io::Errno::SRCH)), "{told:?}");
    }
    kill_process(supervisor, Signal::TERM).unwrap();
    agent.signal(Signal::TERM);
    agent.process.wait().unwrap();
    let is_there = || xrdtest_slave::process::tree::read(supervisor.as_raw_nonzero().get());
    within("the end of the supervisor", async {
        while is_there().is_some_and(|process| !process.is_dead()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    is_booted(&lab, &order).await;
}

async fn run(boot_id: &str, script: &str) -> (FinishedReport, String) {
    let lab = Lab::new();
    let _agent = lab.start_agent(boot_id);
    let mut contact = lab.contact().await;
    let order = StageOrder { boot_id: boot_id.to_owned(), ..order_of(&lab, script) };
    contact.order(&order).await;
    let report = contact.finished(&order.attempt).await;
    let output = lab.output(&order.attempt, |output| output.len() as u64 == report.output_length).await;
    (report, String::from_utf8(output).unwrap())
}

#[tokio::test]
async fn without_the_boot_the_outcome_is_the_scripts() {
    for (script, outcome, exit_code, signal) in [
        ("expect_reboot\nexpect_reboot\n", Outcome::Passed, Some(0), None),
        ("expect_reboot\nexit 3\n", Outcome::Failed, Some(3), None),
        ("expect_reboot bash -c 'exit 7'\n", Outcome::Failed, Some(7), None),
        ("expect_reboot\nkill -TERM $$\n", Outcome::Killed, None, Some(15)),
    ] {
        let (report, output) = run("boot-1", &format!("#!/bin/bash\nsource @functions@\n{script}")).await;
        assert_eq!(
            (report.outcome, report.exit_code, report.signal),
            (outcome, exit_code, signal),
            "{output}"
        );
        assert!(output.contains("The boot of this machine is announced."), "{output}");
    }
}

#[tokio::test]
async fn a_sandbox_can_not_be_booted() {
    let (report, output) = run("sandbox-1", BOOTS).await;
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(1)));
    let words = "expect_reboot: this machine is a sandbox: it can't be booted; expect_reboot needs a virtual or \
                 physical machine\n";
    assert!(output.contains(words) && !output.contains("after"), "{output}");
}

#[tokio::test]
async fn a_supervisor_that_ends_without_the_boot_is_a_loss() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order_of(&lab, BOOTS);
    announced(&lab, &mut contact, &order).await;
    cut_power(supervisor(&lab, &order.attempt));
    let report = contact.finished(&order.attempt).await;
    assert_eq!(report.outcome, Outcome::Lost);
    assert!(report.reason.contains("supervisor is gone"), "{}", report.reason);
}
