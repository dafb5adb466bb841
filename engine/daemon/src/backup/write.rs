//! Writing a backup.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use xrdtest_store::sqlite::inspect::copy;

use super::names::KEPT;
use super::{CONFIG, HEAD, Head, SCHEMA, STATE, STORE, SUMS, sum_line};
use crate::clock::Clock;
use crate::config::Config;
use crate::repositories::Place;

const COMPRESSION: i32 = 3;
/// What a run's folder has beside its document.
const OUTPUTS: [&str; 4] = ["outputs", "logs", "artifacts", "consoles"];

/// What is to be in it.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Outputs, logs, kept files and consoles of runs.
    pub outputs: bool,
    /// Packed runs, where they lie in the state folder.
    pub archive: bool,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of the backup.
    pub packed: u64,
    /// Files that were removed or shortened while it was written.
    pub vanished: u64,
    /// What is not in it though an engine may need it.
    pub not_in_it: Vec<String>,
}

/// Writes the backup of the engine that `config` describes, which was read from `path`, to a file. The file has its name
/// only when all of it is on the disk.
///
/// # Errors
/// In words for people.
pub async fn write(config: &Config, path: &Path, to: &Path, choice: Choice) -> anyhow::Result<Written> {
    let store = config.state.join(STORE);
    File::open(&store).with_context(|| {
        format!("no engine was here, or this user may not see it (ask as root): {}", store.display())
    })?;
    let part = beside(to, "part");
    let output = locked(&part, to)?;
    let copied = beside(to, "store.part");
    let _ = fs::remove_file(&copied);
    // Made by us, so that it is for its owner alone from the first byte on.
    private().create_new(true).open(&copied).with_context(|| format!("cannot write {}", copied.display()))?;
    let _removed = Remove(copied.clone());
    copy(&store, &copied).await?;
    let (config, path) = (config.clone(), path.to_owned());
    let (part_, to_) = (part.clone(), to.to_owned());
    let work = move || pack(&config, &path, &copied, output, &part_, &to_, choice);
    let written = tokio::task::spawn_blocking(work).await.context("the backup was given up")?;
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    name.into()
}

/// The file to write to; what a killed backup left of it is begun anew.
fn locked(part: &Path, to: &Path) -> anyhow::Result<Flock<File>> {
    let file = private().create(true).truncate(false).open(part);
    let file = file.with_context(|| format!("cannot write {}", part.display()))?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(file) => {
            file.set_len(0).with_context(|| format!("cannot write {}", part.display()))?;
            Ok(file)
        }
        Err(_) => {
            bail!("another backup to {} is being written; wait for it, or name another file", to.display())
        }
    }
}

/// A file that goes with this.
struct Remove(PathBuf);

impl Drop for Remove {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn pack(
    config: &Config,
    path: &Path,
    store: &Path,
    output: Flock<File>,
    part: &Path,
    to: &Path,
    choice: Choice,
) -> anyhow::Result<Written> {
    let not_in_it = not_in_it(config);
    let head = Head {
        schema: SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        created_ms: Clock::new().now().as_millis(),
        outputs: choice.outputs,
        archive: choice.archive,
        not_in_it: not_in_it.clone(),
    };
    let mut encoder = zstd::Encoder::new(&*output, COMPRESSION)?;
    encoder.include_checksum(true)?;
    let written = Written { not_in_it, ..Written::default() };
    let mut packer = Packer { tar: tar::Builder::new(encoder), sums: String::new(), written };
    packer.bytes(HEAD, &serde_json::to_vec_pretty(&head)?)?;
    packer.bytes(CONFIG, &fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)?;
    packer.file(store, &format!("{STATE}{STORE}"))?;
    for name in KEPT {
        if name != "archive" || choice.archive {
            packer.tree(&config.state.join(name), &format!("{STATE}{name}"), choice)?;
        }
    }
    let Packer { mut tar, sums, mut written } = packer;
    append(&mut tar, SUMS, sums.as_bytes()).context("cannot write the backup")?;
    let finish = || -> io::Result<u64> {
        tar.into_inner()?.finish()?.flush()?;
        output.sync_all()?;
        fs::rename(part, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
        Ok(output.metadata()?.len())
    };
    written.packed = finish().with_context(|| format!("cannot write {}", to.display()))?;
    Ok(written)
}

/// Files of others that the configuration names.
fn not_in_it(config: &Config) -> Vec<String> {
    let of_repositories = config.repository.iter().filter_map(|repository| match &repository.place {
        Place::Remote(remote) => Some([&remote.key_file, &remote.token_file, &remote.known_hosts]),
        Place::Folder(_) => None,
    });
    let of_webhooks = config
        .webhooks
        .iter()
        .map(|webhook| [&webhook.url_file, &webhook.secret_file, &webhook.token_file, &webhook.ca]);
    let others = [&config.mail.password_file, &config.mail.ca, &config.web.certificate, &config.web.key];
    let folders = config.repository.iter().filter_map(|repository| match &repository.place {
        Place::Folder(path) => Some(path),
        Place::Remote(_) => None,
    });
    let archive = config.archive.as_ref().filter(|archive| **archive != config.state.join("archive"));
    let named = of_repositories.flatten().chain(of_webhooks.flatten()).chain(others).flatten();
    named.chain(folders).chain(archive).map(|path| path.display().to_string()).collect()
}

fn append<W: Write>(tar: &mut tar::Builder<W>, name: &str, content: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o600);
    tar.append_data(&mut header, name, content)
}

struct Packer<W: Write> {
    tar: tar::Builder<W>,
    sums: String,
    written: Written,
}

impl<W: Write> Packer<W> {
    fn bytes(&mut self, name: &str, content: &[u8]) -> anyhow::Result<()> {
        append(&mut self.tar, name, content).context("cannot write the backup")?;
        self.note(name, &Sha256::digest(content), content.len() as u64);
        Ok(())
    }

    fn note(&mut self, name: &str, digest: &[u8], bytes: u64) {
        self.sums.push_str(&sum_line(name, digest));
        self.written.files += 1;
        self.written.bytes += bytes;
    }

    /// A folder with all that is in it, or a file. What is not there is left out, and so is what is neither.
    fn tree(&mut self, path: &Path, name: &str, choice: Choice) -> anyhow::Result<()> {
        let Ok(kind) = fs::symlink_metadata(path).map(|found| found.file_type()) else { return Ok(()) };
        if kind.is_file() {
            return self.file(path, name);
        }
        if !kind.is_dir() || (!choice.outputs && is_output(name)) {
            return Ok(());
        }
        let Some(entries) =
            here(fs::read_dir(path)).with_context(|| format!("cannot read {}", path.display()))?
        else {
            return Ok(());
        };
        let names = entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>();
        let mut names = names.with_context(|| format!("cannot read {}", path.display()))?;
        names.sort();
        for child in names {
            // Names that are not UTF-8, or of two lines, are none of an engine's.
            if let Some(text) = child.to_str().filter(|text| !text.contains('\n')) {
                self.tree(&path.join(&child), &format!("{name}/{text}"), choice)?;
            }
        }
        Ok(())
    }

    /// A file as long as it is now: others may append to it meanwhile, or remove it.
    fn file(&mut self, path: &Path, name: &str) -> anyhow::Result<()> {
        let failed = || format!("cannot put {} into the backup", path.display());
        let Some(file) = here(File::open(path)).with_context(failed)? else {
            self.written.vanished += 1;
            return Ok(());
        };
        let about = file.metadata().with_context(failed)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(about.len());
        header.set_mode(0o600);
        header.set_mtime(u64::try_from(about.mtime()).unwrap_or(0));
        let mut content = Exact { file, left: about.len(), digest: Sha256::new(), short: false };
        self.tar.append_data(&mut header, name, &mut content).with_context(failed)?;
        let Exact { digest, short, .. } = content;
        self.written.vanished += u64::from(short);
        self.note(name, &digest.finalize(), about.len());
        Ok(())
    }
}

/// `state/runs/RUN/outputs`.
fn is_output(name: &str) -> bool {
    let mut parts = name.split('/').skip(1);
    parts.next() == Some("runs") && parts.nth(1).is_some_and(|part| OUTPUTS.contains(&part))
}

/// `None` where it was removed meanwhile.
fn here<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// So many bytes of a file, whatever becomes of it: the length is in the archive before the content.
struct Exact {
    file: File,
    left: u64,
    digest: Sha256,
    /// It was shorter, and zeros stand in for what is missing.
    short: bool,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let mut length = if self.short { 0 } else { self.file.read(buffer)? };
        if length == 0 {
            self.short = true;
            buffer.fill(0);
            length = most;
        }
        self.left -= length as u64;
        self.digest.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_from_the_rest() {
        for (name, is) in [
            ("state/runs/r/outputs", true),
            ("state/runs/r/consoles", true),
            ("state/runs/r", false),
            ("state/runs/outputs", false),
            ("state/runs/r/run.json", false),
            ("state/ca/x/outputs", false),
        ] {
            assert_eq!(is_output(name), is, "{name}");
        }
    }

    #[test]
    fn a_file_that_is_cut_meanwhile_keeps_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        fs::write(&path, "abc").unwrap();
        for (left, short, is) in [(2, false, &b"ab"[..]), (3, false, b"abc"), (5, true, b"abc\0\0")] {
            let file = File::open(&path).unwrap();
            let mut exact = Exact { file, left, digest: Sha256::new(), short: false };
            let mut content = Vec::new();
            exact.read_to_end(&mut content).unwrap();
            assert_eq!((content.as_slice(), exact.short), (is, short));
            assert_eq!(exact.digest.finalize(), Sha256::digest(is));
        }
    }
}
