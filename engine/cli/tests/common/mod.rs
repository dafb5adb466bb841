//! What the tests of the command share: small repositories, and runs of the real program as root in real sandboxes.
#![allow(dead_code, reason = "each test program uses what it needs")]
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use xrdtest_model::document::{RunRecord, RunsDocument, StageRecord};

/// A repository in a temporary folder, and a folder for runs beside it.
pub(crate) struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// With a cluster `cluster` of machines `m1.xrd.test` … .
    pub(crate) fn new(machines: usize) -> Self {
        let repository = Self { folder: tempfile::tempdir().unwrap() };
        repository.write("clusters/cluster.rhai", &cluster(machines));
        repository
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// A suite whose cases are folders with a `run.sh` each. `more` are further lines of its definition.
    pub(crate) fn suite(&self, name: &str, initialize: &str, cases: &[(&str, &str)], more: &str) {
        let names: Vec<_> = cases.iter().map(|(case, _)| format!("\"{case}\"")).collect();
        let definition = format!(
            "fn getTestSuite() {{\n    let ts = TestSuite(\"{name}\");\n    ts.clusters = [\"cluster\"];\n    \
             ts.tests = [{}];\n    ts.initialize = \"file://suite_init.sh\";\n    {more}\n    ts\n}}\n",
            names.join(", ")
        );
        self.write(&format!("suites/{name}/{name}.rhai"), &definition);
        self.write(&format!("suites/{name}/suite_init.sh"), initialize);
        for (case, script) in cases {
            self.write(&format!("suites/{name}/tc/{case}/run.sh"), script);
        }
    }

    /// The program in this repository, not yet started.
    pub(crate) fn xrdtest(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest"));
        command.args(arguments).current_dir(self.root()).stdin(Stdio::null());
        command.env("XRDTEST_SLAVE", slave());
        command
    }

    /// `run SUITE… --local --format json`, not yet started.
    pub(crate) fn run_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.xrdtest(&["run", "--local", "--format", "json", "--output"]);
        command.arg(self.folder.path().join("runs")).args(arguments);
        command
    }

    /// Runs suites, and reads the document.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.run_command(arguments).output().unwrap())
    }
}

/// The slave agent's program: built with the workspace, in the same folder.
fn slave() -> PathBuf {
    let slave = Path::new(env!("CARGO_BIN_EXE_xrdtest")).with_file_name("xrdtest-slave");
    assert!(
        slave.is_file(),
        "{} is missing: test the whole workspace, or build xrdtest-slave",
        slave.display()
    );
    slave
}

/// Runs one trial of those in `system/`; what it says is shown where it fails.
pub(crate) fn trial(program: &str, arguments: &[&str]) {
    trial_by(&[], program, arguments);
}

/// Runs one trial by another command, which gets it as its last arguments.
pub(crate) fn trial_by(command: &[&str], program: &str, arguments: &[&str]) {
    let programs = Path::new(env!("CARGO_BIN_EXE_xrdtest")).parent().unwrap();
    for name in ["xrdtest-engine", "xrdtest-hypervisor", "xrdtest-slave"] {
        let missing = format!("{name} is not in {}: build the workspace", programs.display());
        assert!(programs.join(name).is_file(), "{missing}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system").join(program);
    let mut words = command.iter().chain(&["python3"]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).arg(path).arg("--programs").arg(programs).args(arguments);
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// A cluster definition with that many machines, at 192.168.200.11 and up.
fn cluster(machines: usize) -> String {
    let mut text =
        "fn getCluster() {\n    let cluster = Cluster(\"cluster\");\n    let net = cluster.network;\n    \
                    net.ip = \"192.168.200.1\";\n    net.netmask = \"255.255.255.0\";\n    \
                    net.DHCPRange = [\"192.168.200.2\", \"192.168.200.254\"];\n"
            .to_owned();
    for number in 1..=machines {
        let _ = writeln!(
            text,
            "    let m{number} = Host(\"m{number}.xrd.test\", \"192.168.200.{}\");\n    net.addHost(m{number});\n    \
             cluster.addHost(m{number});",
            10 + number
        );
    }
    text + "    cluster\n}\n"
}

/// What came of `run`.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) runs: Vec<RunRecord>,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let document: Option<RunsDocument> = serde_json::from_slice(&output.stdout).ok();
        Self { code: output.status.code(), runs: document.map(|it| it.runs).unwrap_or_default(), stderr }
    }

    /// The only run.
    pub(crate) fn record(&self) -> &RunRecord {
        assert_eq!(self.runs.len(), 1, "{}", self.stderr);
        &self.runs[0]
    }

    /// A stage on a machine.
    pub(crate) fn stage(&self, case: Option<&str>, stage: &str, machine: &str) -> &StageRecord {
        let wanted = |record: &&StageRecord| {
            record.case.as_deref() == case && record.stage.as_str() == stage && record.machine == machine
        };
        let found = self.record().stages.iter().find(wanted);
        found.unwrap_or_else(|| {
            unreachable!("no stage {case:?} {stage} on {machine}: {:#?}\n{}", self.record(), self.stderr)
        })
    }
}

/// The whole output of a stage.
pub(crate) fn output_of(run: &RunRecord, stage: &StageRecord) -> Vec<u8> {
    let folder = Path::new(run.directory.as_deref().unwrap());
    stage.output_file.as_ref().map(|file| fs::read(folder.join(file)).unwrap()).unwrap_or_default()
}

/// What runs could leave behind on this machine: interfaces, named namespaces, mounts, and the processes, cgroups and
/// folders that have `mark` in their names (others may run suites on the same machine).
pub(crate) fn traces(mark: &str) -> BTreeSet<String> {
    let mut traces = BTreeSet::new();
    for (kind, command) in [
        ("link", "ip -br link | cut -d' ' -f1"),
        ("netns", "ip netns list"),
        ("mount", "cat /proc/self/mountinfo"),
        ("cgroup", "find /sys/fs/cgroup -maxdepth 3 -name 'xrdtest*'"),
        ("folder", "ls -d /run/xrdtest-sandbox/*/ /var/lib/xrdtest/sandbox/*/ 2>/dev/null"),
        ("process", "ps -eo args"),
    ] {
        let output = Command::new("sh").args(["-c", command]).output().unwrap();
        let of_all = matches!(kind, "link" | "netns" | "mount");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines = text.lines().filter(|line| of_all || line.contains(mark));
        traces.extend(lines.map(|line| format!("{kind}: {line}")));
    }
    traces
}

/// Starts a suite and waits until a line on standard error holds `text`. Answers the program, what it has said
/// up to there, and the rest of its standard error, which must be read on.
pub(crate) fn start_until(
    repository: &Repository,
    suite: &str,
    text: &str,
) -> (Child, String, BufReader<ChildStderr>) {
    start_command_until(repository.run_command(&[suite]), text)
}

/// The same of a command.
pub(crate) fn start_command_until(
    mut command: Command,
    text: &str,
) -> (Child, String, BufReader<ChildStderr>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(text) {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended before it said {text:?}: {said}");
    }
    (child, said, stderr)
}

/// Sends a signal.
pub(crate) fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).unwrap();
}
