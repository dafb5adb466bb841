//! Stages from their order to their end, whatever becomes of the agent, its link and the supervisor meanwhile.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::engine::{
    Contact, LONG, Lab, is_whole_output_of_long, let_go, make_fifo, order, ran, supervisor, within,
};
use rustix::process::{Pid, Signal, kill_process};
use xrdtest_model::event::CollectedLog;
use xrdtest_model::order::{EndCause, StageOrder, StageReport};
use xrdtest_model::{AttemptId, FinishedReport, Metric, Outcome};
use xrdtest_protocol::message::{EngineToSlave, SlaveToEngine};
use xrdtest_protocol::stream::StreamHeader;

#[tokio::test]
async fn a_stage_from_join_to_forget() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    assert_eq!((contact.boot_id.as_str(), contact.known.len()), ("boot-1", 0));
    assert!(!lab.path("token").exists(), "a used token is removed");
    let key = fs::metadata(lab.path("state/credentials/key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);

    let script = "#!/bin/bash\nsource @functions@\nlog '@slavename@ @port@ @unknown@'\necho logged > @log@\n\
                  echo ran >> @ran@\npwd\nexit 3\n";
    let script = script.replace("@functions@", lab.path("functions.sh").to_str().unwrap());
    let order = StageOrder {
        logs: vec![
            "@log@".to_owned(),
            lab.path("agent.log").to_str().unwrap().to_owned(),
            "/no/such".to_owned(),
        ],
        ..order(&lab, 1, &script)
    };
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    let report = contact.result(&attempt).await;
    assert_eq!((report.outcome, report.exit_code), (Outcome::Failed, Some(3)));
    let log_path = lab.path("log").to_str().unwrap().to_owned();
    assert_eq!(
        report.logs[0],
        CollectedLog { path: log_path.clone(), length: 7, note: String::new(), artifact: false }
    );
    assert_eq!(report.logs[2].note, "missing");

    let output = lab.output(&attempt, |output| output.len() as u64 == report.output_length).await;
    let output = String::from_utf8(output).unwrap();
    let work = lab.path("state/runs/r1/work");
    assert!(output.contains("] ds1.xrd.test 8080 @unknown@\n"), "{output}");
    assert!(output.contains(&format!("{}\n", work.display())), "{output}");
    let header = StreamHeader::Log { attempt: attempt.clone(), index: 0, path: log_path, artifact: false };
    assert_eq!(lab.file(&header, |content| content.len() == 7).await, b"logged\n");
    let own_log = StreamHeader::Log {
        attempt: attempt.clone(),
        index: 1,
        path: report.logs[1].path.clone(),
        artifact: false,
    };
    let own_log = lab.file(&own_log, |content| content.len() as u64 == report.logs[1].length).await;
    assert!(String::from_utf8(own_log).unwrap().contains("a stage begins"));

    // The same order again is answered with what is known, word for word.
    contact.order(&order).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Finished(Box::new(report)));
    assert_eq!(ran(&lab), "ran\n");
    let folder = lab.path("state/stages").join(attempt.folder_name());
    assert!(folder.exists());
    contact.send(EngineToSlave::Forget { attempt: attempt.clone() }).await;
    // Behind the answer to a question about it, it is forgotten.
    let end =
        EngineToSlave::EndStage { attempt: attempt.clone(), why: EndCause::Cancelled, reason: String::new() };
    contact.send(end).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Unknown);
    within("the record's end", async {
        while folder.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_agent_killed_in_the_middle_of_a_stage_loses_nothing() {
    let lab = Lab::new();
    make_fifo(&lab);
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, LONG);
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Accepted);
    lab.output(&attempt, |output| output == b"begins\n").await;
    agent.kill();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    assert_eq!(contact.known, [(attempt.clone(), StageReport::Accepted)]);
    // The engine may not know whether its order arrived.
    contact.order(&order).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Accepted);
    let_go(&lab).await;
    let report = contact.finished(&attempt).await;
    assert_eq!((report.outcome, report.output_length), (Outcome::Passed, 1_000_012));
    lab.output(&attempt, is_whole_output_of_long).await;
    assert_eq!(ran(&lab), "ran\n");
}

#[tokio::test]
async fn a_stage_that_ends_without_an_agent_is_reported_by_the_next() {
    let lab = Lab::new();
    make_fifo(&lab);
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, LONG);
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    lab.output(&attempt, |output| output == b"begins\n").await;
    agent.kill();
    let_go(&lab).await;
    let outcome = lab.path("state/stages").join(attempt.folder_name()).join("outcome.json");
    within("the outcome", async {
        while !outcome.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let report = contact.result(&attempt).await;
    assert_eq!((report.outcome, report.output_length), (Outcome::Passed, 1_000_012));
    lab.output(&attempt, is_whole_output_of_long).await;
    assert_eq!(ran(&lab), "ran\n");
}

#[tokio::test]
async fn a_cut_link_is_taken_up_again() {
    let lab = Lab::new();
    make_fifo(&lab);
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, LONG);
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    lab.output(&attempt, |output| output == b"begins\n").await;
    contact.link.close("cut by the test");
    let mut contact = lab.contact().await;
    assert_eq!(contact.known, [(attempt.clone(), StageReport::Accepted)]);
    let_go(&lab).await;
    assert_eq!(contact.finished(&attempt).await.outcome, Outcome::Passed);
    lab.output(&attempt, is_whole_output_of_long).await;
}

#[tokio::test]
async fn a_goodbye_leaves_the_stage_running() {
    let lab = Lab::new();
    make_fifo(&lab);
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, LONG);
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Accepted);
    lab.output(&attempt, |output| output == b"begins\n").await;
    agent.signal(rustix::process::Signal::TERM);
    assert_eq!(contact.next().await, Some(SlaveToEngine::Goodbye));
    assert!(agent.process.wait().unwrap().success());
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let_go(&lab).await;
    assert_eq!(contact.finished(&attempt).await.outcome, Outcome::Passed);
    lab.output(&attempt, is_whole_output_of_long).await;
    assert_eq!(ran(&lab), "ran\n");
}

#[tokio::test]
async fn a_stage_without_supervisor_is_lost_with_the_output_so_far() {
    let lab = Lab::new();
    make_fifo(&lab);
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, LONG);
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    lab.output(&attempt, |output| output == b"begins\n").await;
    let since = std::time::Instant::now();
    kill_process(supervisor(&lab, &attempt), Signal::KILL).unwrap();
    let report = contact.finished(&attempt).await;
    assert_eq!((report.outcome, report.output_length), (Outcome::Lost, 7));
    assert!(report.reason.contains("supervisor is gone"), "{}", report.reason);
    assert!(since.elapsed() < std::time::Duration::from_secs(5), "long before the stage's limit");
    let_go(&lab).await;
}

/// The supervisor of a stage with this script, which says who that is; the stage passes.
async fn supervised_by(lab: &Lab, contact: &mut Contact, order: StageOrder) -> String {
    contact.order(&order).await;
    let report = contact.finished(&order.attempt).await;
    assert_eq!(report.outcome, Outcome::Passed, "{}", report.reason);
    let output = lab.output(&order.attempt, |output| output.len() as u64 == report.output_length).await;
    String::from_utf8(output).unwrap().trim().to_owned()
}

#[tokio::test]
async fn one_supervisor_takes_the_stages_of_a_run() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let says = "#!/bin/bash\necho $PPID\n";
    let first = supervised_by(&lab, &mut contact, order(&lab, 1, says)).await;
    assert_eq!(supervised_by(&lab, &mut contact, order(&lab, 2, says)).await, first);
    // Where one is gone meanwhile the stage gets another.
    let gone = Pid::from_raw(first.parse().unwrap()).unwrap();
    kill_process(gone, Signal::KILL).unwrap();
    let second = supervised_by(&lab, &mut contact, order(&lab, 3, says)).await;
    assert_ne!(second, first);
    // What a run has left behind does not see the next stage.
    let leaves = "#!/bin/bash\nsleep 100 > /dev/null 2>&1 &\necho $! > @ran@\necho $PPID\n";
    assert_eq!(supervised_by(&lab, &mut contact, order(&lab, 4, leaves)).await, second);
    let third = supervised_by(&lab, &mut contact, order(&lab, 5, says)).await;
    assert_ne!(third, second);
    kill_process(Pid::from_raw(ran(&lab).trim().parse().unwrap()).unwrap(), Signal::KILL).unwrap();
    let mut other = order(&lab, 1, says);
    other.attempt.run = "r2".into();
    assert_ne!(supervised_by(&lab, &mut contact, other).await, third, "another run's");
}

#[tokio::test]
async fn another_boot_loses_what_was_running_and_refuses_old_orders() {
    let lab = Lab::new();
    make_fifo(&lab);
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let first = order(&lab, 1, LONG);
    contact.order(&first).await;
    lab.output(&first.attempt, |output| output == b"begins\n").await;
    agent.kill();
    let _agent = lab.start_agent("boot-2");
    let mut contact = lab.contact().await;
    assert_eq!(contact.boot_id, "boot-2");
    let report = contact.result(&first.attempt).await;
    assert_eq!((report.outcome, report.output_length), (Outcome::Lost, 7));
    let second = order(&lab, 2, LONG);
    contact.order(&second).await;
    assert_eq!(contact.finished(&second.attempt).await.outcome, Outcome::Lost);
    assert_eq!(ran(&lab), "ran\n");
    let_go(&lab).await;
}

#[tokio::test]
async fn a_running_stage_is_ended_on_request() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = order(&lab, 1, "#!/bin/bash\necho begins\nsleep 100\n");
    let attempt = order.attempt.clone();
    contact.order(&order).await;
    assert_eq!(contact.report(&attempt).await, StageReport::Accepted);
    lab.output(&attempt, |output| output == b"begins\n").await;
    let reason = "by ann: wrong branch".to_owned();
    contact
        .send(EngineToSlave::EndStage { attempt: attempt.clone(), why: EndCause::Cancelled, reason })
        .await;
    let report = contact.finished(&attempt).await;
    assert_eq!((report.outcome, report.signal), (Outcome::Cancelled, Some(15)));
    assert_eq!(report.reason, "by ann: wrong branch");
}

#[tokio::test]
async fn a_stopped_supervisor_is_made_to_answer() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let stops = "#!/bin/bash\nkill -STOP $PPID\nsleep 100\n";
    let first = StageOrder { timeout_ms: 1000, ..order(&lab, 1, stops) };
    contact.order(&first).await;
    assert_eq!(contact.finished(&first.attempt).await.outcome, Outcome::TimedOut);
    // Stopped over and over it never gets to its work.
    let deaf = "#!/bin/bash\necho $$ > @ran@\nwhile :; do kill -STOP $PPID; done\n";
    let second = StageOrder { timeout_ms: 500, ..order(&lab, 2, deaf) };
    contact.order(&second).await;
    let report = contact.finished(&second.attempt).await;
    assert_eq!(report.outcome, Outcome::Lost);
    assert_eq!(report.reason, "its supervisor did not answer and was killed");
    let script: i32 = ran(&lab).trim().parse().unwrap();
    let lives = || xrdtest_slave::process::tree::read(script).is_some_and(|process| !process.is_dead());
    within("the end of the script", async {
        while lives() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Keeps a file, deletes it, states a number, and waits.
const NOTES: &str = "#!/bin/bash\nsource @functions@\necho kept > file\nartifact file\nrm file\n\
                     echo logged > @log@\nmetric rate 81.5 MB/s\necho begins\nread -r _ < @go@\n";

fn notes(lab: &Lab) -> StageOrder {
    make_fifo(lab);
    let script = NOTES.replace("@functions@", lab.path("functions.sh").to_str().unwrap());
    StageOrder { logs: vec!["@log@".to_owned()], ..order(lab, 1, &script) }
}

/// What the script has noted is reported, and its file reaches the engine.
async fn notes_arrive(lab: &Lab, attempt: &AttemptId, report: &FinishedReport) {
    let file = lab.path("state/runs/r1/work/file").to_str().unwrap().to_owned();
    let told: Vec<_> = report.logs.iter().map(|log| (log.path.clone(), log.length, log.artifact)).collect();
    assert_eq!(told, [(file.clone(), 5, true), (lab.path("log").to_str().unwrap().to_owned(), 7, false)]);
    assert_eq!(report.metrics, [Metric::parse("rate", "81.5", "MB/s").unwrap()]);
    let artifact = StreamHeader::Log { attempt: attempt.clone(), index: 0, path: file, artifact: true };
    assert_eq!(lab.file(&artifact, |content| content.len() == 5).await, b"kept\n");
    let path = report.logs[1].path.clone();
    let log = StreamHeader::Log { attempt: attempt.clone(), index: 1, path, artifact: false };
    assert_eq!(lab.file(&log, |content| content.len() == 7).await, b"logged\n");
}

#[tokio::test]
async fn what_a_script_notes_reaches_the_engine() {
    let lab = Lab::new();
    let mut agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = notes(&lab);
    contact.order(&order).await;
    lab.output(&order.attempt, |output| output == b"begins\n").await;
    // Another agent goes on with what this one has heard nothing of.
    agent.kill();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let_go(&lab).await;
    let report = contact.finished(&order.attempt).await;
    assert_eq!(report.outcome, Outcome::Passed);
    notes_arrive(&lab, &order.attempt, &report).await;
}

#[tokio::test]
async fn what_a_script_noted_outlives_its_supervisor() {
    let lab = Lab::new();
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = notes(&lab);
    contact.order(&order).await;
    lab.output(&order.attempt, |output| output == b"begins\n").await;
    crate::engine::cut_power(supervisor(&lab, &order.attempt));
    let report = contact.finished(&order.attempt).await;
    assert_eq!(report.outcome, Outcome::Lost);
    notes_arrive(&lab, &order.attempt, &report).await;
}
