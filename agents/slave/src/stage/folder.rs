//! The folder of one attempt, which is the machine's journal about it. Each file is written by one process only:
//!
//! | file | by | meaning |
//! |---|---|---|
//! | `order.json` | agent | the folder is complete; the attempt may be started |
//! | `accepted` | supervisor | the attempt is this supervisor's; nobody else will ever start it |
//! | NAME | supervisor | the script, tags replaced, under a name that is none of the others |
//! | `outcome.json` | supervisor | how it ended |
//! | `rebooting.json` | supervisor | the script has announced a boot of the machine |
//! | `noted.jsonl` | supervisor | what the script has noted: artifacts and metrics, a line each |
//! | `uneventful` | agent | nothing has crashed: `outcome.json` says all |
//! | `report.json` | agent | what the engine is told, for ever the same; absent where `outcome.json` says all of it |
//!
//! What may become large lies beside it, in the folder `evidence`: `NAME.output` and `NAME.tail` (supervisor, see
//! [`crate::supervisor::spool`]) and `NAME.logs/N` (supervisor: artifacts; behind these agent: log files collected after
//! it). So the journal may be on a file system in memory where machines cannot survive a boot anyway; there a stage costs
//! no inode but its output's.
//!
//! Nothing is synced to disk: after a reboot the boot id says that none of it counts. Only a boot that the script has
//! announced makes a difference; then all of it is synced before the script may go on.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xrdtest_model::Metric;
use xrdtest_model::order::{FinishedReport, StageOrder};

/// Space that is taken on disk for `outcome.json` before the script is started, so that a full disk can't keep the
/// outcome from being written.
const RESERVE: usize = 16 << 10;

/// Empty: that it is there says what it says.
const UNEVENTFUL: &str = "uneventful";

/// What a supervisor is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The order, with the tags of script and log paths replaced.
    pub order: StageOrder,
    /// The run's working directory on this machine.
    pub work: PathBuf,
    /// Where the machine fetches files of the run's repository: `http://master.xrd.test:8080`; empty: nowhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub files: String,
}

/// A line of what the script has noted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "noted", rename_all = "snake_case")]
pub enum Noted {
    /// A file is kept; one of the same path takes the place of an earlier one.
    Artifact {
        /// Path on the machine.
        path: String,
        /// Bytes.
        length: u64,
    },
    /// A number.
    Metric {
        /// The number.
        metric: Metric,
    },
}

const NOTED: &str = "noted.jsonl";

/// Who carries an attempt out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The supervisor.
    pub pid: u32,
    /// Name of its socket in the folder.
    pub socket: String,
}

/// The folder of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageFolder {
    path: PathBuf,
}

impl StageFolder {
    /// The folder at this path, whether it exists or not.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where what may become large is kept: beside the folder of all stages.
    fn evidence(&self) -> PathBuf {
        let stages = self.path.parent().unwrap_or(Path::new("/"));
        stages.with_file_name("evidence")
    }

    fn piece(&self, kind: &str) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(kind);
        self.evidence().join(name)
    }

    /// The output.
    pub fn output(&self) -> PathBuf {
        self.piece(".output")
    }

    /// The folder of artifacts and collected log files.
    pub fn logs(&self) -> PathBuf {
        self.piece(".logs")
    }

    /// The artifact or collected log file at a position of the report's list.
    pub fn log(&self, index: u32) -> PathBuf {
        self.logs().join(index.to_string())
    }

    /// Where a process copies an artifact to before it is noted.
    pub fn draft(&self, process: u32) -> PathBuf {
        self.logs().join(format!("draft.{process}"))
    }

    /// Whether a name is, or begins as, one of the journal's own.
    pub fn is_own(name: &str) -> bool {
        let own = ["order", "accepted", "outcome", "rebooting", "noted", "uneventful", "report", "socket"];
        own.iter().any(|own| name.starts_with(own))
    }

    /// Creates the folder with its order.
    ///
    /// # Errors
    /// Where the system refuses; then nothing is left behind as far as possible.
    pub fn create(&self, assignment: &Assignment) -> io::Result<()> {
        fs::create_dir_all(self.evidence())?;
        fs::create_dir_all(&self.path)?;
        self.write_whole("order.json", assignment).inspect_err(|_| {
            // Without its order the folder means nothing, and whoever finds it removes it.
            let _ = self.remove();
        })
    }

    /// Removes the folder and everything that belongs to it, itself last: as long as it is there, somebody looks for the
    /// rest.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn remove(&self) -> io::Result<()> {
        let output = self.output();
        gone(fs::remove_file(output.with_extension("tail")))?;
        gone(fs::remove_file(output))?;
        gone(fs::remove_dir_all(self.logs()))?;
        fs::remove_dir_all(&self.path)
    }

    /// The order; `None` where the folder is not complete.
    pub fn assignment(&self) -> io::Result<Option<Assignment>> {
        self.read("order.json")
    }

    /// Who accepted the attempt.
    pub fn accepted(&self) -> io::Result<Option<Accepted>> {
        self.read("accepted")
    }

    /// How it ended.
    pub fn outcome(&self) -> io::Result<Option<FinishedReport>> {
        self.read("outcome.json")
    }

    /// Notes that nothing has crashed in the stage.
    ///
    /// # Errors
    /// Where the file can't be made.
    pub fn note_uneventful(&self) -> io::Result<()> {
        self.new_file(UNEVENTFUL).map(drop)
    }

    /// Whether that was noted.
    pub fn is_uneventful(&self) -> bool {
        self.path.join(UNEVENTFUL).exists()
    }

    /// Puts an announced boot on record, and with it everything that lies on the same file system: the journal, the
    /// output so far, the credentials.
    ///
    /// # Errors
    /// Where the disk refuses; then nothing is announced.
    pub fn announce_reboot(&self) -> io::Result<()> {
        let synced = self
            .write_whole("rebooting.json", &Accepted { pid: std::process::id(), socket: socket_name() })
            .and_then(|()| Ok(rustix::fs::syncfs(File::open(&self.path)?)?));
        synced.inspect_err(|_| {
            // Where that fails too, the disk is read-only, and a boot would not leave anything behind anyway.
            let _ = fs::remove_file(self.path.join("rebooting.json"));
        })
    }

    /// Whether the script has announced a boot of the machine.
    pub fn is_reboot_announced(&self) -> bool {
        self.path.join("rebooting.json").exists()
    }

    /// Adds a line to what the script has noted. The space for the outcome grows with it, as the outcome repeats it.
    ///
    /// # Errors
    /// Where the disk refuses; then it is not noted.
    pub fn note(&self, noted: &Noted) -> io::Result<()> {
        let mut line = serde_json::to_vec(noted)?;
        line.push(b'\n');
        let mut append = OpenOptions::new();
        append.append(true).create(true).mode(0o600);
        append.open(self.path.join(reserve()))?.write_all(&vec![b' '; line.len()])?;
        let mut file = append.open(self.path.join(NOTED))?;
        let before = file.metadata()?.len();
        file.write_all(&line).inspect_err(|_| {
            // Half a line would spoil the next one.
            let _ = file.set_len(before);
        })
    }

    /// What the script has noted, in order. A line that was cut off by a fault of the machine is left out.
    ///
    /// # Errors
    /// Where it can't be read.
    pub fn noted(&self) -> io::Result<Vec<Noted>> {
        match fs::read(self.path.join(NOTED)) {
            Ok(text) => {
                let lines = text.split(|byte| *byte == b'\n');
                Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Takes the attempt for this process, for good, and listens for the agent. `None` where another process has
    /// taken it already.
    ///
    /// The socket listens before the acceptance can be seen, so an acceptance whose socket refuses means a dead
    /// supervisor. The acceptance appears complete and at once, because it is a link to a file written before.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn accept(&self) -> io::Result<Option<UnixListener>> {
        let pid = std::process::id();
        let socket = socket_name();
        let listener = self.listen(&socket)?;
        let draft = format!("accepted.{pid}");
        self.new_file(&draft)?.write_all(&serde_json::to_vec(&Accepted { pid, socket: socket.clone() })?)?;
        let linked = fs::hard_link(self.path.join(&draft), self.path.join("accepted"));
        let _ = fs::remove_file(self.path.join(&draft));
        match linked {
            Ok(()) => Ok(Some(listener)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let _ = fs::remove_file(self.path.join(&socket));
                let _ = fs::remove_file(self.path.join(reserve()));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Connects to the supervisor that accepted the attempt; `None` where it is no more, or there never was one.
    ///
    /// # Errors
    /// Where the system refuses for another reason.
    pub fn connect(&self) -> io::Result<Option<UnixStream>> {
        let Some(accepted) = self.accepted()? else {
            return Ok(None);
        };
        match self.through_descriptor(&accepted.socket, |path| UnixStream::connect(path)) {
            Ok(stream) => Ok(Some(stream)),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Removes the socket of this process: nobody answers there any more.
    pub fn retire(&self) {
        let _ = fs::remove_file(self.path.join(socket_name()));
    }

    fn listen(&self, name: &str) -> io::Result<UnixListener> {
        // Only a dead process can have had this process's id.
        let _ = fs::remove_file(self.path.join(name));
        let listener = self.through_descriptor(name, |path| UnixListener::bind(path))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    /// The address of a socket has room for 108 bytes, paths may be longer: the folder is named by a descriptor.
    fn through_descriptor<T>(&self, name: &str, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        let folder = File::open(&self.path)?;
        act(&PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd())))
    }

    /// Takes the space for the outcome.
    ///
    /// # Errors
    /// Where there is none.
    pub fn reserve_outcome(&self) -> io::Result<()> {
        self.new_file(&reserve())?.write_all(&[b' '; RESERVE])
    }

    /// States the outcome, in the reserved space where it fits. White space behind JSON means nothing.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn write_outcome(&self, outcome: &FinishedReport) -> io::Result<()> {
        let text = serde_json::to_vec(outcome)?;
        let draft = self.path.join(reserve());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        options.open(&draft)?.write_all_at(&text, 0)?;
        fs::rename(draft, self.path.join("outcome.json"))
    }

    /// Writes a JSON file in one step.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn write_whole<T: Serialize>(&self, name: &str, value: &T) -> io::Result<()> {
        let draft = format!("{name}.{}.new", std::process::id());
        self.new_file(&draft)?.write_all(&serde_json::to_vec(value)?)?;
        fs::rename(self.path.join(draft), self.path.join(name))
    }

    /// Reads a JSON file; `None` where it does not exist.
    ///
    /// # Errors
    /// Where it can't be read or is not what it must be.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn new_file(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.path.join(name))
    }
}

/// What was not there is gone too.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Where this process has its space for the outcome. Another supervisor, which finds the attempt taken, has its own.
fn reserve() -> String {
    format!("outcome.{}.new", std::process::id())
}

fn socket_name() -> String {
    format!("socket.{}", std::process::id())
}
