//! What must be true before anything is made.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use nix::unistd::geteuid;
use xrdtest_model::plan::{ClusterPlan, HostPlan};

use super::claim::{Claim, Claimed};
use super::error::{OnPath, SandboxError};
use super::namespace;
use super::root::{Root, is_usable};
use crate::provider::StartOrder;

/// Checks this machine and returns the path of `runc`.
pub(crate) fn machine(state: &Path) -> Result<PathBuf, SandboxError> {
    if !geteuid().is_root() {
        return Err(SandboxError::NotRoot);
    }
    let runc = find("runc").ok_or(SandboxError::MissingProgram { program: "runc", package: "runc" })?;
    find("ip").ok_or(SandboxError::MissingProgram { program: "ip", package: "iproute2" })?;
    state_directory(state)?;
    Ok(runc)
}

/// Looks for a program in PATH, and where Debian keeps programs for root.
fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
}

/// Tries an overlay and extended attributes where the machines' files will be.
fn state_directory(state: &Path) -> Result<(), SandboxError> {
    let unsuitable = |problem: String| SandboxError::Unsuitable { path: state.to_owned(), problem };
    if !is_usable(state) {
        return Err(unsuitable("its path contains `,`, `:`, a quote or a backslash".to_owned()));
    }
    let name = format!(".probe-{}-{:?}", std::process::id(), thread::current().id());
    let claim = match Claim::take(state, &name)? {
        Claimed::New(claim) | Claimed::LeftOver(claim) => claim,
        Claimed::Taken => return Ok(()),
    };
    let tried = try_layers(claim.folder());
    let removed = claim.remove();
    tried.map_err(|error| unsuitable(error.to_string()))?;
    removed
}

fn try_layers(folder: &Path) -> Result<(), SandboxError> {
    let lower = folder.join("lower");
    fs::create_dir(&lower).on("create", &lower)?;
    xattr::set(&lower, "user.xrdtest", b"yes").on("set a user attribute (user_xattr) of", &lower)?;
    let root = Root::create(folder, &[lower])?;
    let tried = thread::scope(|scope| {
        scope
            .spawn(|| {
                namespace::private_mounts().map_err(|e| SandboxError::step("make a mount namespace", e))?;
                root.mount_flat()
            })
            .join()
    });
    tried.unwrap_or_else(|_| {
        Err(SandboxError::step("try an overlay", std::io::Error::other("its thread broke off")))
    })
}

/// Checks an order: what the definitions' own checks can't know, and whatever becomes part of a path or a command.
pub(crate) fn order(order: &StartOrder) -> Result<(), SandboxError> {
    let cluster = &order.cluster;
    let problem = if !is_name(order.instance.as_str()) {
        Some(format!("`{}` cannot be a folder's name", order.instance))
    } else if !is_interface(&cluster.network.bridge_name) {
        Some(format!("`{}` cannot be a bridge's name", cluster.network.bridge_name))
    } else if cluster.network.prefix > 32 {
        Some(format!("/{} is no prefix of a network", cluster.network.prefix))
    } else {
        hosts(cluster)
    };
    match problem {
        Some(problem) => Err(SandboxError::Plan { cluster: cluster.name.clone(), problem }),
        None => Ok(()),
    }
}

fn hosts(cluster: &ClusterPlan) -> Option<String> {
    let mut names = BTreeSet::new();
    cluster.hosts.iter().find_map(|host| {
        let problem =
            if !names.insert(&host.name) { Some("is there twice".to_owned()) } else { of_host(host) };
        problem.map(|problem| format!("host `{}` {problem}", host.name))
    })
}

fn of_host(host: &HostPlan) -> Option<String> {
    let own = env::consts::ARCH;
    if !is_name(&host.name) {
        return Some("cannot be named like this".to_owned());
    }
    if !is_mac(&host.mac) {
        return Some(format!("has `{}` as its mac", host.mac));
    }
    if let Some(arch) = host.arch.as_deref().filter(|arch| *arch != own) {
        return Some(format!(
            "wants a machine of the architecture {arch}; a sandbox has this machine's, {own}"
        ));
    }
    // Smaller machines can't even start the slave agent.
    if host.ram_kib < 16 << 10 {
        return Some(format!("has {} KiB of memory; it needs 16 MiB at least", host.ram_kib));
    }
    host.disks.iter().map(|disk| &disk.mount_point).find_map(|at| {
        let path = Path::new(at);
        let taken = ["/", "/proc", "/sys", "/dev", "/run"].iter().any(|taken| path == Path::new(taken));
        let odd = !path.is_absolute() || path.components().any(|part| part.as_os_str() == "..");
        (taken || odd).then(|| format!("wants a disk at `{at}`, which cannot be"))
    })
}

fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= 100 && !text.starts_with(['.', '-']) && text.bytes().all(plain)
}

fn is_interface(text: &str) -> bool {
    is_name(text) && text.len() <= 15 && text != "lo"
}

fn is_mac(text: &str) -> bool {
    let mut parts = 0;
    text.split(':').all(|part| {
        parts += 1;
        part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_hexdigit())
    }) && parts == 6
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sandbox::test_support::{cluster, disk};

    fn problem(change: impl FnOnce(&mut ClusterPlan)) -> String {
        let mut cluster = cluster("c", 2);
        change(&mut cluster);
        let order_ = StartOrder {
            instance: "i1".into(),
            engine: "".into(),
            cluster: Arc::new(cluster),
            tokens: Vec::new(),
        };
        order(&order_).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn orders_are_checked() {
        assert_eq!(problem(|_| {}), "");
        type Change = fn(&mut ClusterPlan);
        let cases: [(Change, &str); 7] = [
            (|c| c.network.bridge_name = "a b".to_owned(), "`a b` cannot be a bridge's name"),
            (|c| c.hosts[1].name = "../x".to_owned(), "host `../x` cannot be named like this"),
            (|c| c.hosts[1].name = c.hosts[0].name.clone(), "host `m1.xrd.test` is there twice"),
            (|c| c.hosts[1].mac = "00:00\nlink del".to_owned(), "as its mac"),
            (|c| c.hosts[1].arch = Some("s390x".to_owned()), "wants a machine of the architecture s390x"),
            (|c| c.hosts[1].ram_kib = 4, "has 4 KiB of memory"),
            (|c| c.hosts[1].disks = vec![disk("d", "/x/../proc")], "wants a disk at `/x/../proc`"),
        ];
        for (change, expected) in cases {
            let problem = problem(change);
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
