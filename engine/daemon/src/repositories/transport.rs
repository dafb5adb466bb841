//! The conversation with a git remote: the program `git`, with nothing of any user's configuration, under a time limit.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::condition::Fault;
use super::config::Remote;
use super::git_error::{Ended, fault};

/// The reference in the mirror that holds what was fetched last.
pub(super) const FETCHED: &str = "refs/xrdtest/fetched";
/// Bytes of git's words that are read.
const WORDS: u64 = 64 * 1024;
/// What git hands out of the environment; the token is never an argument, which all users could see.
const HELPER: &str = r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$XRDTEST_GIT_USER" "$XRDTEST_GIT_TOKEN"; }; f"#;
/// A remote may send more than there is room for.
const LIMITED: &str = r#"ulimit -f "$1"; shift; exec git "$@""#;

/// A remote, and where the engine keeps what it needs to talk to it.
pub(super) struct Transport<'a> {
    pub(super) remote: &'a Remote,
    /// The folder with all mirrors.
    pub(super) folder: &'a Path,
}

impl Transport<'_> {
    /// The branch that the remote names.
    pub(super) async fn head(&self) -> Result<String, Fault> {
        let url = self.remote.url.as_str();
        let said =
            self.git(["ls-remote", "--symref", "--", url, "HEAD"].map(OsString::from).into(), None).await?;
        let branch =
            said.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        branch.map(str::to_owned).ok_or_else(|| {
            Fault::new(format!("{url} names no branch"), "name one with the key branch of [[repository]]")
        })
    }

    /// Whether the remote has a branch; the one that it names where none is given. Answers its name.
    pub(super) async fn probe(&self) -> Result<String, Fault> {
        let Some(branch) = self.remote.branch.as_deref() else { return self.head().await };
        let (url, reference) = (self.remote.url.as_str(), format!("refs/heads/{branch}"));
        let arguments = ["ls-remote", "--", url, &reference].map(OsString::from);
        if self.git(arguments.into(), Some(branch)).await?.trim().is_empty() {
            let help = "bring the branch back, or name another with the key branch of [[repository]]";
            return Err(Fault::new(format!("{url} has no branch `{branch}`"), help));
        }
        Ok(branch.to_owned())
    }

    /// Brings the newest commit of a branch into the mirror as [`FETCHED`], whatever was there before.
    pub(super) async fn fetch(&self, mirror: &Path, branch: &str) -> Result<(), Fault> {
        let mut arguments = vec![OsString::from("--git-dir"), mirror.into()];
        let fetch =
            ["fetch", "--quiet", "--force", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"];
        arguments.extend(fetch.map(OsString::from));
        arguments
            .extend(["--", &self.remote.url, &format!("+refs/heads/{branch}:{FETCHED}")].map(OsString::from));
        self.git(arguments, Some(branch)).await.map(drop)
    }

    /// What git prints.
    async fn git(&self, arguments: Vec<OsString>, branch: Option<&str>) -> Result<String, Fault> {
        let unusable = |error: std::io::Error| {
            Fault::new(
                format!("the program git can't be run: {error}"),
                "install git on the engine's machine",
            )
        };
        let mut command = self.command(arguments)?;
        let group = Group::of(command.spawn().map_err(unusable)?);
        match tokio::time::timeout(self.remote.timeout, group.finish()).await {
            Err(_) => Err(fault(self.remote, branch, Ended::TimedOut, "")),
            Ok(finished) => match finished.map_err(unusable)? {
                (status, said, _) if status.success() => Ok(said),
                (_, _, errors) => Err(fault(self.remote, branch, Ended::ByItself, &errors)),
            },
        }
    }

    fn command(&self, arguments: Vec<OsString>) -> Result<Command, Fault> {
        // The unit of `ulimit -f` is 512 bytes.
        let blocks = (self.remote.size / 512).max(1).to_string();
        let mut command = Command::new("sh");
        command.args(["-c", LIMITED, "sh", &blocks]);
        for setting in ["credential.helper=", "gc.autoDetach=false", "maintenance.autoDetach=false"] {
            command.args(["-c", setting]);
        }
        command.env_clear();
        for name in
            ["PATH", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"]
        {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", self.settings()?)
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("GIT_ALLOW_PROTOCOL", "file:https:http:ssh:git")
            .env("GIT_SSH_COMMAND", self.ssh());
        if let Some(agent) = &self.remote.ssh_agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        if let Some(file) = &self.remote.token_file {
            let token = std::fs::read_to_string(file).map_err(|error| {
                let problem = format!("the token in {} can't be read: {error}", file.display());
                Fault::new(problem, "correct the key token_file of [[repository]]")
            })?;
            command.arg("-c").arg(format!("credential.helper={HELPER}"));
            command.env("XRDTEST_GIT_USER", &self.remote.token_user).env("XRDTEST_GIT_TOKEN", token.trim());
        }
        command.args(arguments).current_dir(self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        Ok(command)
    }

    /// The only configuration that git reads. Whose files a `file://` remote's are does not matter: the administrator
    /// has named it.
    fn settings(&self) -> Result<PathBuf, Fault> {
        let path = self.folder.join("gitconfig");
        let text = "[safe]\n\tdirectory = *\n";
        if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
            return Ok(path);
        }
        match std::fs::write(&path, text) {
            Ok(()) => Ok(path),
            Err(error) => Err(Fault::new(format!("{} can't be written: {error}", path.display()), "")),
        }
    }

    /// ssh without a user's keys, agents and settings, and without a question.
    fn ssh(&self) -> String {
        let Remote { key_file, known_hosts, ssh_agent, timeout, .. } = self.remote;
        let quoted = |path: &Path| format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"));
        // ssh takes these for patterns and lists unless they are quoted once more.
        let file = |path: &Path| quoted(Path::new(&format!("\"{}\"", path.to_string_lossy())));
        let mut words = vec!["ssh -F none -o BatchMode=yes".to_owned()];
        words.push(format!("-o ConnectTimeout={} -o ServerAliveInterval=15", timeout.as_secs().clamp(1, 60)));
        words.push(match known_hosts {
            Some(path) => format!("-o StrictHostKeyChecking=yes -o UserKnownHostsFile={}", file(path)),
            None => {
                let path = file(&self.folder.join("known_hosts"));
                format!("-o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={path}")
            }
        });
        match key_file {
            Some(path) => words.push(format!("-o IdentitiesOnly=yes -i {}", quoted(path))),
            None => words.push("-o IdentityFile=none".to_owned()),
        }
        if ssh_agent.is_none() {
            words.push("-o IdentityAgent=none".to_owned());
        }
        words.join(" ")
    }
}

/// Git and what it has started, which ends with this.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn of(child: Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        Self { child, id }
    }

    /// How it has ended, and what it printed.
    async fn finish(mut self) -> std::io::Result<(ExitStatus, String, String)> {
        let (output, errors) = (self.child.stdout.take(), self.child.stderr.take());
        let (output, errors) = tokio::try_join!(read(output), read(errors))?;
        let status = self.child.wait().await?;
        self.id = None;
        Ok((status, output, errors))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // TERM: git takes its locks and half a pack away. The child itself is ended by tokio.
        if let Some(id) = self.id {
            let _ = killpg(id, Signal::SIGTERM);
        }
    }
}

async fn read(stream: Option<impl tokio::io::AsyncRead + Unpin>) -> std::io::Result<String> {
    let Some(mut stream) = stream else { return Ok(String::new()) };
    let mut bytes = Vec::new();
    (&mut stream).take(WORDS).read_to_end(&mut bytes).await?;
    // Whoever has more to say is not held up.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
