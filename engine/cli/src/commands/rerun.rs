//! `xrdtest rerun`

use serde_json::Value;
use xrdtest_model::api::{RerunRequest, RunCreated};

use super::ask::{Ask, block_on};
use super::remote_run::{Following, follow};
use crate::args::{RerunArgs, RunFormat};
use crate::client::{part, resolve};
use crate::exit::Exit;

pub(crate) fn rerun(args: &RerunArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        let run = resolve(&ask.client, &args.run).await?;
        let request = RerunRequest { failed: args.failed, reason: args.reason.clone() };
        let answer: Value = ask.client.post(&format!("/runs/{}/rerun", part(run.as_str())), &request).await?;
        if args.no_wait {
            return ask.print(answer, |_, created: &RunCreated| format!("{}\n", created.run));
        }
        let created: RunCreated = serde_json::from_value(answer)?;
        let following =
            Following { client: &ask.client, cancels: false, text: ask.format == RunFormat::Text };
        let again = |_: usize, _: &_| format!("xrdtest rerun --failed {}", created.run);
        let followed = follow(following, std::slice::from_ref(&created.run), again).await?;
        let exit = followed.exit;
        if ask.format == RunFormat::Json {
            followed.print()?;
        }
        Ok(exit)
    })
}
