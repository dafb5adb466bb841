//! `xrdtest cancel`

use serde_json::Value;
use xrdtest_model::RunId;
use xrdtest_model::api::{CancelRequest, RunSummary};

use super::ask::{Ask, block_on};
use crate::args::CancelArgs;
use crate::client::{Client, ClientError, part, resolve};
use crate::exit::Exit;

pub(crate) fn cancel(args: &CancelArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        let run = resolve(&ask.client, &args.run).await?;
        let answer = request(&ask.client, &run, &args.reason, args.force).await?;
        let how = if args.force { "at once" } else { "finalize stages still run" };
        ask.print(answer, |_, run: &RunSummary| match run.verdict {
            None => {
                format!("{} is being cancelled ({how}); `xrdtest show {0}` tells how it ended\n", run.run)
            }
            Some(verdict) => format!("{} {verdict}\n", run.run),
        })
    })
}

/// Asks the engine to give a run up.
pub(super) async fn request(
    client: &Client,
    run: &RunId,
    reason: &str,
    force: bool,
) -> Result<Value, ClientError> {
    let path = format!("/runs/{}/cancel", part(run.as_str()));
    client.post(&path, &CancelRequest { reason: reason.to_owned(), force }).await
}
