//! The file with the daemon's process id, for programs that want one.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// Goes with the daemon, where it is still its own.
#[derive(Debug)]
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes it. Whatever else than a process id stands in the file is not overwritten.
    pub(super) fn write(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("the pid file {} can't be written", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(failed)?;
        }
        match std::fs::read_to_string(path) {
            Ok(text) if !is_pid(&text) => {
                bail!("{} holds something else; remove it, or change `pid_file`", path.display())
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                bail!("{} holds something else; remove it, or change `pid_file`", path.display())
            }
            _ => {}
        }
        std::fs::write(path, own()).with_context(failed)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if std::fs::read_to_string(&self.0).is_ok_and(|text| text == own()) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}

fn own() -> String {
    format!("{}\n", std::process::id())
}

/// Also what a daemon that was killed while it wrote has left: nothing.
fn is_pid(text: &str) -> bool {
    text.trim().bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_overwritten_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.pid");
        for (before, is_written) in [("", true), ("4711\n", true), ("notes\n", false), ("12 apples", false)] {
            std::fs::write(&path, before).unwrap();
            let written = PidFile::write(&path);
            assert_eq!(written.is_ok(), is_written, "{before:?}");
            drop(written);
            assert_eq!(path.exists(), !is_written, "{before:?}");
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        PidFile::write(&path).unwrap_err();
        std::fs::remove_file(&path).unwrap();
        let own = PidFile::write(&path).unwrap();
        std::fs::write(&path, "1\n").unwrap();
        drop(own);
        assert!(path.exists(), "it is another one's by now");
    }
}
