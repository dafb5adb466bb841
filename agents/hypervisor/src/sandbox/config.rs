//! The OCI configuration of a machine: what it may see and do.

use std::path::{Path, PathBuf};

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Capability, Linux, LinuxBuilder, LinuxCapabilities, LinuxCapabilitiesBuilder, LinuxDeviceCgroupBuilder,
    LinuxMemoryBuilder, LinuxNamespaceBuilder, LinuxNamespaceType, LinuxPidsBuilder, LinuxResources,
    LinuxResourcesBuilder, Mount, MountBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process,
    ProcessBuilder, RootBuilder, Spec, SpecBuilder, UserBuilder, get_default_maskedpaths,
    get_default_readonly_paths,
};

use super::files::SLAVE_BINARY;
use super::seccomp;
use super::settings::Shared;

/// Files that a process of a machine may open when it asks for more.
const OPEN_FILES: u64 = 524_288;

/// The score by which a machine's init, agent and supervisors are spared where memory runs out. Scripts are not: a
/// supervisor raises the score of the one that it starts.
const SPARED: i32 = -900;

/// The kernel's number of the right to raise limits.
const CAP_SYS_RESOURCE: u32 = 24;

/// What a machine's configuration depends on.
#[derive(Clone, Debug)]
pub(crate) struct Machine<'a> {
    /// FQDN.
    pub(crate) host: &'a str,
    /// Where its root is mounted.
    pub(crate) root: &'a Path,
    /// Path of its network namespace.
    pub(crate) network: &'a Path,
    /// Name of its cgroup, directly below the top.
    pub(crate) cgroup: &'a str,
    /// Memory in KiB.
    pub(crate) ram_kib: u64,
    /// Limit of processes and threads.
    pub(crate) processes: u32,
    /// Folders of this machine that every machine sees.
    pub(crate) shared: &'a [Shared],
    /// Folders of this machine and where the sandbox sees them, writable.
    pub(crate) disks: &'a [(PathBuf, PathBuf)],
    /// The program of PID 1 on this machine.
    pub(crate) init: &'a Path,
    /// Its arguments.
    pub(crate) arguments: &'a [String],
    /// What the kernel of this machine does and does not do.
    pub(crate) kernel: Kernel,
}

/// Traits of this machine's kernel that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// Swap can be limited.
    pub(crate) limits_swap: bool,
    /// Core dumps go to a program of this machine instead of a file.
    pub(crate) pipes_cores: bool,
    /// The limit of open files that this process may give, and so the machines' at most.
    pub(crate) open_files: u64,
    /// The limit of a core dump's size, likewise.
    pub(crate) core_size: u64,
    /// The score of a machine's init when memory runs out; only a right that containers lack makes it negative.
    pub(crate) oom_score: i32,
}

impl Kernel {
    /// Looks.
    pub(crate) fn detect() -> Self {
        let cgroups = Path::new("/sys/fs/cgroup");
        let unified = cgroups.join("cgroup.controllers").exists();
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
        Self {
            limits_swap: unified || cgroups.join("memory/memory.memsw.limit_in_bytes").exists(),
            pipes_cores: pattern.starts_with(['|', '@']),
            open_files: allowed(Resource::RLIMIT_NOFILE).min(OPEN_FILES),
            core_size: allowed(Resource::RLIMIT_CORE),
            oom_score: if may_set_limits() { SPARED } else { 0 },
        }
    }
}

/// What this process may set a limit to: root anything, unless somebody took that right away, as containers do.
fn allowed(resource: Resource) -> u64 {
    if may_set_limits() {
        return RLIM_INFINITY;
    }
    getrlimit(resource).map_or(RLIM_INFINITY, |(_, hard)| hard)
}

fn may_set_limits() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    has_capability(&status, CAP_SYS_RESOURCE)
}

/// Whether the text of /proc/PID/status shows an effective capability.
fn has_capability(status: &str, number: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap_or_default();
    u64::from_str_radix(set.trim(), 16).is_ok_and(|set| set >> number & 1 == 1)
}

/// The configuration.
pub(crate) fn spec(machine: &Machine<'_>) -> Result<Spec, OciSpecError> {
    SpecBuilder::default()
        .version("1.0.2")
        .root(RootBuilder::default().path(machine.root).readonly(false).build()?)
        .hostname(machine.host)
        .process(process(machine)?)
        .mounts(mounts(machine)?)
        .linux(linux(machine)?)
        .build()
}

fn process(machine: &Machine<'_>) -> Result<Process, OciSpecError> {
    let mut arguments = vec![SLAVE_BINARY.to_owned()];
    arguments.extend(machine.arguments.iter().cloned());
    let environment =
        ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"];
    ProcessBuilder::default()
        .terminal(false)
        .user(UserBuilder::default().uid(0u32).gid(0u32).build()?)
        .args(arguments)
        .env(environment.map(str::to_owned).to_vec())
        .cwd("/")
        .capabilities(capabilities()?)
        .rlimits(rlimits(machine.kernel)?)
        // `su`, `sudo` and `ping` are programs that gain rights.
        .no_new_privileges(false)
        .oom_score_adj(machine.kernel.oom_score)
        .build()
}

/// What storage daemons and test scripts use; each is confined by the namespaces, the file system layers or the
/// device rules. Never among them: SYS_ADMIN, SYS_MODULE, SYS_TIME, SYS_BOOT, SYS_RAWIO, MKNOD, and those that look
/// harmless but are not: DAC_READ_SEARCH opens files by handle outside the root, LINUX_IMMUTABLE makes files that
/// can't be removed afterwards, SYS_NICE and SYS_RESOURCE take from the other machines.
fn capabilities() -> Result<LinuxCapabilities, OciSpecError> {
    let set = [
        Capability::AuditWrite,
        Capability::Chown,
        Capability::DacOverride,
        Capability::Fowner,
        Capability::Fsetid,
        Capability::Kill,
        // Addresses, routes and packet filters of the machine's own network: how scripts cut a link.
        Capability::NetAdmin,
        Capability::NetBindService,
        Capability::NetRaw,
        Capability::Setfcap,
        Capability::Setgid,
        Capability::Setpcap,
        Capability::Setuid,
        Capability::SysChroot,
        // Debuggers, and who holds which file open, for processes of other users of the machine.
        Capability::SysPtrace,
    ];
    let set = std::collections::HashSet::from(set);
    let mut capabilities = LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set)
        .build()?;
    // Programs that root starts have them all anyway; those of other users get none.
    capabilities.set_inheritable(None).set_ambient(None);
    Ok(capabilities)
}

fn rlimits(kernel: Kernel) -> Result<Vec<PosixRlimit>, OciSpecError> {
    // A limit of 1 is the kernel's sign for "not even through a pipe": a pattern that names a program would start it
    // outside of the machine.
    let core = if kernel.pipes_cores { kernel.core_size.min(1) } else { kernel.core_size };
    // Programs that walk over all possible descriptors exist, so the limit that they start with is not the highest.
    let files = kernel.open_files.min(65_536);
    [(PosixRlimitType::RlimitNofile, files, kernel.open_files), (PosixRlimitType::RlimitCore, core, core)]
        .into_iter()
        .map(|(kind, soft, hard): (_, u64, u64)| {
            PosixRlimitBuilder::default().typ(kind).soft(soft).hard(hard).build()
        })
        .collect()
}

fn mounts(machine: &Machine<'_>) -> Result<Vec<Mount>, OciSpecError> {
    // Both count as memory of the machine: full, they must leave the programs room.
    let quarter = format!("size={}k", machine.ram_kib / 4);
    let special = [
        ("/proc", "proc", "nosuid,noexec,nodev"),
        ("/dev", "tmpfs", "nosuid,strictatime,mode=755,size=64k"),
        ("/dev/pts", "devpts", "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5"),
        ("/dev/shm", "tmpfs", &format!("nosuid,nodev,mode=1777,{quarter}")),
        ("/dev/mqueue", "mqueue", "nosuid,noexec,nodev"),
        ("/sys", "sysfs", "nosuid,noexec,nodev,ro"),
        ("/run", "tmpfs", &format!("nosuid,nodev,mode=755,{quarter}")),
        // The journal of the slave agent's stages: small, and of no use after the machine's end.
        ("/var/lib/xrdtest/slave/stages", "tmpfs", "nosuid,nodev,mode=700,size=64m"),
        ("/run/lock", "tmpfs", "nosuid,noexec,nodev,mode=1777,size=5120k"),
    ];
    let mut mounts = special
        .into_iter()
        .map(|(at, kind, options)| mount(Path::new(at), Path::new(kind), kind, options))
        .collect::<Result<Vec<_>, _>>()?;
    for shared in machine.shared {
        let options = if shared.writable { "bind,rw,nosuid,nodev" } else { "bind,ro,nosuid,nodev" };
        mounts.push(mount(&shared.machine, &shared.host, "bind", options)?);
    }
    mounts.push(mount(Path::new(SLAVE_BINARY), machine.init, "bind", "bind,ro,nosuid,nodev")?);
    for (source, at) in machine.disks {
        mounts.push(mount(at, source, "bind", "bind,rw,nodev")?);
    }
    Ok(mounts)
}

fn mount(at: &Path, source: &Path, kind: &str, options: &str) -> Result<Mount, OciSpecError> {
    MountBuilder::default()
        .destination(at)
        .source(source)
        .typ(kind)
        .options(options.split(',').map(str::to_owned).collect::<Vec<_>>())
        .build()
}

fn linux(machine: &Machine<'_>) -> Result<Linux, OciSpecError> {
    let mut namespaces = Vec::new();
    for kind in [
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Cgroup,
    ] {
        namespaces.push(LinuxNamespaceBuilder::default().typ(kind).build()?);
    }
    namespaces.push(
        LinuxNamespaceBuilder::default().typ(LinuxNamespaceType::Network).path(machine.network).build()?,
    );
    let hidden = ["/proc/kmsg", "/sys/devices/virtual/powercap", "/sys/fs/pstore"].map(str::to_owned);
    LinuxBuilder::default()
        .namespaces(namespaces)
        .cgroups_path(Path::new("/").join(machine.cgroup))
        .resources(resources(machine)?)
        .seccomp(seccomp::filter()?)
        .masked_paths(get_default_maskedpaths().into_iter().chain(hidden).collect::<Vec<_>>())
        .readonly_paths(get_default_readonly_paths())
        .rootfs_propagation("private")
        .build()
}

fn resources(machine: &Machine<'_>) -> Result<LinuxResources, OciSpecError> {
    let bytes = i64::try_from(machine.ram_kib.saturating_mul(1024)).unwrap_or(i64::MAX);
    let mut memory = LinuxMemoryBuilder::default().limit(bytes).build()?;
    if machine.kernel.limits_swap {
        // Memory and swap together: none of it may be swap.
        memory.set_swap(Some(bytes));
    }
    LinuxResourcesBuilder::default()
        .devices(vec![LinuxDeviceCgroupBuilder::default().allow(false).access("rwm").build()?])
        .memory(memory)
        .pids(LinuxPidsBuilder::default().limit(i64::from(machine.processes)).build()?)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kernel: Kernel) -> serde_json::Value {
        let disks = [(PathBuf::from("/state/disks/disk1"), PathBuf::from("/data"))];
        let machine = Machine {
            host: "ds1.xrd.test",
            root: Path::new("/state/root"),
            network: Path::new("/proc/7/fd/9"),
            cgroup: "xrdtest.i.ds1.xrd.test",
            ram_kib: 1 << 20,
            processes: 4096,
            shared: &[],
            disks: &disks,
            init: Path::new("/tmp/xrdtest-slave"),
            arguments: &["init".to_owned()],
            kernel,
        };
        serde_json::to_value(spec(&machine).unwrap()).unwrap()
    }

    #[test]
    fn a_machine_is_confined() {
        let spec = json(Kernel {
            limits_swap: true,
            pipes_cores: true,
            open_files: 524_288,
            core_size: u64::MAX,
            oom_score: SPARED,
        });
        let process = &spec["process"];
        assert_eq!(process["args"], serde_json::json!(["/usr/lib/xrdtest/xrdtest-slave", "init"]));
        assert_eq!(process["rlimits"][1], serde_json::json!({"type": "RLIMIT_CORE", "hard": 1, "soft": 1}));
        assert_eq!(process["oomScoreAdj"], -900);
        let bounding = process["capabilities"]["bounding"].to_string();
        for never in [
            "SYS_ADMIN",
            "SYS_MODULE",
            "SYS_TIME",
            "SYS_BOOT",
            "SYS_RAWIO",
            "MKNOD",
            "DAC_READ_SEARCH",
            "SYSLOG",
            "LINUX_IMMUTABLE",
            "SYS_RESOURCE",
        ] {
            assert!(!bounding.contains(&format!("\"CAP_{never}\"")), "{never}");
        }
        assert!(process["capabilities"].get("ambient").is_none());
        assert!(process["capabilities"].get("inheritable").is_none());
        let linux = &spec["linux"];
        assert_eq!(linux["cgroupsPath"], "/xrdtest.i.ds1.xrd.test");
        assert_eq!(
            linux["resources"]["memory"],
            serde_json::json!({"limit": 1u64 << 30, "swap": 1u64 << 30})
        );
        assert_eq!(linux["resources"]["pids"]["limit"], 4096);
        assert_eq!(linux["resources"]["devices"], serde_json::json!([{"allow": false, "access": "rwm"}]));
        let mut kinds: Vec<_> =
            linux["namespaces"].as_array().unwrap().iter().map(|n| n["type"].as_str().unwrap()).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["cgroup", "ipc", "mount", "network", "pid", "uts"]);
        assert!(linux["readonlyPaths"].to_string().contains("/proc/sysrq-trigger"));
        assert!(linux.get("devices").is_none(), "only the runtime's own devices");
        assert_eq!(linux["seccomp"]["defaultAction"], "SCMP_ACT_ALLOW");
    }

    #[test]
    fn capabilities_are_read() {
        assert!(has_capability("Name:\tx\nCapEff:\t000001ffffffffff\n", CAP_SYS_RESOURCE));
        assert!(!has_capability("CapEff:\t000001fffeffffff\n", CAP_SYS_RESOURCE));
        assert!(!has_capability("", CAP_SYS_RESOURCE));
    }

    #[test]
    fn disks_and_slave_are_bound() {
        let spec = json(Kernel {
            limits_swap: false,
            pipes_cores: false,
            open_files: 4096,
            core_size: 7,
            oom_score: 0,
        });
        let mounts = spec["mounts"].as_array().unwrap();
        let of = |at: &str| mounts.iter().find(|mount| mount["destination"] == at).unwrap();
        for memory in ["/run", "/dev/shm"] {
            assert!(
                of(memory)["options"].to_string().contains("size=262144k"),
                "a quarter of ramSize: {memory}"
            );
        }
        assert_eq!(of("/data")["source"], "/state/disks/disk1");
        assert_eq!(of("/usr/lib/xrdtest/xrdtest-slave")["source"], "/tmp/xrdtest-slave");
        assert!(of("/usr/lib/xrdtest/xrdtest-slave")["options"].to_string().contains("\"ro\""));
        assert!(of("/sys")["options"].to_string().contains("\"ro\""));
        assert!(spec["linux"]["resources"]["memory"].get("swap").is_none());
        assert_eq!(spec["process"]["rlimits"][1]["soft"], 7);
        assert_eq!(spec["process"]["rlimits"][0]["soft"], 4096);
    }
}
