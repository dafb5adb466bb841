//! An engine of this very process, folders, git repositories and an sshd of the test's own.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use xrdtest_engine::config::Config;
use xrdtest_engine::{EngineHandle, start};
use xrdtest_model::api::{RepositoryInfo, RepositoryState};
use xrdtest_web::engine::Engine as _;

/// Longer than anything takes.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// An engine with these `[[repository]]` tables.
    pub(crate) async fn engine(&self, tables: &str) -> EngineHandle {
        let state = self.path("state");
        let text = format!("state = '{}'\nlisten = '127.0.0.1:0'\n{tables}", state.display());
        start(toml::from_str::<Config>(&text).unwrap().engine()).await.unwrap()
    }

    /// A bare repository with a working copy that has one suite, pushed to `main`.
    pub(crate) fn remote(&self) -> Copy {
        git(self.folder.path(), &["init", "--quiet", "--bare", "--initial-branch=main", "remote.git"]);
        let copy = self.another_copy("copy");
        write_suite(&copy.folder, "first");
        copy.push("begin");
        copy
    }

    pub(crate) fn another_copy(&self, name: &str) -> Copy {
        git(self.folder.path(), &["clone", "--quiet", "remote.git", name]);
        Copy { folder: self.path(name) }
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.path("remote.git").display())
    }

    pub(crate) fn table(&self, more: &str) -> String {
        format!("[[repository]]\nname = 'r'\nurl = '{}'\ninterval = '1h'\n{more}", self.url())
    }
}

/// A working copy of the remote.
pub(crate) struct Copy {
    pub(crate) folder: PathBuf,
}

impl Copy {
    pub(crate) fn git(&self, words: &[&str]) -> String {
        git(&self.folder, words)
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
    }

    pub(crate) fn push(&self, message: &str) {
        self.commit(message);
        self.git(&["push", "--quiet", "--force", "origin", "HEAD:main"]);
    }

    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }
}

pub(crate) fn git(folder: &Path, words: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(words).stdin(Stdio::null());
    for (name, value) in [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_AUTHOR_NAME", "Ann"),
        ("GIT_AUTHOR_EMAIL", "ann@example.org"),
        ("GIT_COMMITTER_NAME", "Ann"),
        ("GIT_COMMITTER_EMAIL", "ann@example.org"),
    ] {
        command.env(name, value);
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// A suite with a cluster of its own name.
pub(crate) fn write_suite(root: &Path, name: &str) {
    let home = root.join("suites").join(name);
    fs::create_dir_all(home.join("tc/a")).unwrap();
    fs::create_dir_all(root.join("clusters")).unwrap();
    for script in ["init.sh", "tc/a/run.sh"] {
        fs::write(home.join(script), "#!/bin/sh\ntrue\n").unwrap();
    }
    let suite = format!(
        "fn getTestSuite() {{\n    let ts = TestSuite(\"{name}\");\n    ts.clusters = [\"c_{name}\"];\n    \
         ts.tests = [\"a\"];\n    ts.initialize = \"file://init.sh\";\n    ts\n}}\n"
    );
    fs::write(home.join(format!("{name}.rhai")), suite).unwrap();
    let number = name.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte));
    let cluster = format!(
        "fn getCluster() {{\n    let c = Cluster(\"c_{name}\");\n    c.defaultHost.ramSize = \"256M\";\n    \
         c.network.ip = \"192.168.{number}.1\";\n    c.network.netmask = \"255.255.255.0\";\n    \
         let host = Host(\"m1.xrd.test\", \"192.168.{number}.2\");\n    c.network.addHost(host);\n    \
         c.addHost(host);\n    c\n}}\n"
    );
    fs::write(root.join(format!("clusters/c_{name}.rhai")), cluster).unwrap();
}

pub(crate) fn suites(engine: &EngineHandle) -> Vec<String> {
    engine.catalogue().suites.keys().cloned().collect()
}

/// Looks at the repository now.
pub(crate) async fn fetched(engine: &EngineHandle) -> RepositoryInfo {
    tokio::time::timeout(PATIENCE, engine.fetch("r".to_owned())).await.unwrap().unwrap()
}

/// Looks at it, and it must be well.
pub(crate) async fn good(engine: &EngineHandle) -> RepositoryInfo {
    let info = fetched(engine).await;
    assert_eq!((info.state, info.problem.as_str()), (RepositoryState::Good, ""), "{info:?}");
    info
}

/// Looks at it, and this must be what is wrong.
pub(crate) async fn failing(engine: &EngineHandle, words: &str) -> RepositoryInfo {
    let info = fetched(engine).await;
    assert_eq!(info.state, RepositoryState::Failing, "{info:?}");
    assert!(info.problem.contains(words), "{info:?}");
    assert!(!info.help.is_empty() && info.failures > 0, "{info:?}");
    info
}

/// Waits until the catalogue is as it should be.
pub(crate) async fn until(engine: &EngineHandle, what: &str, is_so: impl Fn(&EngineHandle) -> bool) {
    let mut generation = engine.generation();
    let waiting = generation.wait_for(|_| is_so(engine));
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "{what}: {:?} {:?}", suites(engine), engine.repositories());
}

/// An ssh server on loopback that lets one key in.
pub(crate) struct Sshd {
    child: Child,
    folder: PathBuf,
    pub(crate) port: u16,
}

impl Sshd {
    pub(crate) fn start(place: &Place) -> Self {
        let folder = place.path("ssh");
        fs::create_dir_all(&folder).unwrap();
        for name in ["host", "good", "bad"] {
            let file = folder.join(name).display().to_string();
            if !folder.join(name).exists() {
                let made =
                    Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &file]).status();
                assert!(made.unwrap().success());
            }
        }
        // The service would have made it.
        let _ = fs::create_dir_all("/run/sshd");
        // Somebody else may take a port that was free a moment ago.
        (0..10).find_map(|_| Self::try_start(&folder)).expect("sshd does not start")
    }

    fn try_start(folder: &Path) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let at = |name: &str| folder.join(name).display().to_string();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
             StrictModes no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\nLogLevel INFO\n",
            at("host"),
            at("good.pub")
        );
        fs::write(folder.join("config"), config).unwrap();
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", &at("config")])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("Server listening on") {
            line.clear();
            if said.read_line(&mut line).unwrap() == 0 {
                child.wait().unwrap();
                return None;
            }
            eprint!("sshd: {line}");
        }
        std::thread::spawn(move || said.read_to_end(&mut Vec::new()));
        Some(Self { child, folder: folder.to_owned(), port })
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
