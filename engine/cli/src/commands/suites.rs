//! `xrdtest suites`

use xrdtest_model::api::SuiteInfo;

use super::ask::{Ask, block_on, or_none};
use crate::args::NamedArgs;
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn suites(args: &NamedArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.name {
            Some(name) => ask.show(&format!("/suites/{}", part(name)), show::suite).await,
            None => {
                ask.show("/suites", |now, all: &Vec<SuiteInfo>| {
                    or_none(
                        show::suites(now, all),
                        "there are no suites; `xrdtest-engine reload` reads definitions again",
                    )
                })
                .await
            }
        }
    })
}
