//! `xrdtest hypervisors`

use serde_json::Value;
use xrdtest_model::AgentName;
use xrdtest_model::api::{HoldRequest, HypervisorInfo, RevocationInfo, RevocationRequest};

use super::ask::{Ask, block_on, or_none};
use crate::args::{HypervisorsArgs, HypervisorsCommand};
use crate::client::part;
use crate::exit::Exit;
use crate::show;

pub(crate) fn hypervisors(args: &HypervisorsArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.which.remote);
    block_on(async {
        match (&args.command, &args.which.name) {
            (Some(HypervisorsCommand::Hold { name, reason }), _) => hold(&ask, name, true, reason).await,
            (Some(HypervisorsCommand::Release { name }), _) => hold(&ask, name, false, "").await,
            (Some(HypervisorsCommand::Revoke(args)), _) => {
                revoke(&ask, AgentName::Hypervisor(args.name.as_str().into()), &args.reason).await
            }
            (None, Some(name)) => ask.show(&format!("/hypervisors/{}", part(name)), show::hypervisor).await,
            (None, None) => ask.show("/hypervisors", |now, all: &Vec<HypervisorInfo>| or_none(show::hypervisors(now, all), "no hypervisor agent has ever joined; `xrdtest token new hypervisor NAME` lets one in")).await,
        }
    })
}

async fn hold(ask: &Ask, name: &str, held: bool, reason: &str) -> anyhow::Result<Exit> {
    let request = HoldRequest { held, reason: reason.to_owned() };
    let answer: Value = ask.client.put(&format!("/hypervisors/{}/hold", part(name)), &request).await?;
    ask.print(answer, |_, agent: &HypervisorInfo| match &agent.held {
        Some(hold) => format!("{} is held by {hold}\n", agent.name),
        None => format!("{} is not held any more\n", agent.name),
    })
}

/// Makes the certificates of an agent void, of either kind.
pub(super) async fn revoke(ask: &Ask, agent: AgentName, reason: &str) -> anyhow::Result<Exit> {
    let request = RevocationRequest { agent, reason: reason.to_owned() };
    let answer: Value = ask.client.post("/revocations", &request).await?;
    ask.print(answer, |_, made: &RevocationInfo| show::revocation(made))
}
