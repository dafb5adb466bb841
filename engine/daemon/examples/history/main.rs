//! Fills an engine's state folder with runs that never were, through the store's own interface: definitions, journal,
//! records, outputs. What a dashboard, an archive or a clean-up is measured with.
//!
//! ```text
//! cargo run --release -p xrdtest-engine --example history -- --state DIR --definitions DIR --runs 100000 --suites 200
//! ```
//!
//! The same seed and the same end give the same runs. An engine that is started on the folder afterwards, with the
//! definitions as its repository, shows them as its own.

mod definitions;
mod random;
mod runs;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Parser;
use xrdtest_definitions::{LoadOptions, Selection, SnapshotOptions, load, snapshot};
use xrdtest_model::{Event, Timestamp};
use xrdtest_store::{SqliteStore, Store};

use crate::random::Random;
use crate::runs::{Files, Maker, Suite};

/// Events that are written at once.
const BATCH: usize = 16 * 1024;

/// Fills an engine's state folder with runs that never were.
#[derive(Debug, Parser)]
struct Args {
    /// The engine's state folder; it must not have a store yet.
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Where the definitions go; the folder must not exist yet.
    #[arg(long, value_name = "DIR")]
    definitions: PathBuf,
    /// How many runs.
    #[arg(long, default_value_t = 100_000)]
    runs: u64,
    /// Of how many suites.
    #[arg(long, default_value_t = 200)]
    suites: u16,
    /// The latest so many runs have outputs; those of the others were removed, as an engine does after a time.
    #[arg(long, value_name = "RUNS", default_value_t = 500)]
    outputs: u64,
    /// The very last run has an output of so many lines of 80 bytes.
    #[arg(long, default_value_t = 0)]
    lines: u64,
    /// Seconds between two runs.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    every: u64,
    /// When the last run is over, in milliseconds since 1970; absent: now.
    #[arg(long, value_name = "MS")]
    end: Option<u64>,
    /// Of all chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let path = args.state.join("store.sqlite");
    ensure!(!path.exists(), "{} exists already; name another folder", path.display());
    ensure!(args.suites > 0, "there must be at least one suite");
    std::fs::create_dir_all(&args.state).with_context(|| format!("cannot make {}", args.state.display()))?;
    let folder = args.definitions.display();
    definitions::write(&args.definitions, args.suites)
        .with_context(|| format!("cannot write definitions to {folder}"))?;
    let suites = suites(&args)?;
    let store = SqliteStore::open(&path).await?;
    let done = fill(&store, &args, &suites).await;
    store.close().await;
    done
}

/// The plans that the definitions give, each with its character.
fn suites(args: &Args) -> anyhow::Result<Vec<Suite>> {
    let root = args.definitions.canonicalize()?;
    let catalogue = load(&root, &LoadOptions::default());
    ensure!(catalogue.diagnostics.is_empty(), "the definitions are wrong: {:?}", catalogue.diagnostics);
    let names: Vec<&String> = catalogue.suites.keys().collect();
    let mut suites = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let plan = snapshot(&catalogue, name, &Selection::default(), &SnapshotOptions::default())?;
        suites.push(Suite::new(plan, index, args.seed));
    }
    Ok(suites)
}

async fn fill(store: &SqliteStore, args: &Args, suites: &[Suite]) -> anyhow::Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let end = args.end.unwrap_or(u64::try_from(now.as_millis()).unwrap_or(0));
    let mut random = Random::new(args.seed);
    let mut events: Vec<Event> = Vec::with_capacity(2 * BATCH);
    let mut number = 0;
    let files = Files::new(args.state.join("runs"));
    for index in 0..args.runs {
        let left = args.runs - index;
        let begin = end.saturating_sub(left * args.every * 1000 + random.below(1000));
        let suite = &suites[random.index(suites.len())];
        let mut maker = Maker::new(suite, &mut random, Timestamp::from_millis(begin), args.runs, left);
        if left <= args.outputs {
            maker.leaves(&files, if left == 1 { args.lines } else { 0 });
        }
        let made = maker.make()?;
        events.extend(made.bodies.into_iter().map(|(at, body)| {
            number += 1;
            Event { number, at, body }
        }));
        if events.len() >= BATCH {
            store.append(std::mem::take(&mut events)).await?;
        }
    }
    store.append(events).await?;
    forget_outputs(store, args, end).await
}

/// The outputs of the older runs were removed.
async fn forget_outputs(store: &SqliteStore, args: &Args, end: u64) -> anyhow::Result<()> {
    let mut before = None;
    let mut kept = args.outputs;
    loop {
        let filter = xrdtest_store::RunFilter { before, limit: 1000, ..Default::default() };
        let runs = store.runs(filter).await?;
        let Some(last) = runs.last() else { return Ok(()) };
        before = Some(last.queued);
        let skipped = usize::try_from(kept).unwrap_or(usize::MAX).min(runs.len());
        kept -= skipped as u64;
        let removals = runs[skipped..]
            .iter()
            .map(|run| store.evidence_removed(run.run.clone(), Timestamp::from_millis(end), None));
        futures::future::try_join_all(removals).await?;
    }
}
