//! Real programs that crash, on a machine where the kernel puts core dumps beside their process or in a folder.

use std::fs;
use std::process::Command;

use crate::engine::{Contact, Lab, let_go, make_fifo, order};
use xrdtest_model::crash::CoreOrder;
use xrdtest_model::order::{StageOrder, StageReport};
use xrdtest_model::{AttemptId, FinishedReport, Outcome};
use xrdtest_protocol::message::{EngineToSlave, SlaveToEngine};
use xrdtest_protocol::stream::StreamHeader;

const BOOM: &str = "#include <stdlib.h>\n\
    static void innermost(int *p) { *p = 7; }\n\
    int main(int n, char **v) { if (n > 1) abort(); innermost((int *) 8); return 0; }\n";
const CORES: CoreOrder = CoreOrder { each: 64 << 20, count: 5, total: 64 << 20 };

/// A lab with the program `boom`; `None` where core dumps of this machine go to a program, so that no agent has any.
fn lab_with_boom() -> Option<Lab> {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if pattern.starts_with(['|', '@']) {
        return None;
    }
    let lab = Lab::new();
    fs::write(lab.path("boom.c"), BOOM).unwrap();
    let compiled =
        Command::new("gcc").args(["-g", "-O0", "-o"]).arg(lab.path("boom")).arg(lab.path("boom.c")).status();
    assert!(compiled.unwrap().success(), "gcc is a package that the tests need");
    Some(lab)
}

fn crashing(lab: &Lab, number: u32, script: &str) -> StageOrder {
    let script = script.replace("@boom@", lab.path("boom").to_str().unwrap());
    StageOrder { cores: Some(CORES), ..order(lab, number, &format!("#!/bin/bash\n{script}")) }
}

async fn text_of(lab: &Lab, attempt: &AttemptId, report: &FinishedReport, path: &str) -> String {
    let index = report.logs.iter().position(|log| log.path == path).unwrap();
    let length = report.logs[index].length;
    let header = StreamHeader::Log {
        attempt: attempt.clone(),
        index: u32::try_from(index).unwrap(),
        path: path.to_owned(),
        artifact: report.logs[index].artifact,
    };
    let bytes = lab.file(&header, |content| content.len() as u64 == length).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn done(contact: &mut Contact, order: &StageOrder) -> FinishedReport {
    contact.order(order).await;
    let report = contact.finished(&order.attempt).await;
    contact.send(EngineToSlave::Forget { attempt: order.attempt.clone() }).await;
    report
}

/// The final report on an attempt, whatever the agent says of others: of one that it had no time to forget.
async fn finished_of(contact: &mut Contact, wanted: &AttemptId) -> FinishedReport {
    loop {
        match contact.next().await.unwrap() {
            SlaveToEngine::Report { attempt, report: StageReport::Finished(report) }
                if attempt == *wanted =>
            {
                return *report;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn core_dumps_and_back_traces_reach_the_engine() {
    let Some(lab) = lab_with_boom() else { return };
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    // Two processes in folders of their own, so that neither writes over the other's core dump.
    let script = "mkdir -p a b\n(cd a; @boom@)\n(cd b; @boom@ abort)\nexit 0\n";
    let first = crashing(&lab, 1, script);
    contact.order(&first).await;
    let report = contact.finished(&first.attempt).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:?}");
    assert_eq!(report.no_cores, "");
    let mut told: Vec<_> = report.crashes.iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(told, ["boom (SIGABRT) in main", "boom (SIGSEGV) in innermost"], "{report:?}");
    for crash in &report.crashes {
        let pid = crash.pid.unwrap();
        assert_eq!(crash.core, format!("/crash/core.boom.{pid}.zst"));
        let trace = text_of(&lab, &first.attempt, &report, &crash.text).await;
        assert!(trace.contains("boom.c:3") && trace.contains("main ("), "{trace}");
        let packed = report.logs.iter().find(|log| log.path == crash.core).unwrap();
        assert!(packed.artifact && packed.note.contains("/work/"), "{packed:?}");
        assert!(text_of(&lab, &first.attempt, &report, &crash.core).await.starts_with("(\u{fffd}/\u{fffd}"));
    }
    contact.send(EngineToSlave::Forget { attempt: first.attempt.clone() }).await;
    // What was there is not new in the next stage.
    let next = done(&mut contact, &crashing(&lab, 2, "true\n")).await;
    assert_eq!((next.crashes, next.logs), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn who_does_not_ask_has_nothing() {
    let Some(lab) = lab_with_boom() else { return };
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let order = StageOrder { cores: None, ..crashing(&lab, 1, "@boom@\nexit 0\n") };
    let report = done(&mut contact, &order).await;
    assert_eq!((report.crashes, report.logs, report.no_cores), (Vec::new(), Vec::new(), String::new()));
}

#[tokio::test]
async fn a_daemon_that_crashes_later_belongs_to_that_stage() {
    let Some(lab) = lab_with_boom() else { return };
    make_fifo(&lab);
    let elsewhere = lab.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    // It stands where nobody would look.
    let daemon = format!(
        "cd {}\n(exec >/dev/null 2>&1; setsid bash -c 'read -r _ < @go@; @boom@; touch @ran@') &\nexit 0\n",
        elsewhere.display()
    );
    let report = done(&mut contact, &crashing(&lab, 1, &daemon)).await;
    assert_eq!(report.crashes, []);
    let wait = crashing(&lab, 2, "echo begins\nuntil [ -e @ran@ ]; do read -rt 0.05 <> <(:); done\n");
    contact.order(&wait).await;
    lab.output(&wait.attempt, |output| output == b"begins\n").await;
    // The agent is killed meanwhile: what is known is on disk.
    drop(agent);
    let _agent = lab.start_agent("boot-1");
    let mut contact = lab.contact().await;
    let_go(&lab).await;
    let report = finished_of(&mut contact, &wait.attempt).await;
    let told: Vec<_> = report.crashes.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["boom (SIGSEGV) in innermost"], "{report:?}");
    let trace = text_of(&lab, &wait.attempt, &report, &report.crashes[0].text).await;
    assert!(trace.contains("innermost"), "{trace}");
}
