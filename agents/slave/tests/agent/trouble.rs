//! Links that break in odd ways, agents that are stopped, disks that are full: the result arrives once.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::engine::{
    Agent, Contact, LONG, Lab, SLAVE, is_whole_output_of_long, let_go, make_fifo, order, ran, within,
};
use crate::forwarder::{Direction, Forwarder};
use rustix::process::Signal;
use xrdtest_model::order::{StageOrder, StageReport};
use xrdtest_model::{AttemptId, Outcome};
use xrdtest_protocol::IDLE_TIMEOUT;
use xrdtest_protocol::message::EngineToSlave;

/// A stage that has begun on an agent behind a forwarder.
async fn begin(lab: &Lab) -> (Forwarder, Agent, Contact, StageOrder) {
    let forwarder = Forwarder::new(lab.address()).await;
    lab.configure(forwarder.address());
    make_fifo(lab);
    let agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(lab, 1, LONG);
    contact.order(&order).await;
    assert_eq!(contact.report(&order.attempt).await, StageReport::Accepted);
    lab.output(&order.attempt, |output| output == b"begins\n").await;
    (forwarder, agent, contact, order)
}

/// The result arrives in this contact, whole, and stays the same when the order is repeated.
async fn arrives_once(lab: &Lab, contact: &mut Contact, order: &StageOrder) {
    let report = contact.result(&order.attempt).await;
    assert_eq!((report.outcome, report.output_length), (Outcome::Passed, 1_000_012));
    lab.output(&order.attempt, is_whole_output_of_long).await;
    contact.order(order).await;
    assert_eq!(contact.report(&order.attempt).await, StageReport::Finished(Box::new(report)));
    assert_eq!(ran(lab), "ran\n");
}

async fn a_link_cut(direction: Direction) {
    let lab = Lab::new();
    let (forwarder, _agent, contact, order) = begin(&lab).await;
    forwarder.cut(direction);
    assert!(within("the end of the link", contact.link.closed()).await.silence() > Duration::ZERO);
    let_go(&lab).await;
    forwarder.mend();
    let mut contact = lab.contact().await;
    arrives_once(&lab, &mut contact, &order).await;
}

#[tokio::test]
async fn a_link_cut_towards_the_engine() {
    a_link_cut(Direction::ToEngine).await;
}

#[tokio::test]
async fn a_link_cut_towards_the_agent() {
    a_link_cut(Direction::ToAgent).await;
}

#[tokio::test]
async fn the_agents_address_changes() {
    let lab = Lab::new();
    let (forwarder, _agent, mut contact, order) = begin(&lab).await;
    forwarder.change_address().await;
    let_go(&lab).await;
    arrives_once(&lab, &mut contact, &order).await;
    assert!(contact.link.close_reason().is_none(), "the connection survives");
}

#[tokio::test]
async fn an_agent_that_is_stopped_for_a_while() {
    let lab = Lab::new();
    let (_forwarder, agent, contact, order) = begin(&lab).await;
    agent.signal(Signal::STOP);
    assert!(within("the end of the link", contact.link.closed()).await.silence() == IDLE_TIMEOUT);
    let_go(&lab).await;
    agent.signal(Signal::CONT);
    let mut contact = lab.contact().await;
    arrives_once(&lab, &mut contact, &order).await;
}

/// A file system of 4 MiB over the lab's state folder, in a mount namespace that a process of its own holds.
struct SmallDisk {
    holder: Child,
}

impl SmallDisk {
    fn new(lab: &Lab) -> Self {
        let state = lab.path("state");
        std::fs::create_dir_all(&state).unwrap();
        let script = "mount -t tmpfs -o size=4m tmpfs \"$0\" && echo ready && exec sleep infinity";
        let mut holder = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .arg(&state)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { holder }
    }

    fn start_agent(&self, lab: &Lab) -> Agent {
        let mut command = Command::new("nsenter");
        command.arg("--mount").arg("--target").arg(self.holder.id().to_string()).arg(SLAVE);
        command.arg("--config").arg(lab.path("slave.toml")).env("XRDTEST_BOOT_ID", "boot-1");
        Agent::start(&mut command)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

async fn forget(contact: &mut Contact, attempt: &AttemptId) {
    contact.send(EngineToSlave::Forget { attempt: attempt.clone() }).await;
}

#[tokio::test]
async fn a_full_disk_is_a_reason_and_nothing_that_was_said_is_lost() {
    let lab = Lab::new();
    let disk = SmallDisk::new(&lab);
    let mut agent = disk.start_agent(&lab);
    let mut contact = lab.contact().await;
    let floods = order(&lab, 1, "#!/bin/bash\nhead -c 16M /dev/zero\nexit 3\n");
    contact.order(&floods).await;
    let report = contact.result(&floods.attempt).await;
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(3)));
    assert!(report.reason.contains("bytes of output could not be kept: No space left"), "{}", report.reason);
    assert!(report.output_length > 1 << 20, "{report:?}");
    lab.output(&floods.attempt, |output| output.len() as u64 == report.output_length).await;

    // The next agent says the same, though this one could not write down what it said.
    agent.kill();
    let _agent = disk.start_agent(&lab);
    let mut contact = lab.contact().await;
    assert_eq!(contact.result(&floods.attempt).await, report);

    // What can't be journaled is not begun.
    let refused = order(&lab, 2, "#!/bin/bash\necho ran >> @ran@\n");
    contact.order(&refused).await;
    let said = contact.finished(&refused.attempt).await;
    assert_eq!(said.outcome, Outcome::Lost);
    assert!(said.reason.contains("No space left"), "{}", said.reason);
    assert_eq!(ran(&lab), "");

    // There is room again when the engine has everything.
    forget(&mut contact, &floods.attempt).await;
    let mut number = 3;
    let outcome = within("room", async {
        loop {
            let again = order(&lab, number, "#!/bin/bash\necho ran >> @ran@\n");
            contact.order(&again).await;
            let report = contact.finished(&again.attempt).await;
            if !report.reason.contains("No space left") {
                break report.outcome;
            }
            number += 1;
        }
    })
    .await;
    assert_eq!((outcome, ran(&lab).as_str()), (Outcome::Passed, "ran\n"));
}
