//! `xrdtest runs`

use serde_json::Value;
use xrdtest_model::api::{ArchiveRequest, Archived, PinRequest, RunSummary};

use super::ask::{Ask, block_on, or_none, pretty};
use crate::args::{RunFormat, RunsArgs, RunsCommand};
use crate::client::{ClientError, part, resolve};
use crate::exit::{Exit, print, say};
use crate::show;

pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.command {
            None => {
                let render =
                    |now, runs: &Vec<RunSummary>| or_none(show::runs(now, runs), "there are no such runs");
                ask.show(&query(args), render).await
            }
            Some(RunsCommand::Archive { runs, older_than }) => {
                let mut request =
                    ArchiveRequest { runs: Vec::new(), older_than_s: older_than.map(|age| age.as_secs()) };
                for run in runs {
                    request.runs.push(resolve(&ask.client, run).await?);
                }
                archive(&ask, &request).await
            }
            Some(RunsCommand::Pin { run }) => pin(&ask, run, true).await,
            Some(RunsCommand::Delete { runs }) => delete(&ask, runs).await,
            Some(RunsCommand::Unpin { run }) => pin(&ask, run, false).await,
        }
    })
}

fn query(args: &RunsArgs) -> String {
    let suite = args.suite.as_deref().map(|suite| format!("&suite={}", part(suite))).unwrap_or_default();
    let verdict = args.verdict.map(|verdict| format!("&verdict={}", verdict.as_str())).unwrap_or_default();
    format!("/runs?limit={}{suite}{verdict}", args.limit)
}

/// Files on standard output, what could not be archived on standard error.
async fn archive(ask: &Ask, request: &ArchiveRequest) -> anyhow::Result<Exit> {
    let answer: Archived = ask.client.post("/runs/archive", request).await?;
    match ask.format {
        RunFormat::Json => print(&pretty(&answer)?)?,
        RunFormat::Text => {
            let lines = answer.archived.iter().map(|(run, file)| format!("{run}  {file}\n"));
            print(&lines.collect::<String>())?;
            answer.refused.iter().for_each(|(run, why)| say(&format!("{run}: not archived: {why}")));
            if answer.archived.is_empty() && answer.refused.is_empty() {
                say("there was nothing to archive");
            }
        }
    }
    Ok(if answer.refused.is_empty() { Exit::Good } else { Exit::CouldNot })
}

async fn pin(ask: &Ask, run: &str, pinned: bool) -> anyhow::Result<Exit> {
    let run = resolve(&ask.client, run).await?;
    let answer: Value =
        ask.client.put(&format!("/runs/{}/pin", part(run.as_str())), &PinRequest { pinned }).await?;
    ask.print(answer, |_, run: &RunSummary| {
        let word = if run.pinned { "is kept for ever" } else { "may be removed when it is old" };
        format!("{} {word}\n", run.run)
    })
}

/// All of them are resolved before the first is gone: `latest` means the same for all.
async fn delete(ask: &Ask, runs: &[String]) -> anyhow::Result<Exit> {
    let mut found = Vec::new();
    for run in runs {
        found.push(resolve(&ask.client, run).await?);
    }
    let (mut gone, mut exit) = (Vec::new(), Exit::Good);
    for run in &found {
        match ask.client.delete::<RunSummary>(&format!("/runs/{}", part(run.as_str()))).await {
            Ok(known) => gone.push(known),
            Err(refused @ ClientError::Refused { .. }) => {
                say(&format!("{run}: not removed: {refused}"));
                exit = Exit::CouldNot;
            }
            Err(error) => return Err(error.into()),
        }
    }
    match ask.format {
        RunFormat::Json => print(&pretty(&gone)?)?,
        RunFormat::Text => {
            let line = |run: &RunSummary| match &run.archive {
                Some(archive) => format!("{} is removed; {archive} stays\n", run.run),
                None => format!("{} is removed\n", run.run),
            };
            print(&gone.iter().map(line).collect::<String>())?;
        }
    }
    Ok(exit)
}
