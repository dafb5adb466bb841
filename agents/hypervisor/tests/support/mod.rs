//! What the tests with real machines share. They need root, `runc` and `ip`, and fail without them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod engine;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use xrdtest_hypervisor::provider::{MachineGone, Provider, ProviderError, StartOrder, Step};
use xrdtest_hypervisor::sandbox::{Sandbox, SandboxConfig};
use xrdtest_model::InstanceId;
use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan, NetworkPlan};

/// Stands for the slave agent: a shell that reads its standard input to the end.
pub const INIT: &str = "while read -r line; do :; done";

/// A sandbox provider with folders of its own.
pub struct Lab {
    pub sandbox: Sandbox,
    pub gone: mpsc::UnboundedReceiver<MachineGone>,
    pub folder: tempfile::TempDir,
}

impl Lab {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let folder = tempfile::tempdir_in("/var/lib").unwrap();
        let mut config = config(folder.path());
        change(&mut config);
        let (sandbox, gone) = Sandbox::open(config).await.unwrap();
        Self { sandbox, gone, folder }
    }

    /// What is left on this machine of an instance.
    pub fn left(&self, instance: &InstanceId) -> Vec<String> {
        traces(instance.as_str(), self.folder.path()).into_iter().collect()
    }

    /// Whether a machine reaches an address: a closed port says no, an unreachable machine says nothing.
    pub fn reaches(&self, instance: &InstanceId, host: &str, target: &str) -> bool {
        text(&self.sh(instance, host, &format!("timeout 5 bash -c '</dev/tcp/{target}/9'")))
            .contains("refused")
    }

    /// The number that PID 1 of a machine has outside.
    pub fn pid_of(&self, instance: &InstanceId, host: &str) -> i32 {
        let file = self.folder.path().join("runtime").join(instance.as_str()).join("pids").join(host);
        fs::read_to_string(file).unwrap().trim().parse().unwrap()
    }

    pub async fn start(
        &self,
        instance: &InstanceId,
        cluster: &ClusterPlan,
    ) -> Result<Vec<Step>, ProviderError> {
        let (steps, mut seen) = mpsc::unbounded_channel();
        self.sandbox.start(order(instance, cluster), steps).await?;
        let mut all = Vec::new();
        while let Ok(step) = seen.try_recv() {
            all.push(step);
        }
        Ok(all)
    }

    /// Runs a shell script in a machine.
    pub fn sh(&self, instance: &InstanceId, host: &str, script: &str) -> Output {
        self.sandbox
            .enter(instance, host)
            .unwrap()
            .args(["timeout", "-k", "1", "60", "bash", "-c", script])
            .output()
            .unwrap()
    }

    /// Runs a shell script in a machine, which must succeed, and returns what it wrote.
    pub fn good(&self, instance: &InstanceId, host: &str, script: &str) -> String {
        let output = self.sh(instance, host, script);
        assert!(output.status.success(), "{host}: {script}: {}", text(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs a shell script in a machine, which must fail, and returns what it wrote.
    pub fn bad(&self, instance: &InstanceId, host: &str, script: &str) -> String {
        let output = self.sh(instance, host, script);
        assert!(!output.status.success(), "{host}: {script} did not fail: {}", text(&output));
        text(&output)
    }
}

pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub fn config(folder: &Path) -> SandboxConfig {
    SandboxConfig {
        state: folder.join("state"),
        runtime: folder.join("runtime"),
        init: "/bin/sh".into(),
        init_arguments: vec!["-c".to_owned(), INIT.to_owned()],
        ..SandboxConfig::default()
    }
}

pub fn order(instance: &InstanceId, cluster: &ClusterPlan) -> StartOrder {
    let tokens =
        cluster.hosts.iter().map(|host| (host.name.clone(), format!("token-of-{}", host.name))).collect();
    StartOrder { instance: instance.clone(), engine: "".into(), cluster: Arc::new(cluster.clone()), tokens }
}

/// An id that no other test has, also none of a test that runs in another process.
pub fn instance(name: &str) -> InstanceId {
    InstanceId::new(format!("test-{name}-{}", uuid::Uuid::new_v4().simple()))
}

pub fn cluster(hosts: u8) -> ClusterPlan {
    ClusterPlan {
        external: false,
        hypervisor: None,
        name: "cluster_test".to_owned(),
        network: NetworkPlan {
            name: "test_net".to_owned(),
            bridge_name: "virbr_test".to_owned(),
            ip: Ipv4Addr::new(192, 168, 127, 1),
            prefix: 24,
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::Nat,
        },
        hosts: (1..=hosts).map(host).collect(),
    }
}

fn host(number: u8) -> HostPlan {
    HostPlan {
        name: format!("m{number}.xrd.test"),
        ip: Ipv4Addr::new(192, 168, 127, 10 + number),
        mac: format!("52:54:00:00:00:{number:02x}"),
        uuid: None,
        ram_kib: 256 << 10,
        arch: None,
        boot_image: None,
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: Vec::new(),
        in_dns: true,
        disks: Vec::new(),
    }
}

pub fn disk(name: &str, at: &str) -> DiskPlan {
    DiskPlan {
        name: name.to_owned(),
        bytes: 1 << 30,
        device: "vda".to_owned(),
        mount_point: at.to_owned(),
        cache: true,
    }
}

/// Waits until `condition` is true; fails after a while.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Traces on this machine of whatever has `mark` in its name: interfaces, named network namespaces, mounts, processes,
/// cgroups and folders.
pub fn traces(mark: &str, folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let links = Command::new("ip").args(["-br", "link"]).output().unwrap();
    let names = Command::new("ip").arg("netns").output().unwrap();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    for (kind, lines) in [
        ("interface", String::from_utf8_lossy(&links.stdout).into_owned()),
        ("network namespace", String::from_utf8_lossy(&names.stdout).into_owned()),
        ("mount", mounts),
    ] {
        let is_ours =
            |line: &&str| line.contains(mark) || line.contains("virbr_test") || line.starts_with("port");
        found.extend(lines.lines().filter(is_ours).map(|line| format!("{kind} {line}")));
    }
    found.extend(processes(mark).into_iter().map(|line| format!("process {line}")));
    found.extend(cgroups(mark).into_iter().map(|path| format!("cgroup {}", path.display())));
    for base in ["state", "runtime"] {
        let entries = fs::read_dir(folder.join(base)).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| format!("folder {}", entry.path().display())));
    }
    found
}

/// Processes in a cgroup with `mark` in its name, or with `mark` in their arguments.
pub fn processes(mark: &str) -> Vec<String> {
    let own = std::process::id().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|entry| entry.file_name().to_string_lossy() != own)
        .filter_map(|entry| {
            // What has ended and only waits for this machine's PID 1 to notice runs no more.
            let status = fs::read_to_string(entry.path().join("status")).unwrap_or_default();
            if status.lines().any(|line| line.starts_with("State:\tZ")) {
                return None;
            }
            let read = |name| fs::read(entry.path().join(name)).unwrap_or_default();
            let all = format!(
                "{} {}",
                String::from_utf8_lossy(&read("cmdline")).replace('\0', " "),
                String::from_utf8_lossy(&read("cgroup"))
            );
            all.contains(mark).then(|| format!("{} {all}", entry.file_name().display()))
        })
        .collect()
}

pub fn cgroups(mark: &str) -> Vec<PathBuf> {
    let top = Path::new("/sys/fs/cgroup");
    let mut folders = vec![top.to_owned()];
    folders.extend(fs::read_dir(top).unwrap().flatten().map(|entry| entry.path()));
    folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(mark))
        .collect()
}
