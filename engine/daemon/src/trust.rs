//! What the machines of a run get so that its software can prove itself: certificates of a CA that is this run's
//! alone, and a key table for XRootD's protocol sss.
//!
//! A run's authority and key are made when a machine asks first, and lie in a folder of the run's own, so that a
//! restarted engine has the same. When the run is over they are removed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tracing::{error, info, warn};
use xrdtest_model::limits::Limits;
use xrdtest_model::{HypervisorName, InstanceId, RunId};
use xrdtest_protocol::ProtocolError;
use xrdtest_protocol::authority::STANDING_LIFETIME;
use xrdtest_protocol::run_authority::{MAX_REQUEST, RequestError, RunAuthority, random};
use xrdtest_protocol::stream::{FetchReply, Wanted};

use crate::runs::{MachineAtWork, Runs};

const AUTHORITY: &str = "ca.pem";
const KEYTABLE: &str = "sss.keytab";
/// Clocks of machines differ, and clusters take their time to start and to stop.
const SPARE: Duration = Duration::from_secs(3600);

/// The authorities of all runs that go on. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// With one folder per run.
    folder: PathBuf,
    runs: Arc<Runs>,
    open: Mutex<HashMap<RunId, Arc<OfRun>>>,
}

/// What one run has.
#[derive(Debug)]
struct OfRun {
    authority: RunAuthority,
    keytable: Bytes,
}

/// Why a machine does not get what it asked for.
enum Refusal {
    NotThisMachine(String),
    Invalid(String),
}

impl Trust {
    /// Looks into `folder`, and removes what is there of runs that are over.
    pub(crate) fn new(folder: PathBuf, runs: Arc<Runs>) -> Self {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let over = entry.file_name().to_str().is_none_or(|name| !runs.is_going_on(&RunId::new(name)));
            if over {
                remove(&entry.path());
            }
        }
        Self { inner: Arc::new(Inner { folder, runs, open: Mutex::default() }) }
    }

    /// Answers a machine, in whose name a hypervisor agent asks. It gets nothing where it is none of a run that goes on.
    pub(crate) async fn ask(
        &self,
        hypervisor: &HypervisorName,
        instance: &InstanceId,
        host: &str,
        wanted: Wanted,
    ) -> (FetchReply, Bytes) {
        let what = match &wanted {
            Wanted::TrustedCaCertificate => "the CA's certificate",
            Wanted::SignedCertificate { .. } => "a certificate",
            Wanted::SssKeytable => "the sss key table",
            Wanted::Unknown => "something that this engine does not know",
        };
        let answered = match self.inner.runs.machine_at_work(hypervisor, instance, host) {
            Ok(machine) => {
                let (inner, run) = (self.inner.clone(), machine.run.clone());
                let answered = tokio::task::spawn_blocking(move || inner.answer(&machine, wanted)).await;
                info!(%run, %host, "a machine asks for {what}");
                answered.unwrap_or_else(|_| Err(unavailable()))
            }
            Err(why) => Err(Refusal::NotThisMachine(why.to_owned())),
        };
        let refused = |reason: &str| warn!(%instance, %host, %reason, "a machine was refused {what}");
        match answered {
            Ok(content) => (FetchReply::Found { length: content.len() as u64 }, content),
            Err(Refusal::NotThisMachine(reason)) => {
                refused(&reason);
                (FetchReply::Refused { reason }, Bytes::new())
            }
            Err(Refusal::Invalid(reason)) => {
                refused(&reason);
                (FetchReply::Invalid { reason }, Bytes::new())
            }
        }
    }

    /// A run is over: nobody gets anything of its authority any more.
    pub(crate) fn forget(&self, run: RunId) {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || {
            let mut open = inner.lock();
            open.remove(&run);
            remove(&inner.folder_of(&run));
        });
    }
}

impl Inner {
    fn answer(&self, machine: &MachineAtWork, wanted: Wanted) -> Result<Bytes, Refusal> {
        let of_run = self.of(machine)?;
        match wanted {
            Wanted::TrustedCaCertificate => Ok(of_run.authority.certificate().to_owned().into()),
            Wanted::SssKeytable => Ok(of_run.keytable.clone()),
            Wanted::SignedCertificate { request } => sign(&of_run.authority, machine, &request),
            Wanted::Unknown => {
                let why =
                    "this engine is older than its hypervisor agent and does not know what is asked for";
                Err(Refusal::Invalid(why.to_owned()))
            }
        }
    }

    /// The authority of a machine's run; made where there is none yet.
    fn of(&self, machine: &MachineAtWork) -> Result<Arc<OfRun>, Refusal> {
        let run = &machine.run;
        let mut open = self.lock();
        // It may have ended meanwhile. Whoever forgets it waits for the lock, and so finds what is made here.
        if !self.runs.is_going_on(run) {
            return Err(Refusal::NotThisMachine("the run has just ended".to_owned()));
        }
        if let Some(known) = open.get(run) {
            return Ok(known.clone());
        }
        let made = OfRun::open_or_create(&self.folder_of(run), run, lifetime(&machine.plan.limits));
        let made = Arc::new(made.map_err(|error| {
            error!(%run, %error, "a run has no certificate authority");
            unavailable()
        })?);
        open.insert(run.clone(), made.clone());
        Ok(made)
    }

    fn folder_of(&self, run: &RunId) -> PathBuf {
        self.folder.join(run.as_str())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Arc<OfRun>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfRun {
    fn open_or_create(folder: &Path, run: &RunId, lifetime: Duration) -> Result<Self, ProtocolError> {
        let failed = |source| ProtocolError::File { path: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let authority = RunAuthority::open_or_create(&folder.join(AUTHORITY), run.as_str(), lifetime)?;
        let path = folder.join(KEYTABLE);
        let keytable = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let text = keytable(&random()?, u64::from_be_bytes(random()?) >> 1, now, now + lifetime);
                xrdtest_protocol::identity::write_private(&path, &text)?;
                text.into_bytes()
            }
            Err(source) => return Err(ProtocolError::File { path, source }),
        };
        Ok(Self { authority, keytable: keytable.into() })
    }
}

fn sign(authority: &RunAuthority, machine: &MachineAtWork, request: &str) -> Result<Bytes, Refusal> {
    if request.len() > MAX_REQUEST {
        let why = format!("the request has {} bytes, more than {MAX_REQUEST}", request.len());
        return Err(Refusal::Invalid(why));
    }
    authority.sign(request, &machine.names).map(Bytes::from).map_err(|error| match error {
        RequestError::NotYours(why) => Refusal::NotThisMachine(why),
        error => Refusal::Invalid(error.to_string()),
    })
}

fn unavailable() -> Refusal {
    Refusal::NotThisMachine("the engine could not make it; its log says why".to_owned())
}

/// Longer than a run can last, with its last finalize stages, and not much.
fn lifetime(limits: &Limits) -> Duration {
    let run = Duration::from_millis(limits.run_ms.saturating_add(limits.stage_ms.saturating_mul(2)));
    (run + SPARE).min(STANDING_LIFETIME)
}

/// A key table with one key in XRootD's text format, as its `xrdsssadmin` writes and reads it: who shows this key is
/// whoever he says, in that one's groups.
fn keytable(key: &[u8; 32], number: u64, created: Duration, expires: Duration) -> String {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let (created, expires) = (created.as_secs(), expires.as_secs());
    format!("0 u:anybody g:usrgroup n:xrootdfs_key N:{number} c:{created} e:{expires} f:0 k:{key}\n")
}

fn remove(folder: &Path) {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            warn!(folder = %folder.display(), %error, "the authority of a run that is over could not be removed");
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_key_table_is_xrootds() {
        let folder = tempfile::tempdir().unwrap();
        let of = |run: &str| {
            let path = folder.path().join(run);
            OfRun::open_or_create(&path, &RunId::new(run), Duration::from_secs(7200)).unwrap()
        };
        let (first, other) = (of("r1"), of("r2"));
        assert_eq!(of("r1").keytable, first.keytable, "machines and lives of an engine have the same");
        assert_eq!(of("r1").authority.certificate(), first.authority.certificate());
        assert_ne!(other.keytable, first.keytable);
        let path = folder.path().join("r1").join(KEYTABLE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(folder.path().join("r1")).unwrap().permissions().mode() & 0o777, 0o700);
        let output = Command::new("xrdsssadmin").arg("list").arg(&path).output().unwrap();
        let listed = String::from_utf8(output.stdout).unwrap();
        let row = listed.lines().last().unwrap();
        let words: Vec<_> = row.split_whitespace().collect();
        assert_eq!(
            (words[1], &words[words.len() - 3..]),
            ("32", &["xrootdfs_key", "anybody", "usrgroup"][..])
        );
        assert!(!row.contains("--------"), "it expires: {row}");
    }

    #[test]
    fn what_is_signed_outlasts_the_run_and_not_much() {
        let limits = Limits { run_ms: 3_600_000, stage_ms: 60_000, ..Limits::default() };
        assert_eq!(lifetime(&limits), Duration::from_secs(3600 + 120 + 3600));
        let endless = Limits { run_ms: u64::MAX, ..limits };
        assert_eq!(lifetime(&endless), STANDING_LIFETIME);
    }

    #[tokio::test]
    async fn what_is_left_of_runs_that_are_over_goes() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("20261122-102156-x-1fb2");
        fs::create_dir(&left).unwrap();
        fs::write(left.join(AUTHORITY), "secret").unwrap();
        let trust = Trust::new(folder.path().to_owned(), Arc::default());
        assert!(!left.exists());
        let answer = trust.ask(&"h1".into(), &"i1".into(), "ds1.xrd.test", Wanted::SssKeytable).await;
        let (FetchReply::Refused { reason }, content) = answer else { panic!("{answer:?}") };
        assert!(reason.contains("the run is over") && content.is_empty(), "{reason}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
