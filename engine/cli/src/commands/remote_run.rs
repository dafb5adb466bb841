//! `xrdtest run` without `--local`: the engine runs the suites.

use std::path::Path;

use anyhow::Context;
use xrdtest_model::RunId;
use xrdtest_model::api::{DefinitionsInfo, Problem, RunCreated, RunRequest};
use xrdtest_model::document::{RunRecord, RunsDocument};
use xrdtest_report::{findings, summary};

use super::ask::{block_on, pretty};
use super::follow::{Followed, Follower};
use super::run::{open_reports, quote, suite_name, width, write_reports};
use crate::args::{RunArgs, RunFormat};
use crate::client::{Client, ClientError, part};
use crate::exit::{Exit, print, say};
use crate::local::signals::Signals;
use crate::repository::{name_files, source};
use crate::show;

pub(super) fn run(args: &RunArgs) -> anyhow::Result<Exit> {
    open_reports(args)?;
    block_on(async {
        let client = Client::new(&args.socket);
        let (queued, exit) = queue(args, &client).await?;
        if args.no_wait {
            print_queued(args, &queued)?;
            return Ok(exit);
        }
        let runs: Vec<RunId> = queued.iter().map(|(_, run)| run.clone()).collect();
        let again = |index: usize, record: &RunRecord| repeat(args, &queued[index].0, record);
        let text = args.format == RunFormat::Text;
        let following = Following { client: &client, cancels: args.cancel_on_interrupt, text };
        let followed = follow(following, &runs, again).await?;
        if !followed.left {
            write_reports(args, followed.records)?;
        }
        Ok(exit.max(followed.exit))
    })
}

/// How runs are followed.
#[derive(Clone, Copy)]
pub(super) struct Following<'a> {
    pub(super) client: &'a Client,
    /// A signal cancels the runs instead of leaving them to the engine.
    pub(super) cancels: bool,
    /// Each run's summary is printed when it is over.
    pub(super) text: bool,
}

/// What became of runs.
pub(super) struct Ended {
    pub(super) exit: Exit,
    /// Of those that are over.
    pub(super) records: Vec<RunRecord>,
    /// The user has gone before all were over.
    pub(super) left: bool,
}

impl Ended {
    /// Prints the run document.
    pub(super) fn print(self) -> anyhow::Result<()> {
        if self.left { Ok(()) } else { print(&pretty(&RunsDocument::new(self.records))?) }
    }
}

/// Follows runs one after the other. `again`: the command that runs what failed again.
pub(super) async fn follow(
    how: Following<'_>,
    runs: &[RunId],
    again: impl Fn(usize, &RunRecord) -> String,
) -> anyhow::Result<Ended> {
    let signals = Signals::new().context("signals can't be caught")?;
    let (client, cancels) = (how.client.clone(), how.cancels);
    let mut follower = Follower { client, signals, cancels, cancelled: false, kept: Vec::new() };
    let mut ended = Ended { exit: Exit::Good, records: Vec::new(), left: false };
    for (index, run) in runs.iter().enumerate() {
        let others = &runs[index + 1..];
        if follower.follow(run, others).await? == Followed::Left {
            left(run, others);
            return Ok(Ended { exit: Exit::Cancelled, left: true, ..ended });
        }
        let record = record(how.client, run).await?;
        ended.exit = ended.exit.max(record.verdict.map_or(Exit::CouldNot, Exit::from));
        if how.text {
            print(&(summary::summary(&record, width(), &again(index, &record)) + "\n"))?;
        }
        ended.records.push(record);
    }
    follower.kept.iter().for_each(|(instance, until)| say(&show::kept_until(instance, *until)));
    if follower.cancelled {
        ended.exit = Exit::Cancelled;
    }
    Ok(ended)
}

/// Asks for all runs. What the engine refuses is said, and does not keep it from the others.
async fn queue(args: &RunArgs, client: &Client) -> anyhow::Result<(Vec<(String, RunId)>, Exit)> {
    let mut runs = Vec::new();
    let mut exit = Exit::Good;
    for suite in &args.suites {
        let suite = suite_name(suite);
        let request = RunRequest {
            suite: suite.clone(),
            cases: args.cases.clone(),
            reason: args.reason.clone(),
            keep_on_failure: args.keep_on_failure,
            tags: args.tags.iter().cloned().collect(),
            repeat: (args.repeat > 1).then_some(args.repeat),
        };
        match client.post("/runs", &request).await {
            Ok(RunCreated { run, runs: all }) if all.is_empty() => runs.push((suite, run)),
            Ok(RunCreated { runs: all, .. }) => runs.extend(all.into_iter().map(|run| (suite.clone(), run))),
            Err(ClientError::Refused { problem, .. }) => {
                refuse(client, &problem).await?;
                exit = Exit::CouldNot;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok((runs, exit))
}

/// Says why a suite can't be run, as `check` does.
async fn refuse(client: &Client, problem: &Problem) -> anyhow::Result<()> {
    let mut diagnostics = problem.diagnostics.clone();
    if !diagnostics.is_empty() {
        // Files are named from the root of their repository; where that is here, their text can be shown.
        let definitions: DefinitionsInfo = client.get("/definitions").await?;
        for diagnostic in &mut diagnostics {
            let has = |root: &&String| Path::new(root.as_str()).join(&*diagnostic.file).is_file();
            if let Some(root) = definitions.repositories.iter().find(has) {
                name_files(Path::new(root), std::slice::from_mut(diagnostic))?;
            }
        }
    }
    let color = anstream::stderr().current_choice() != anstream::ColorChoice::Never;
    let style = anstyle::AnsiColor::Red.on_default().bold();
    say(&format!("{}{style}error{style:#}: {}", findings::full(&diagnostics, source, color), problem.error));
    if !problem.help.is_empty() {
        say(&format!("  help: {}", problem.help));
    }
    Ok(())
}

fn print_queued(args: &RunArgs, runs: &[(String, RunId)]) -> anyhow::Result<()> {
    let created: Vec<_> =
        runs.iter().map(|(_, run)| RunCreated { run: run.clone(), runs: Vec::new() }).collect();
    match args.format {
        RunFormat::Json => print(&pretty(&created)?),
        RunFormat::Text => {
            print(&created.iter().map(|created| format!("{}\n", created.run)).collect::<String>())
        }
    }
}

/// Says how to come back to runs that are left to the engine.
fn left(run: &RunId, others: &[RunId]) {
    let go_on = if others.is_empty() { "the run goes on" } else { "the runs go on" };
    say(&format!("{go_on}; `xrdtest cancel RUN` ends one, `xrdtest logs -f RUN` follows it:"));
    std::iter::once(run).chain(others).for_each(|run| say(&format!("  {run}")));
}

async fn record(client: &Client, run: &RunId) -> anyhow::Result<RunRecord> {
    let document: RunsDocument = client.get(&format!("/runs/{}", part(run.as_str()))).await?;
    document.runs.into_iter().next().with_context(|| format!("the engine has no record of run {run}"))
}

/// The command that runs what failed again.
fn repeat(args: &RunArgs, suite: &str, record: &RunRecord) -> String {
    let mut words = vec!["xrdtest run".to_owned(), quote(suite)];
    words.extend(super::run::cases_again(args, record));
    words.extend(super::run::tags_again(args));
    words.join(" ")
}
