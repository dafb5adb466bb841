//! Folders of this machine that machines see: what may be shared, and where.

use std::path::{Component, Path, PathBuf};

use super::error::SandboxError;
use super::settings::Shared;

/// Places in a machine that nothing may cover: the system's own, and the slave agent's.
const TAKEN: [&str; 9] = [
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/etc/xrdtest",
    "/etc/XrdTest",
    "/usr/lib/xrdtest",
    "/var/lib/xrdtest",
    "/var/log/XrdTest",
];

/// Checks all of them. `hidden` are the folders that no machine may see.
pub(crate) fn check(all: &[Shared], hidden: &[PathBuf]) -> Result<(), SandboxError> {
    for (number, shared) in all.iter().enumerate() {
        // A link would lead around the comparison with what is hidden.
        let real = std::fs::canonicalize(&shared.host);
        let problem = match &real {
            Err(error) => Some(format!("there is no such folder ({error})")),
            Ok(real) if !real.is_dir() => Some("it is no folder".to_owned()),
            Ok(real) => of_places(real, &shared.machine, hidden),
        };
        let twice = all[..number].iter().any(|other| other.machine == shared.machine);
        if let Some(problem) = problem.or_else(|| twice.then(|| "another one is there already".to_owned())) {
            let Shared { host, machine, .. } = shared.clone();
            return Err(SandboxError::Shared { host, machine, problem });
        }
    }
    Ok(())
}

fn of_places(host: &Path, machine: &Path, hidden: &[PathBuf]) -> Option<String> {
    let goes_down = machine.components().all(|part| !matches!(part, Component::ParentDir));
    if !machine.is_absolute() || !goes_down || machine == Path::new("/") {
        return Some("the place in the machine must be absolute, without `..`, and not `/`".to_owned());
    }
    // What lies above a taken place would cover it as well.
    let covers = |taken: &&str| machine.starts_with(taken) || Path::new(taken).starts_with(machine);
    if let Some(taken) = TAKEN.iter().find(|taken| covers(taken)) {
        return Some(format!("machines have {taken} for themselves"));
    }
    let reveals = |secret: &&PathBuf| {
        let real = std::fs::canonicalize(secret).unwrap_or_else(|_| (*secret).clone());
        host.starts_with(&real) || real.starts_with(host)
    };
    hidden.iter().find(reveals).map(|secret| format!("that would show {}, which is hidden", secret.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_or_taken_is_not_shared() {
        let folder = tempfile::tempdir().unwrap();
        let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
        for made in [&data, &keys] {
            std::fs::create_dir(made).unwrap();
        }
        std::fs::write(data.join("file"), "x").unwrap();
        std::os::unix::fs::symlink(&keys, folder.path().join("link")).unwrap();
        let problem = |host: &str, machine: &str| {
            let host = folder.path().join(host);
            let shared = Shared { host, machine: machine.into(), writable: false };
            check(&[shared], std::slice::from_ref(&keys)).map_or_else(|e| e.to_string(), |()| String::new())
        };
        for (host, machine, words) in [
            ("data", "/mnt/data", ""),
            ("data", "/opt/build", ""),
            ("nowhere", "/mnt/data", "there is no such folder"),
            ("data/file", "/mnt/data", "it is no folder"),
            ("data", "mnt", "must be absolute"),
            ("data", "/", "must be absolute"),
            ("data", "/mnt/../proc", "must be absolute"),
            ("data", "/proc/self", "machines have /proc for themselves"),
            ("data", "/usr/lib", "machines have /usr/lib/xrdtest for themselves"),
            ("data", "/etc", "machines have /etc/xrdtest for themselves"),
            ("keys", "/mnt/data", "which is hidden"),
            ("link", "/mnt/data", "which is hidden"),
            (".", "/mnt/data", "which is hidden"),
        ] {
            let problem = problem(host, machine);
            let as_expected = if words.is_empty() { problem.is_empty() } else { problem.contains(words) };
            assert!(as_expected, "{host} at {machine}: {problem}");
        }
        let one = Shared { host: data.clone(), machine: "/mnt/data".into(), writable: true };
        let words = check(&[one.clone(), one], &[]).unwrap_err().to_string();
        assert!(words.contains("another one is there already"), "{words}");
    }
}
