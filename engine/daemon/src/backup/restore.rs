//! Putting a backup back. Everything is unpacked beside what is there, and looked through; only then it takes its place.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail, ensure};
use nix::unistd::geteuid;
use sha2::{Digest, Sha256};
use xrdtest_model::api::RunSummary;
use xrdtest_store::sqlite::inspect::inspect;
use xrdtest_store::{RunFilter, SqliteStore, Store};

use super::names::{KEPT, Part, part};
use super::{CONFIG, Head, SCHEMA, STATE, STORE, sum_line};
use crate::clock::Clock;
use crate::config::Config;
use crate::lock::Lock;

/// Where a backup is unpacked, below the state folder: while it is there, no engine starts.
const RESTORING: &str = "restoring";
/// Bytes of the small entries.
const SMALL: u64 = 16 << 20;
/// Bytes of the list of digests.
const LONG: u64 = 4 << 30;

/// What was put back.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The state folder.
    pub state: PathBuf,
    /// Files in it.
    pub files: u64,
    /// When the backup was made, in milliseconds since 1970.
    pub created_ms: u64,
    /// The configuration was written, as there was none.
    pub configured: bool,
    /// Where what was there before lies now.
    pub replaced: Option<PathBuf>,
    /// What an engine may need and was not in it.
    pub not_in_it: Vec<String>,
    /// Mails and messages for webhooks that were not sent when the backup was made.
    pub waiting: u64,
}

/// Whether a restore into this state folder was not finished.
pub fn is_unfinished(state: &Path) -> bool {
    state.join(RESTORING).exists()
}

/// Puts a backup back into the state folder that the configuration at `path` names; where there is no configuration,
/// into the one that the backup's names, and writes it. With `replace`, what is there makes room.
///
/// # Errors
/// In words for people: the backup is torn or none, an engine runs, or something is there already.
pub async fn restore(path: &Path, from: &Path, replace: bool) -> anyhow::Result<Restored> {
    let config = match path.exists() {
        true => Some(Config::load(path)?),
        false => None,
    };
    let state = match &config {
        Some(config) => config.state.clone(),
        None => configured_in(from)?.state,
    };
    // Held to the end: no engine starts meanwhile.
    let _lock = Lock::take(&state)?;
    let there = taken(&state)?;
    ensure!(
        replace || there.is_empty(),
        "{} is not empty ({} …); give --replace to move what is there aside, or name another `state`",
        state.display(),
        there.first().map_or("", String::as_str)
    );
    let staging = state.join(RESTORING);
    remove(&staging)?;
    folder(&staging)?;
    let unpacked = unpacked(from, &staging).await;
    let Unpacked { head, files, config: text, waiting } = match unpacked {
        Ok(unpacked) => unpacked,
        Err(error) => {
            remove(&staging)?;
            return Err(error.context(format!("{} was not restored", from.display())));
        }
    };
    give_to_owner(&state)?;
    let replaced = if there.is_empty() { None } else { Some(move_aside(&state, &there)?) };
    // The store comes last: what it names is there before it.
    for name in KEPT.into_iter().chain([STORE]) {
        let from = staging.join("state").join(name);
        if from.exists() {
            fs::rename(&from, state.join(name)).with_context(|| format!("cannot move {}", from.display()))?;
        }
    }
    File::open(&state).and_then(|state| state.sync_all()).context("cannot sync the state folder")?;
    let configured = config.is_none();
    if configured {
        write_config(path, &text)?;
    }
    remove(&staging)?;
    let Head { created_ms, not_in_it, .. } = head;
    Ok(Restored { state, files, created_ms, configured, replaced, not_in_it, waiting })
}

/// Where root restores into the folder of the user whom the engine runs as, what it has made there is that user's.
fn give_to_owner(state: &Path) -> anyhow::Result<()> {
    let folder = fs::metadata(state).with_context(|| format!("cannot look at {}", state.display()))?;
    let (user, group) = (folder.uid(), folder.gid());
    if !geteuid().is_root() || user == 0 {
        return Ok(());
    }
    let mut all = vec![state.join(RESTORING), state.join("engine.lock"), state.join("store.sqlite.lock")];
    while let Some(path) = all.pop() {
        let failed = || format!("cannot give {} to the owner of {}", path.display(), state.display());
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => {
                if found.with_context(failed)?.is_dir() {
                    for entry in fs::read_dir(&path).with_context(failed)? {
                        all.push(entry.with_context(failed)?.path());
                    }
                }
            }
        }
        lchown(&path, Some(user), Some(group)).with_context(failed)?;
    }
    Ok(())
}

/// What stands in the way, by name.
fn taken(state: &Path) -> anyhow::Result<Vec<String>> {
    let mut there = Vec::new();
    for entry in fs::read_dir(state).with_context(|| format!("cannot read {}", state.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let ours = matches!(name.as_str(), "engine.lock" | "store.sqlite.lock" | RESTORING | "lost+found");
        if !ours && !name.starts_with("replaced-") {
            there.push(name);
        }
    }
    there.sort();
    Ok(there)
}

fn move_aside(state: &Path, there: &[String]) -> anyhow::Result<PathBuf> {
    let aside = state.join(format!("replaced-{}", Clock::new().now().as_millis()));
    folder(&aside)?;
    for name in there {
        fs::rename(state.join(name), aside.join(name))
            .with_context(|| format!("cannot move {name} aside"))?;
    }
    Ok(aside)
}

fn folder(path: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("cannot make {}", path.display()))
}

fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn write_config(path: &Path, text: &str) -> anyhow::Result<()> {
    let failed = || format!("everything is restored but the configuration {}", path.display());
    if let Some(above) = path.parent() {
        fs::create_dir_all(above).with_context(failed)?;
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .with_context(failed)
}

/// How everything that zstd has packed begins (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

type Entries<'a> = tar::Archive<zstd::Decoder<'a, BufReader<File>>>;

fn open(from: &Path) -> anyhow::Result<Entries<'static>> {
    let unread = || format!("cannot read {}", from.display());
    let mut file = BufReader::new(File::open(from).with_context(unread)?);
    if !file.fill_buf().with_context(unread)?.starts_with(&ZSTD) {
        bail!("it is no backup of an engine: `xrdtest-engine backup FILE` makes them");
    }
    Ok(tar::Archive::new(zstd::Decoder::with_buffer(file).context("it is no backup of an engine")?))
}

/// The configuration in a backup, to know where to unpack it. Nothing else of it is believed yet.
fn configured_in(from: &Path) -> anyhow::Result<Config> {
    let none = || format!("{} is no backup of an engine, or torn", from.display());
    for entry in open(from)?.entries().with_context(none)? {
        let entry = entry.with_context(none)?;
        match part(&entry.path_bytes()) {
            Ok(Part::Head) => {}
            Ok(Part::Config) => {
                let text = small(entry, SMALL)?;
                return toml::from_str(&text)
                    .with_context(|| format!("the configuration in {}", from.display()));
            }
            _ => break,
        }
    }
    Err(anyhow!(none()))
}

fn small(entry: impl Read, most: u64) -> anyhow::Result<String> {
    let mut text = String::new();
    entry.take(most).read_to_string(&mut text).context("it is torn")?;
    Ok(text)
}

struct Unpacked {
    head: Head,
    config: String,
    files: u64,
    waiting: u64,
}

/// Unpacks, compares all digests, and looks at the store.
async fn unpacked(from: &Path, staging: &Path) -> anyhow::Result<Unpacked> {
    let (archive, to) = (from.to_owned(), staging.to_owned());
    let mut unpacked =
        tokio::task::spawn_blocking(move || unpack(&archive, &to)).await.context("it was given up")??;
    let store = staging.join(STATE).join(STORE);
    ensure!(store.exists(), "it has no store");
    unpacked.waiting = inspect(&store, u64::MAX).await?.waiting;
    if !unpacked.head.outputs {
        note_missing(&store).await?;
    }
    let state = File::open(staging)?;
    nix::unistd::syncfs(&state).context("cannot sync what was unpacked")?;
    Ok(unpacked)
}

fn unpack(from: &Path, staging: &Path) -> anyhow::Result<Unpacked> {
    let (mut head, mut config, mut sums) = (None, None, Sums::default());
    for entry in open(from)?.entries().context("it is no backup of an engine")? {
        let mut entry = entry.context("it is torn")?;
        ensure!(sums.told.is_none(), "something follows its list of digests");
        let name = entry.path_bytes().into_owned();
        let what = part(&name).map_err(|why| anyhow!("it is no backup of an engine: {why}"))?;
        let name = String::from_utf8_lossy(&name).into_owned();
        let kind = entry.header().entry_type();
        ensure!(kind == tar::EntryType::Regular, "it is no backup of an engine: `{name}` is no plain file");
        match what {
            Part::Head => {
                let text = small(&mut entry, SMALL)?;
                sums.note(&name, &Sha256::digest(&text))?;
                head = Some(known(&text)?);
            }
            Part::Config => {
                let text = small(&mut entry, SMALL)?;
                sums.note(&name, &Sha256::digest(&text))?;
                config = Some(text);
            }
            Part::Sums => sums.told = Some(small(&mut entry, LONG)?),
            Part::State(path) => {
                ensure!(head.is_some(), "it is no backup of an engine: it does not begin with its head");
                let digest = extract(&mut entry, &staging.join(STATE).join(path))?;
                sums.note(&name, &digest)?;
            }
        }
    }
    let files = sums.compare()?;
    match (head, config) {
        (Some(head), Some(config)) => Ok(Unpacked { head, config, files, waiting: 0 }),
        _ => bail!("it lacks its head or {CONFIG}"),
    }
}

fn known(text: &str) -> anyhow::Result<Head> {
    let head: Head = serde_json::from_str(text).context("its head can't be read")?;
    ensure!(
        head.schema == SCHEMA,
        "it is of the format {}, and this program knows {SCHEMA}: use the version that wrote it, {}, or a later one",
        head.schema,
        head.version
    );
    Ok(head)
}

/// Writes one file, which must not be there; answers its digest.
fn extract(entry: &mut impl Read, path: &Path) -> anyhow::Result<Vec<u8>> {
    if let Some(above) = path.parent() {
        folder(above)?;
    }
    let failed = || format!("cannot write {}", path.display());
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
    let (mut digest, mut buffer) = (Sha256::new(), vec![0; 256 * 1024]);
    loop {
        let length = entry.read(&mut buffer).context("it is torn")?;
        let piece = buffer.get(..length).unwrap_or_default();
        if piece.is_empty() {
            return Ok(digest.finalize().to_vec());
        }
        digest.update(piece);
        file.write_all(piece).with_context(failed)?;
    }
}

/// Digests as they are, and as the backup tells them.
#[derive(Default)]
struct Sums {
    are: String,
    names: BTreeSet<String>,
    told: Option<String>,
}

impl Sums {
    fn note(&mut self, name: &str, digest: &[u8]) -> anyhow::Result<()> {
        ensure!(self.names.insert(name.to_owned()), "it has `{name}` twice");
        self.are.push_str(&sum_line(name, digest));
        Ok(())
    }

    /// How many there are, where all of them agree.
    fn compare(&self) -> anyhow::Result<u64> {
        let told = self.told.as_deref().context("it is torn: its end with the list of digests is missing")?;
        if let Some((is, _)) = self.are.lines().zip(told.lines()).find(|(is, told)| is != told) {
            bail!("it is damaged: {} is not as it was written", is.get(66..).unwrap_or(is));
        }
        ensure!(self.are == told, "it is damaged: its list of digests names other files than are there");
        Ok(self.names.len() as u64)
    }
}

/// Notes in the restored store that outputs were left out of the backup.
async fn note_missing(store: &Path) -> anyhow::Result<()> {
    let store = SqliteStore::open(store).await?;
    let (now, mut before) = (Clock::new().now(), None);
    loop {
        let filter = RunFilter { before, limit: 1000, ..RunFilter::default() };
        let page: Vec<RunSummary> = store.runs(filter).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.queued);
        for run in page.iter().filter(|run| run.finished.is_some() && run.evidence_removed.is_none()) {
            store.evidence_removed(run.run.clone(), now, None).await?;
        }
    }
    store.close().await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_name_what_is_damaged() {
        let mut sums = Sums::default();
        sums.note("state/a", &[1; 32]).unwrap();
        sums.note("state/b", &[2; 32]).unwrap();
        assert!(sums.note("state/a", &[1; 32]).unwrap_err().to_string().contains("twice"));
        assert!(sums.compare().unwrap_err().to_string().contains("torn"));
        let good = sums.are.clone();
        for (told, words) in [
            (good.replace("02", "03"), "state/b is not as it was written"),
            (good.lines().next().unwrap().to_owned() + "\n", "names other files"),
            (good.clone() + "x\n", "names other files"),
        ] {
            sums.told = Some(told);
            assert!(sums.compare().unwrap_err().to_string().contains(words));
        }
        sums.told = Some(good);
        assert_eq!(sums.compare().unwrap(), 2);
    }
}
