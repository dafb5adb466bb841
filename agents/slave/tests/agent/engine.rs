//! The engine's side of the protocol, for tests of the agent: real QUIC, real certificates, files in memory.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use xrdtest_model::order::{FinishedReport, StageOrder, StageReport};
use xrdtest_model::plan::Script;
use xrdtest_model::{AttemptId, Limits, MachineId, StageId, StageKind};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::client::{Receiver, Sender};
use xrdtest_protocol::message::{EngineToSlave, Hello, SlaveToEngine};
use xrdtest_protocol::server::{Arrival, Link, Listener, ListenerConfig, greet};
use xrdtest_protocol::stream::StreamHeader;
use xrdtest_protocol::{Identity, ProtocolError};

pub(crate) const SLAVE: &str = env!("CARGO_BIN_EXE_xrdtest-slave");
pub(crate) const HOST: &str = "ds1.xrd.test";
/// Nothing here takes longer.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.unwrap_or_else(|_| panic!("waited too long for {what}"))
}

/// A file by what its stream says.
type Files = HashMap<String, Vec<u8>>;

/// An engine, and a folder for one machine.
pub(crate) struct Lab {
    pub(crate) folder: tempfile::TempDir,
    authority: Authority,
    listener: Listener,
    identity: Identity,
    files: Arc<watch::Sender<Files>>,
}

/// The agent under test. It is killed when dropped; its supervisors are not.
pub(crate) struct Agent {
    pub(crate) process: Child,
}

impl Agent {
    pub(crate) fn start(command: &mut Command) -> Self {
        let process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { process }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A session with the agent.
pub(crate) struct Contact {
    pub(crate) known: Vec<(AttemptId, StageReport)>,
    pub(crate) boot_id: String,
    pub(crate) link: Link,
    sender: Sender<EngineToSlave>,
    receiver: Receiver<SlaveToEngine>,
}

impl Lab {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(&folder.path().join("ca")).unwrap();
        let credentials = authority.issue(&Identity::Engine).unwrap();
        let listener =
            Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &credentials, &ListenerConfig::default())
                .unwrap();
        let address = listener.local_addr().unwrap();
        let lab =
            Self { folder, authority, listener, identity: Identity::Slave(machine()), files: Arc::default() };
        std::fs::write(lab.path("token"), lab.token()).unwrap();
        lab.configure(address);
        lab
    }

    /// The same with an engine that takes the machine for a physical one.
    pub(crate) fn physical() -> Self {
        Self { identity: Identity::Slave(MachineId::physical(HOST)), ..Self::new() }
    }

    pub(crate) fn token(&self) -> String {
        self.authority.new_token().unwrap().to_string()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Writes the agent's configuration, with this address for the engine's.
    pub(crate) fn configure(&self, address: SocketAddr) {
        let lab = self;
        let config = format!(
            "engine = '{address}'\nstate = '{state}'\nlog = '{log}'\njoin_token_file = '{token}'\n\
             functions = '{functions}'\n[tags]\nport = '8080'\n",
            state = lab.path("state").display(),
            log = lab.path("agent.log").display(),
            token = lab.path("token").display(),
            functions = lab.path("functions.sh").display(),
        );
        std::fs::write(lab.path("slave.toml"), config).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn start_agent(&self, boot_id: &str) -> Agent {
        let mut command = Command::new(SLAVE);
        command.arg("--config").arg(self.path("slave.toml")).env("XRDTEST_BOOT_ID", boot_id);
        Agent::start(&mut command)
    }

    /// The agent's next session; joins it first where it asks to.
    pub(crate) async fn contact(&self) -> Contact {
        within("the agent's hello", async {
            loop {
                let incoming = self.listener.accept().await.unwrap();
                // A killed agent's last connection attempt may still be on its way.
                let Ok(arrival) = greet(incoming).await else { continue };
                if let Some(contact) = self.welcome(arrival).await {
                    return contact;
                }
            }
        })
        .await
    }

    async fn welcome(&self, arrival: Arrival) -> Option<Contact> {
        match arrival.hello.clone() {
            Hello::Join { request, .. } => {
                let certificate = self.authority.sign(&request, &self.identity).unwrap();
                arrival.joined(certificate, self.authority.certificate().to_owned()).await.unwrap();
                None
            }
            Hello::Slave { boot_id, known, .. } => {
                assert_eq!(arrival.identity.as_ref(), Some(&self.identity));
                let version = arrival.version().unwrap();
                let (link, sender, receiver) = arrival.accept(version).await.ok()?;
                tokio::spawn(take_files(link.clone(), Arc::clone(&self.files)));
                Some(Contact { known, boot_id, link, sender, receiver })
            }
            hello => panic!("{hello:?}"),
        }
    }

    /// Waits until a file is as `good` wants it.
    pub(crate) async fn file(&self, header: &StreamHeader, good: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        let key = format!("{header:?}");
        let mut files = self.files.subscribe();
        let good = |files: &Files| good(files.get(&key).map_or(&[], Vec::as_slice));
        let files = within("a file", files.wait_for(good)).await.unwrap();
        files.get(&key).cloned().unwrap_or_default()
    }

    pub(crate) async fn output(&self, attempt: &AttemptId, good: impl Fn(&[u8]) -> bool) -> Vec<u8> {
        self.file(&StreamHeader::Output { attempt: attempt.clone() }, good).await
    }
}

async fn take_files(link: Link, files: Arc<watch::Sender<Files>>) {
    while let Ok(pending) = link.accept_stream().await {
        let files = Arc::clone(&files);
        tokio::spawn(async move {
            let mut stream = pending.header().await?;
            let key = format!("{:?}", stream.header);
            let have = || files.borrow().get(&key).map_or(0, Vec::len) as u64;
            let now = have();
            stream.acknowledge(now).await?;
            while let Some(chunk) = stream.next_chunk().await? {
                files.send_modify(|files| files.entry(key.clone()).or_default().extend_from_slice(&chunk));
            }
            let now = have();
            stream.acknowledge(now).await?;
            stream.finish();
            Ok::<_, ProtocolError>(())
        });
    }
}

impl Contact {
    pub(crate) async fn send(&mut self, message: EngineToSlave) {
        self.sender.send(&message).await.unwrap();
    }

    pub(crate) async fn order(&mut self, order: &StageOrder) {
        self.send(EngineToSlave::Order { order: Box::new(order.clone()) }).await;
    }

    /// The next message; `None` at the end of the session.
    pub(crate) async fn next(&mut self) -> Option<SlaveToEngine> {
        within("a message", self.receiver.recv()).await.ok().flatten()
    }

    /// The next report, which must be on this attempt.
    pub(crate) async fn report(&mut self, attempt: &AttemptId) -> StageReport {
        match self.next().await {
            Some(SlaveToEngine::Report { attempt: on, report }) => {
                assert_eq!(&on, attempt);
                report
            }
            other => panic!("{other:?} instead of a report"),
        }
    }

    /// The final report, from the hello or later.
    pub(crate) async fn result(&mut self, attempt: &AttemptId) -> FinishedReport {
        let known = self.known.iter().find(|(known, _)| known == attempt);
        match known.cloned() {
            Some((_, StageReport::Finished(report))) => *report,
            _ => self.finished(attempt).await,
        }
    }

    /// The final report, skipping others on the way.
    pub(crate) async fn finished(&mut self, attempt: &AttemptId) -> FinishedReport {
        loop {
            if let StageReport::Finished(report) = self.report(attempt).await {
                return *report;
            }
        }
    }
}

pub(crate) fn machine() -> MachineId {
    MachineId::new("r1.0".into(), HOST)
}

/// An order for the boot `boot-1`; `@ran@` and `@go@` are files of the lab.
pub(crate) fn order(lab: &Lab, number: u32, script: &str) -> StageOrder {
    let attempt = AttemptId {
        run: "r1".into(),
        stage: StageId::of_case(0, StageKind::Run),
        machine: machine(),
        number,
    };
    let tag = |name: &str| (name.to_owned(), lab.path(name).to_str().unwrap().to_owned());
    StageOrder {
        attempt,
        boot_id: "boot-1".to_owned(),
        suite: "ts".to_owned(),
        case: Some("c".to_owned()),
        script: Arc::new(Script {
            origin: "suites/ts/tc/c/run.sh".to_owned(),
            digest: String::new(),
            text: script.to_owned(),
        }),
        tags: [tag("ran"), tag("go"), tag("log")].into(),
        timeout_ms: 60_000,
        output_limit: Limits::default().output_bytes,
        logs: Vec::new(),
        log_limit: Limits::default().log_bytes,
        aliases: Vec::new(),
        cores: None,
    }
}

/// Says that it runs, waits to be let go, and writes a megabyte.
pub(crate) const LONG: &str = "#!/bin/bash\necho ran >> @ran@\necho begins\nread -r _ < @go@\n\
                               head -c 1000000 /dev/zero\necho ends\n";

pub(crate) fn make_fifo(lab: &Lab) {
    assert!(Command::new("mkfifo").arg(lab.path("go")).status().unwrap().success());
}

/// Lets a script that waits at the fifo go on.
pub(crate) async fn let_go(lab: &Lab) {
    let path = lab.path("go");
    within("the script", tokio::task::spawn_blocking(move || std::fs::write(path, "go\n")))
        .await
        .unwrap()
        .unwrap();
}

pub(crate) fn is_whole_output_of_long(output: &[u8]) -> bool {
    let zeros = output.strip_prefix(b"begins\n").and_then(|rest| rest.strip_suffix(b"ends\n"));
    zeros.is_some_and(|zeros| zeros.len() == 1_000_000 && zeros.iter().all(|byte| *byte == 0))
}

pub(crate) fn ran(lab: &Lab) -> String {
    std::fs::read_to_string(lab.path("ran")).unwrap_or_default()
}

/// The process that supervises an attempt.
pub(crate) fn supervisor(lab: &Lab, attempt: &AttemptId) -> Pid {
    let accepted = lab.path("state/stages").join(attempt.folder_name()).join("accepted");
    let accepted: serde_json::Value = serde_json::from_slice(&std::fs::read(accepted).unwrap()).unwrap();
    Pid::from_raw(i32::try_from(accepted["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

/// Ends a process and everything below it at once, as a cut of the power does.
pub(crate) fn cut_power(pid: Pid) {
    let pid = pid.as_raw_nonzero().get();
    let below = xrdtest_slave::process::tree::descendants(pid);
    for pid in std::iter::once(pid).chain(below.iter().map(|process| process.pid)) {
        // Those below may be gone already.
        let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
    }
}
