//! `xrdtest hypervisors`

use xrdtest_model::api::HypervisorInfo;

use super::ask::{Ask, block_on, or_none};
use crate::args::NamedArgs;
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn hypervisors(args: &NamedArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.name {
            Some(name) => ask.show(&format!("/hypervisors/{}", part(name)), show::hypervisor).await,
            None => ask.show("/hypervisors", |now, all: &Vec<HypervisorInfo>| or_none(show::hypervisors(now, all), "no hypervisor agent has ever joined; `xrdtest token new hypervisor NAME` lets one in")).await,
        }
    })
}
