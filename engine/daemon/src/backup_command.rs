//! `xrdtest-engine backup` and `restore`.

use std::path::{Path, PathBuf};

use clap::Args;
use xrdtest_engine::backup::{self, Choice};
use xrdtest_engine::config::Config;
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::{Timestamp, utc};
use xrdtest_report::findings::plural;

use crate::{block_on, say};

/// Write everything that the engine must have to be itself again to one file; an engine that runs goes on
#[derive(Args)]
#[command(after_help = "\
In the file, a tar in zstd that only its owner may read: the store with all runs, accounts and schedules, outputs, logs and
kept files, packed runs, the certificate authority, the configuration. The file has its name only when all of it is on
the disk.

Examples:
  xrdtest-engine backup /srv/backup/engine.tar.zst
  xrdtest-engine backup --without-outputs --without-archive /srv/backup/small.tar.zst")]
pub(crate) struct BackupArgs {
    /// The file to write; one of that name is replaced
    file: PathBuf,
    /// Leave out outputs, logs, kept files and consoles of runs; their records say so after a restore
    #[arg(long)]
    without_outputs: bool,
    /// Leave out packed runs
    #[arg(long)]
    without_archive: bool,
}

/// Put a backup back, while no engine runs
#[derive(Args)]
#[command(after_help = "\
Into the state folder that the configuration names; where there is no configuration, the backup's is written, and counts.
All of the backup is looked through before anything of it takes its place. Then start the engine: it has all runs, and
those that were going on end as `error` where their machines are gone.

Examples:
  xrdtest-engine restore /srv/backup/engine.tar.zst
  xrdtest-engine --config /tmp/other.toml restore /srv/backup/engine.tar.zst")]
pub(crate) struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Move aside what is in the state folder, into a folder in it
    #[arg(long)]
    replace: bool,
}

pub(crate) fn backup(path: &Path, args: &BackupArgs) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    let choice = Choice { outputs: !args.without_outputs, archive: !args.without_archive };
    let written = block_on(backup::write(&config, path, &args.file, choice))?;
    let (bytes, packed) = (human_bytes(written.bytes), human_bytes(written.packed));
    say(&format!(
        "{}: {} with {bytes}, packed to {packed}",
        args.file.display(),
        plural(written.files, "file")
    ))?;
    if written.vanished > 0 {
        say(&format!("removed or cut while it was written: {}", plural(written.vanished, "file")))?;
    }
    not_in_it(&written.not_in_it)
}

pub(crate) fn restore(path: &Path, args: &RestoreArgs) -> anyhow::Result<()> {
    let restored = block_on(backup::restore(path, &args.file, args.replace))?;
    let created = utc(Timestamp::from_millis(restored.created_ms));
    say(&format!("{}: {} as of {created}", restored.state.display(), plural(restored.files, "file")))?;
    if let Some(aside) = &restored.replaced {
        say(&format!("what was there before is in {}", aside.display()))?;
    }
    if restored.configured {
        say(&format!("the backup's configuration is in {}", path.display()))?;
    }
    not_in_it(&restored.not_in_it)?;
    say(
        "started, it is that engine: it starts suites by their schedules, sends mail and calls webhooks; where that \
         engine lives, give this one a configuration of its own before (docs/operating.md#backup)",
    )?;
    if restored.waiting > 0 {
        say(&format!(
            "mails and messages not sent yet when the backup was made: {}; what is younger than three days is sent when it starts, \
             though it may have been sent since",
            restored.waiting
        ))?;
    }
    Ok(())
}

fn not_in_it(files: &[String]) -> anyhow::Result<()> {
    match files {
        [] => Ok(()),
        files => say(&format!("not in the backup: {}", files.join(", "))),
    }
}
