//! `xrdtest slaves`

use xrdtest_model::AgentName;
use xrdtest_model::api::SlaveInfo;

use super::ask::{Ask, block_on, or_none};
use super::hypervisors::revoke;
use crate::args::{SlavesArgs, SlavesCommand};
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn slaves(args: &SlavesArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        if let Some(SlavesCommand::Revoke(args)) = &args.command {
            return revoke(&ask, AgentName::Slave(args.name.clone()), &args.reason).await;
        }
        if let Some(name) = &args.name {
            let name: Vec<_> = name.split('/').map(part).collect();
            return ask.show(&format!("/slaves/{}", name.join("/")), show::slave).await;
        }
        let render =
            |now, all: &Vec<SlaveInfo>| or_none(show::slaves(now, all), "no slave agent is in contact");
        ask.show(&format!("/slaves?all={}", args.all), render).await
    })
}
