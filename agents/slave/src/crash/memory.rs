//! How many processes the kernel has killed because the memory of this machine's control group ran out.

use std::fs;
use std::path::{Path, PathBuf};

/// The number so far; `None` where nobody counts.
pub fn kills(root: &Path) -> Option<u64> {
    let groups = super::made_up(&root.join("proc/self/cgroup"))?;
    let counters = counters(&groups).into_iter();
    counters.filter_map(|path| count(&fs::read_to_string(root.join(path)).ok()?)).next()
}

/// Where the number may stand, from the text of `/proc/self/cgroup`.
fn counters(groups: &str) -> Vec<PathBuf> {
    let of_line = |line: &str| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let path = path.trim_start_matches('/');
        match controllers {
            "" => Some(Path::new("sys/fs/cgroup").join(path).join("memory.events")),
            "memory" => Some(Path::new("sys/fs/cgroup/memory").join(path).join("memory.oom_control")),
            _ => None,
        }
    };
    groups.lines().filter_map(of_line).collect()
}

fn count(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")).and_then(|count| count.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_control_groups() {
        for (groups, file, text, kills_or_none) in [
            (
                "0::/system.slice/x.service\n",
                "sys/fs/cgroup/system.slice/x.service/memory.events",
                "low 0\noom 3\noom_kill 2\n",
                Some(2),
            ),
            ("0::/\n", "sys/fs/cgroup/memory.events", "oom_kill 0\n", Some(0)),
            (
                "9:memory:/\n3:cpu:/\n0::/\n",
                "sys/fs/cgroup/memory/memory.oom_control",
                "under_oom 0\noom_kill 4\n",
                Some(4),
            ),
            ("0::/\n", "sys/fs/cgroup/other", "", None),
        ] {
            let root = tempfile::tempdir().unwrap();
            for (path, text) in [("proc/self/cgroup", groups), (file, text)] {
                let path = root.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            assert_eq!(kills(root.path()), kills_or_none, "{groups}");
        }
        assert_eq!(kills(Path::new("/nowhere")), None);
    }
}
