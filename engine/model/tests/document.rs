//! The run document, held against a file that is kept for ever: within a version fields are only ever added.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use xrdtest_model::document::{
    CaseRecord, ClusterRecord, ConsoleRecord, LogRecord, RunRecord, RunsDocument, StageRecord,
};
use xrdtest_model::event::ImageUsed;
use xrdtest_model::{Metric, Origin, Outcome, StageKind, Verdict};

fn stage(case: Option<(u32, &str)>, stage: StageKind, machine: &str) -> StageRecord {
    StageRecord {
        case_index: case.map(|(index, _)| index),
        case: case.map(|(_, name)| name.to_owned()),
        stage,
        machine: machine.to_owned(),
        outcome: Outcome::Passed,
        exit_code: Some(0),
        signal: None,
        reason: String::new(),
        offset_ms: 0,
        duration_ms: 40,
        output: String::new(),
        output_length: 0,
        output_complete: true,
        output_file: None,
        leftovers: Vec::new(),
        logs: Vec::new(),
        artifacts: Vec::new(),
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }
}

fn stages() -> Vec<StageRecord> {
    let copy = Some((0, "copy_to"));
    let initialize =
        ["ds1.xrd.test", "client1.xrd.test"].map(|machine| stage(None, StageKind::Initialize, machine));
    let passed = StageRecord {
        offset_ms: 41,
        output: "Nothing to run\n".to_owned(),
        output_length: 15,
        output_file: Some("outputs/03-copy_to-run/ds1.xrd.test.log".to_owned()),
        leftovers: vec!["sleep (pid 12)".to_owned()],
        artifacts: vec![LogRecord {
            path: "/tmp/report.xml".to_owned(),
            length: 7,
            note: String::new(),
            file: "artifacts/03-copy_to-run/ds1.xrd.test/tmp/report.xml".to_owned(),
        }],
        metrics: vec![
            Metric::parse("copy.rate", "81.5", "MB/s").unwrap(),
            Metric::parse("n", "7", "").unwrap(),
        ],
        logs: vec![LogRecord {
            path: "/var/log/x.log".to_owned(),
            length: 9,
            note: "rotated".to_owned(),
            file: "logs/03-copy_to-run/ds1.xrd.test/var/log/x.log".to_owned(),
        }],
        ..stage(copy, StageKind::Run, "ds1.xrd.test")
    };
    let failed = StageRecord {
        outcome: Outcome::Failed,
        exit_code: Some(3),
        offset_ms: 42,
        duration_ms: 1234,
        output: "copying\ncommand [ false ] failed\n".to_owned(),
        output_length: 33,
        output_file: Some("outputs/03-copy_to-run/client1.xrd.test.log".to_owned()),
        ..stage(copy, StageKind::Run, "client1.xrd.test")
    };
    let killed = StageRecord {
        outcome: Outcome::Killed,
        exit_code: None,
        signal: Some(9),
        reason: "signal 9 (SIGKILL)".to_owned(),
        offset_ms: 1300,
        ..stage(copy, StageKind::Finalize, "ds1.xrd.test")
    };
    let lost = StageRecord {
        outcome: Outcome::Lost,
        exit_code: None,
        reason: "out of contact for 30 s".to_owned(),
        output_complete: false,
        offset_ms: 1300,
        ..stage(copy, StageKind::Finalize, "client1.xrd.test")
    };
    initialize.into_iter().chain([passed, failed, killed, lost]).collect()
}

fn document() -> RunsDocument {
    let case = |index, name: &str, verdict, reason: &str| CaseRecord {
        index,
        name: name.to_owned(),
        verdict,
        reason: reason.to_owned(),
    };
    RunsDocument::new(vec![RunRecord {
        id: "20261122-101500-ts_copy-3fa2".to_owned(),
        suite: "ts_copy".to_owned(),
        trigger: "schedule: 2026-11-22 11:15:00 CET".to_owned(),
        verdict: Some(Verdict::Error),
        phase: None,
        reason: "copy_to: client1.xrd.test is lost".to_owned(),
        started: "2026-11-22T10:15:00.000Z".to_owned(),
        duration_ms: 2500,
        cases: vec![
            case(0, "copy_to", Some(Verdict::Error), "client1.xrd.test is lost"),
            case(1, "copy_from", None, "it was not begun"),
        ],
        stages: stages(),
        origin: Some(Origin {
            repository: "suites".to_owned(),
            branch: Some("main".to_owned()),
            commit: Some("3fa29c01d2ab4e5f60718293a4b5c6d7e8f90a1b".to_owned()),
            author: Some("A. Author <author@example.org>".to_owned()),
            dirty: Some(true),
        }),
        clusters: vec![ClusterRecord { name: "cluster_003_copy".to_owned(), hypervisor: "hv1".to_owned() }],
        tags: [("version".to_owned(), "5.8.1".to_owned())].into(),
        images: vec![ImageUsed { name: "debian12.qcow2".to_owned(), digest: "0a1b".to_owned() }],
        consoles: vec![ConsoleRecord {
            machine: "client1.xrd.test".to_owned(),
            file: "consoles/client1.xrd.test.log".to_owned(),
            length: 5120,
            tail: "[   12.3] systemd[1]: Reached target\nKernel panic - not syncing".to_owned(),
        }],
        directory: Some("/var/lib/xrdtest/local/20261122-101500-ts_copy-3fa2".to_owned()),
    }])
}

#[test]
fn version_1() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/run-1.json");
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        fs::write(path, &text).unwrap();
    }
    let golden = fs::read_to_string(path).unwrap();
    assert_eq!(text, golden);
    assert_eq!(serde_json::from_str::<RunsDocument>(&golden).unwrap(), document());
}
