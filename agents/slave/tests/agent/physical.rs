//! Machines that join by themselves.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::engine::{Agent, Lab, SLAVE, machine, order};
use xrdtest_model::{MachineId, Outcome};

/// The agent without configuration file, logging and keeping its state in the lab.
fn slave(lab: &Lab) -> Command {
    let mut command = Command::new(SLAVE);
    command.args(["--engine", &format!("localhost:{}", lab.address().port())]);
    command.arg("--state").arg(lab.path("own-state")).arg("--log").arg(lab.path("own.log"));
    command.env("XRDTEST_BOOT_ID", "boot-1");
    command
}

#[tokio::test]
async fn it_joins_with_a_token_and_works_for_any_instance() {
    let lab = Lab::physical();
    let mut agent = Agent::start(slave(&lab).arg("--join").arg(format!("@{}", lab.path("token").display())));
    let mut contact = lab.contact().await;
    let script = "#!/bin/bash\necho '@slavename@'\n@diskmounts@\n";
    let order = order(&lab, 1, script);
    assert_ne!(order.attempt.machine, MachineId::physical(machine().host));
    contact.order(&order).await;
    let report = contact.finished(&order.attempt).await;
    assert_eq!((report.outcome, report.reason.as_str()), (Outcome::Passed, ""));
    lab.output(&order.attempt, |output| output == b"ds1.xrd.test\n").await;
    // What is for another host is not carried out.
    let mut other = order.clone();
    other.attempt.machine.host = "ds2.xrd.test".to_owned();
    contact.order(&other).await;
    assert_eq!(contact.finished(&other.attempt).await.outcome, Outcome::Lost);
    // The same command line again needs no fresh token.
    agent.kill();
    let _agent = Agent::start(slave(&lab).arg("--join").arg(format!("@{}", lab.path("token").display())));
    let contact = lab.contact().await;
    assert_eq!(contact.known.len(), 1);
}

#[tokio::test]
async fn it_is_set_up_for_good() {
    let lab = Lab::physical();
    let path = lab.path("etc/slave.toml");
    let mut join = Command::new(SLAVE);
    join.args(["join", "-", "--engine", &lab.address().to_string(), "--config"]).arg(&path);
    join.arg("--state").arg(lab.path("own-state"));
    let mut joining = join.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(joining.stdin.take().unwrap(), "{}", lab.token()).unwrap();
    let ended = tokio::task::spawn_blocking(|| joining.wait_with_output().unwrap());
    let (ended, contact) = tokio::join!(ended, async {
        tokio::time::timeout(std::time::Duration::from_secs(5), lab.contact()).await
    });
    assert!(contact.is_err(), "joining is all that it does");
    let ended = ended.unwrap();
    let words = String::from_utf8(ended.stdout).unwrap();
    assert!(ended.status.success() && words.contains("This machine is ds1.xrd.test"), "{words}");
    let _agent =
        Agent::start(Command::new(SLAVE).arg("--config").arg(&path).arg("--log").arg(lab.path("own.log")));
    lab.contact().await;
    // Two agents on one state are one too many.
    let second =
        Command::new(SLAVE).arg("--config").arg(&path).arg("--log").arg(lab.path("own.log")).output();
    let second = second.unwrap();
    let words = String::from_utf8(second.stderr).unwrap();
    assert!(second.status.code() == Some(2) && words.contains("another agent uses"), "{words}");
    // Another engine is not joined in passing.
    let mut join = Command::new(SLAVE);
    join.args(["join", &lab.token(), "--engine", "192.0.2.1:1", "--config"]).arg(&path);
    let words =
        String::from_utf8(join.arg("--state").arg(lab.path("own-state")).output().unwrap().stderr).unwrap();
    assert!(words.contains("names another engine"), "{words}");
}
