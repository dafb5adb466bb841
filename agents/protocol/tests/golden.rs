//! The wire format of each protocol version, held against a file that is kept for ever. When this test fails, either
//! the change was not meant to reach the wire, or it needs a new version (`src/version.rs`) with a file of its own.
//! Lines may be added at the end of the newest version's file.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use xrdtest_model::crash::{CoreOrder, Crash, CrashKind};
use xrdtest_model::definition::Forward;
use xrdtest_model::event::{CollectedLog, ImageUsed, InstanceStep};
use xrdtest_model::order::{EndCause, FinishedReport, StageOrder, StageReport};
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan, NetworkPlan, Script};
use xrdtest_model::room::{Load, Room};
use xrdtest_model::{AttemptId, MachineId, Metric, Outcome, StageId, StageKind, Timestamp};
use xrdtest_protocol::message::{
    Abilities, EngineToHypervisor, EngineToSlave, Hello, HelloReply, HypervisorToEngine, SlaveToEngine,
    Spoken,
};
use xrdtest_protocol::renewal::RenewReply;
use xrdtest_protocol::stream::{FetchReply, Progress, StreamHeader, Wanted};

fn attempt() -> AttemptId {
    AttemptId {
        run: "r1".into(),
        stage: StageId::of_case(2, StageKind::Run),
        machine: MachineId::new("r1.0".into(), "ds1.xrd.test"),
        number: 1,
    }
}

fn finished() -> StageReport {
    StageReport::Finished(Box::new(FinishedReport {
        outcome: Outcome::Failed,
        exit_code: Some(3),
        signal: None,
        reason: String::new(),
        started: Timestamp::from_millis(1_795_000_000_123),
        duration_ms: 45,
        output_length: 678,
        output_lost: 0,
        leftovers: vec!["xrootd (pid 12)".to_owned()],
        logs: vec![CollectedLog {
            path: "/var/log/x".to_owned(),
            length: 9,
            note: "rotated".to_owned(),
            artifact: false,
        }],
        metrics: Vec::new(),
        crashes: Vec::new(),
        no_cores: String::new(),
    }))
}

fn cluster() -> Arc<ClusterPlan> {
    Arc::new(ClusterPlan {
        external: false,
        hypervisor: None,
        name: "c".to_owned(),
        network: NetworkPlan {
            name: "n".to_owned(),
            bridge_name: "virbr_n".to_owned(),
            ip: [192, 168, 127, 1].into(),
            prefix: 24,
            dhcp_range: Some(([192, 168, 127, 2].into(), [192, 168, 127, 254].into())),
            lb_alias: Some(("lb.xrd.test".to_owned(), vec![[192, 168, 127, 6].into()])),
            forward: Forward::Nat,
        },
        hosts: vec![HostPlan {
            name: "ds1.xrd.test".to_owned(),
            ip: [192, 168, 127, 6].into(),
            mac: "02:00:00:00:00:01".to_owned(),
            uuid: None,
            ram_kib: 1_048_576,
            arch: Some("x86_64".to_owned()),
            boot_image: Some("debian12.qcow2".to_owned()),
            cache_boot_image: true,
            vcpus: 1,
            kernel: None,
            initrd: None,
            cmdline: None,
            emulator_path: None,
            aliases: vec!["multiip.xrd.test".to_owned()],
            in_dns: true,
            disks: vec![DiskPlan {
                name: "disk1".to_owned(),
                bytes: 20 << 30,
                device: "vda".to_owned(),
                mount_point: "/data".to_owned(),
                cache: true,
            }],
        }],
    })
}

fn order() -> Box<StageOrder> {
    Box::new(StageOrder {
        attempt: attempt(),
        boot_id: "b".to_owned(),
        suite: "s".to_owned(),
        case: Some("copy_to".to_owned()),
        script: Arc::new(Script {
            origin: "suites/s/tc/copy_to/run.sh".to_owned(),
            digest: "d".to_owned(),
            text: "#!/bin/sh\n".to_owned(),
        }),
        tags: BTreeMap::from([("dataset".to_owned(), "/data/big".to_owned())]),
        timeout_ms: 900_000,
        output_limit: 1 << 28,
        logs: vec!["/var/log/@slavename@".to_owned()],
        log_limit: 1 << 26,
        aliases: Vec::new(),
        cores: None,
    })
}

/// Writes messages as lines, after having read each back.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add<T: Serialize + DeserializeOwned + PartialEq + Debug>(&mut self, message: &T) {
        let line = serde_json::to_string(message).unwrap();
        assert_eq!(&serde_json::from_str::<T>(&line).unwrap(), message);
        self.0.push_str(&line);
        self.0.push('\n');
    }
}

fn hellos(lines: &mut Lines) {
    let text = || "t".to_owned();
    lines.add(&Hello::Join { versions: (1, 1), token: text(), request: text() });
    lines.add(&Hello::Slave {
        versions: (1, 1),
        software: text(),
        boot_id: text(),
        known: vec![
            (attempt(), StageReport::Accepted),
            (attempt(), finished()),
            (attempt(), StageReport::Unknown),
        ],
    });
    lines.add(&Hello::Hypervisor {
        versions: (1, 1),
        software: text(),
        abilities: Abilities {
            provider: "sandbox".to_owned(),
            room: Room { memory_kib: 1, cores: 2, disk_bytes: 3 },
            labels: vec![text()],
            exclusive: false,
            detail: String::new(),
        },
        instances: vec![("r1.0".into(), true)],
    });
    lines.add(&HelloReply::Accepted { version: 1, now_ms: None });
    lines.add(&HelloReply::Joined { certificate: text(), ca: text() });
    lines.add(&HelloReply::Refused { reason: text() });
}

fn control(lines: &mut Lines) {
    let text = || "t".to_owned();
    lines.add(&SlaveToEngine::Report { attempt: attempt(), report: finished() });
    lines.add(&SlaveToEngine::Goodbye);
    lines.add(&EngineToSlave::Order { order: order() });
    lines.add(&EngineToSlave::EndStage { attempt: attempt(), why: EndCause::TimedOut, reason: text() });
    lines.add(&EngineToSlave::EndStage { attempt: attempt(), why: EndCause::Cancelled, reason: text() });
    lines.add(&EngineToSlave::Forget { attempt: attempt() });
    lines.add(&HypervisorToEngine::Progress { instance: "i".into(), detail: text(), step: None });
    lines.add(&HypervisorToEngine::Made { instance: "i".into() });
    lines.add(&HypervisorToEngine::Failed { instance: "i".into(), detail: text() });
    lines.add(&HypervisorToEngine::MachineGone { instance: "i".into(), host: text(), detail: text() });
    lines.add(&HypervisorToEngine::Stopped { instance: "i".into() });
    lines.add(&HypervisorToEngine::Goodbye);
    lines.add(&EngineToHypervisor::StartInstance {
        instance: "i".into(),
        cluster: cluster(),
        tokens: vec![(text(), text())],
    });
    lines.add(&EngineToHypervisor::StopInstance { instance: "i".into() });
}

fn streams(lines: &mut Lines) {
    let text = || "t".to_owned();
    lines.add(&StreamHeader::Output { attempt: attempt() });
    lines.add(&StreamHeader::Log { attempt: attempt(), index: 1, path: text(), artifact: false });
    lines.add(&StreamHeader::Fetch { instance: "i".into(), host: text(), path: text() });
    lines.add(&Progress { have: 5 });
    lines.add(&FetchReply::Found { length: 5 });
    lines.add(&FetchReply::NotFound { reason: text() });
    lines.add(&FetchReply::Refused { reason: text() });
}

/// What came later, in the order in which it came.
fn additions(lines: &mut Lines) {
    let text = || "t".to_owned();
    lines.add(&SlaveToEngine::Report { attempt: attempt(), report: StageReport::Rebooting });
    lines.add(&HypervisorToEngine::Progress {
        instance: "i".into(),
        detail: text(),
        step: Some(InstanceStep::CopyingImages),
    });
    let mut cluster = ClusterPlan::clone(&cluster());
    cluster.network.forward = Forward::Isolated;
    cluster.hypervisor = Some(text());
    let host = &mut cluster.hosts[0];
    host.vcpus = 4;
    (host.kernel, host.initrd, host.cmdline) = (Some(text()), Some(text()), Some(text()));
    lines.add(&EngineToHypervisor::StartInstance {
        instance: "i".into(),
        cluster: Arc::new(cluster),
        tokens: Vec::new(),
    });
    let room = Room { memory_kib: 1, cores: 2, disk_bytes: 3 };
    lines.add(&Hello::Hypervisor {
        versions: (1, 1),
        software: text(),
        abilities: Abilities {
            provider: "libvirt".to_owned(),
            room,
            labels: Vec::new(),
            exclusive: true,
            detail: text(),
        },
        instances: Vec::new(),
    });
    let load = Load { load_1min_centi: 152, memory_free_kib: 4, disk_free_bytes: 5 };
    lines.add(&HypervisorToEngine::Status { room, load, now_ms: None });
    let images = vec![ImageUsed { name: text(), digest: text() }];
    lines.add(&HypervisorToEngine::Images { instance: "i".into(), images });
    lines.add(&HelloReply::Accepted { version: 1, now_ms: Some(7) });
    lines.add(&StreamHeader::Console { instance: "i".into(), host: text() });
    lines.add(&StreamHeader::Log { attempt: attempt(), index: 2, path: text(), artifact: true });
    let StageReport::Finished(mut report) = finished() else { unreachable!() };
    report.logs.push(CollectedLog { path: text(), length: 3, note: String::new(), artifact: true });
    report.metrics =
        vec![Metric::parse("rate", "81.5", "MB/s").unwrap(), Metric::parse("n", "7", "").unwrap()];
    lines.add(&SlaveToEngine::Report { attempt: attempt(), report: StageReport::Finished(report) });
    lines.add(&EngineToSlave::Order { order: Box::new(StageOrder { aliases: vec![text()], ..*order() }) });
    let request = text();
    for wanted in [Wanted::TrustedCaCertificate, Wanted::SignedCertificate { request }, Wanted::SssKeytable] {
        lines.add(&StreamHeader::Credential { instance: "i".into(), host: text(), wanted });
    }
    lines.add(&FetchReply::Invalid { reason: text() });
    lines.add(&StreamHeader::Renew { request: text(), ends: 7 });
    lines.add(&RenewReply::Signed { certificate: text(), again_s: 8 });
    lines.add(&RenewReply::NotYet { again_s: 8 });
    lines.add(&RenewReply::Refused { reason: text() });
    let cores = Some(CoreOrder { each: 1, count: 2, total: 3 });
    lines.add(&EngineToSlave::Order { order: Box::new(StageOrder { cores, ..*order() }) });
    let StageReport::Finished(mut report) = finished() else { unreachable!() };
    let crash = |kind| Crash {
        kind,
        subject: text(),
        pid: Some(7),
        signal: Some(11),
        function: text(),
        core: text(),
        text: text(),
        note: text(),
    };
    let kinds = [CrashKind::Process, CrashKind::Kernel, CrashKind::OutOfMemory];
    (report.crashes, report.no_cores) = (kinds.map(crash).to_vec(), text());
    lines.add(&SlaveToEngine::Report { attempt: attempt(), report: StageReport::Finished(report) });
}

#[test]
fn version_1() {
    let mut lines = Lines::default();
    hellos(&mut lines);
    control(&mut lines);
    streams(&mut lines);
    additions(&mut lines);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/protocol-1.jsonl");
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &lines.0).unwrap();
    }
    assert_eq!(lines.0, std::fs::read_to_string(path).unwrap());
}

/// What version 2 brought, and what becomes of it for a peer of version 1.
#[test]
fn version_2() {
    let room = Room { memory_kib: 1, cores: 2, disk_bytes: 3 };
    let load = Load { load_1min_centi: 152, memory_free_kib: 4, disk_free_bytes: 5 };
    let status = HypervisorToEngine::Status { room, load, now_ms: Some(1_795_000_000_123) };
    let mut lines = Lines::default();
    lines.add(&HelloReply::Accepted { version: 2, now_ms: Some(7) });
    lines.add(&status);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/protocol-2.jsonl");
    if std::env::var_os("XRDTEST_WRITE_GOLDEN").is_some() {
        std::fs::write(path, &lines.0).unwrap();
    }
    assert_eq!(lines.0, std::fs::read_to_string(path).unwrap());

    assert_eq!(status.spoken(2).unwrap().as_ref(), &status);
    let old = serde_json::to_string(status.spoken(1).unwrap().as_ref()).unwrap();
    let version_1 =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/protocol-1.jsonl"));
    assert!(version_1.unwrap().lines().any(|line| line == old), "version 1 has no such line: {old}");
}

#[test]
fn kinds_of_the_future_are_no_errors() {
    let line = r#"{"message":"teleport","where":"there"}"#;
    assert_eq!(serde_json::from_str::<SlaveToEngine>(line).unwrap(), SlaveToEngine::Unknown);
    assert_eq!(serde_json::from_str::<EngineToSlave>(line).unwrap(), EngineToSlave::Unknown);
    assert_eq!(serde_json::from_str::<HypervisorToEngine>(line).unwrap(), HypervisorToEngine::Unknown);
    assert_eq!(serde_json::from_str::<EngineToHypervisor>(line).unwrap(), EngineToHypervisor::Unknown);
    assert_eq!(serde_json::from_str::<StreamHeader>(r#"{"stream":"x"}"#).unwrap(), StreamHeader::Unknown);
    assert_eq!(serde_json::from_str::<Wanted>(r#"{"credential":"x"}"#).unwrap(), Wanted::Unknown);
}
