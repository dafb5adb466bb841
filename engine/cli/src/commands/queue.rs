//! `xrdtest queue`

use serde_json::Value;
use xrdtest_model::api::{QueueEntry, RunSummary};

use super::ask::{Ask, block_on, or_none};
use crate::args::{QueueArgs, QueueCommand};
use crate::client::{part, resolve};
use crate::exit::Exit;
use crate::show;

pub(crate) fn queue(args: &QueueArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        let Some(QueueCommand::Remove { run, reason }) = &args.command else {
            let render = |now, queue: &Vec<QueueEntry>| or_none(show::queue(now, queue), "no run waits");
            return ask.show("/queue", render).await;
        };
        let run = resolve(&ask.client, run).await?;
        let path = format!("/queue/{}?reason={}", part(run.as_str()), part(reason));
        let answer: Value = ask.client.delete(&path).await?;
        ask.print(answer, |_, run: &RunSummary| show::run_line(run) + "\n")
    })
}
