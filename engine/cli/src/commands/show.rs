//! `xrdtest show`

use serde_json::Value;
use xrdtest_model::document::RunsDocument;
use xrdtest_report::summary;

use super::ask::{Ask, block_on};
use super::run::width;
use crate::args::ShowArgs;
use crate::client::{part, resolve};
use crate::exit::Exit;

pub(crate) fn show(args: &ShowArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        let run = resolve(&ask.client, &args.run).await?;
        let document: Value = ask.client.get(&format!("/runs/{}", part(run.as_str()))).await?;
        let runs: RunsDocument = serde_json::from_value(document.clone())?;
        ask.print(document, |_, document: &RunsDocument| {
            let told = |run| [summary::summary(run, width(), ""), summary::asked_for_by(run)].concat();
            document.runs.iter().map(told).collect()
        })?;
        // What is not over is no bad news.
        let exits = runs.runs.iter().filter_map(|run| run.verdict).map(Exit::from);
        Ok(exits.max().unwrap_or(Exit::Good))
    })
}
