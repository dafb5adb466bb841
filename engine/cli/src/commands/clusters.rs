//! `xrdtest clusters`

use xrdtest_model::api::ClusterInfo;

use super::ask::{Ask, block_on, or_none};
use crate::args::NamedArgs;
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn clusters(args: &NamedArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.name {
            Some(name) => ask.show(&format!("/clusters/{}", part(name)), show::cluster).await,
            None => {
                ask.show("/clusters", |now, all: &Vec<ClusterInfo>| {
                    or_none(
                        show::clusters(now, all),
                        "there are no clusters; `xrdtest-engine reload` reads definitions again",
                    )
                })
                .await
            }
        }
    })
}
