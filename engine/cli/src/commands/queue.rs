//! `xrdtest queue`

use serde_json::Value;
use xrdtest_model::Timestamp;
use xrdtest_model::api::{QueueEntry, QueuePause, QueuePauseRequest, RunSummary};

use super::ask::{Ask, block_on, or_none};
use crate::args::{QueueArgs, QueueCommand, RunFormat};
use crate::client::{part, resolve};
use crate::exit::{Exit, say};
use crate::show;

pub(crate) fn queue(args: &QueueArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.command {
            None => list(&ask).await,
            Some(QueueCommand::Pause { reason }) => pause(&ask, true, reason).await,
            Some(QueueCommand::Resume) => pause(&ask, false, "").await,
            Some(QueueCommand::Remove { run, reason }) => {
                let run = resolve(&ask.client, run).await?;
                let path = format!("/queue/{}?reason={}", part(run.as_str()), part(reason));
                let answer: Value = ask.client.delete(&path).await?;
                ask.print(answer, |_, run: &RunSummary| show::run_line(run) + "\n")
            }
        }
    })
}

async fn list(ask: &Ask) -> anyhow::Result<Exit> {
    if ask.format == RunFormat::Text {
        let QueuePause { paused } = ask.client.get("/queue/pause").await?;
        paused.iter().for_each(|hold| say(&format!("the queue is paused by {hold}")));
    }
    ask.show("/queue", |now, queue: &Vec<QueueEntry>| or_none(show::queue(now, queue), "no run waits")).await
}

async fn pause(ask: &Ask, paused: bool, reason: &str) -> anyhow::Result<Exit> {
    let request = QueuePauseRequest { paused, reason: reason.to_owned() };
    let answer: Value = ask.client.put("/queue/pause", &request).await?;
    ask.print(answer, |_: Timestamp, pause: &QueuePause| match &pause.paused {
        Some(hold) => format!("the queue is paused by {hold}\n"),
        None => "the queue is not paused any more\n".to_owned(),
    })
}
