//! `xrdtest repositories`

use serde_json::{Value, json};
use xrdtest_model::api::{RepositoryInfo, RepositoryState};

use super::ask::{Ask, block_on, or_none};
use crate::args::{RepositoriesArgs, RepositoriesCommand};
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn repositories(args: &RepositoriesArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match (&args.command, &args.name) {
            (Some(RepositoriesCommand::Fetch { name }), _) => {
                let path = format!("/repositories/{}/fetch", part(name));
                let answer: Value = ask.client.post(&path, &json!({})).await?;
                let info: RepositoryInfo = serde_json::from_value(answer.clone())?;
                ask.print(answer, show::repository)?;
                Ok(if info.state == RepositoryState::Good { Exit::Good } else { Exit::BadNews })
            }
            (None, Some(name)) => ask.show(&format!("/repositories/{}", part(name)), show::repository).await,
            (None, None) => {
                let render = |now, all: &Vec<RepositoryInfo>| {
                    let none = "there are no repositories; [[repository]] in engine.toml names them";
                    or_none(show::repositories(now, all), none)
                };
                ask.show("/repositories", render).await
            }
        }
    })
}
