//! `xrdtest token`

use anyhow::bail;
use serde_json::Value;
use xrdtest_model::AgentName;
use xrdtest_model::api::{ApiTokenCreated, ApiTokenRequest, Role, TokenCreated, TokenInfo, TokenRequest};

use super::ask::{Ask, block_on, or_none};
use crate::args::{AgentKind, RunFormat, TokenArgs, TokenCommand};
use crate::client::part;
use crate::exit::{Exit, say};
use crate::show;

pub(crate) fn token(args: &TokenArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.command {
            TokenCommand::New { agent, name, role, valid } => {
                let valid_s = valid.map(|valid| valid.as_secs());
                let agent = match (agent, role) {
                    (AgentKind::Api, Some(role)) => return new_of_api(&ask, name, *role, valid_s).await,
                    (AgentKind::Api, None) => {
                        bail!("say what may be done with it: --role viewer, operator or admin")
                    }
                    (_, Some(_)) => {
                        bail!("only tokens for the API have a role; an agent is what its name says")
                    }
                    (AgentKind::Hypervisor, None) => AgentName::Hypervisor(name.as_str().into()),
                    (AgentKind::Slave, None) => AgentName::Slave(name.clone()),
                };
                let request = TokenRequest { agent, valid_s };
                let answer: Value = ask.client.post("/tokens", &request).await?;
                if ask.format == RunFormat::Text {
                    say(&how_to_join(&serde_json::from_value(answer.clone())?));
                }
                ask.print(answer, |_, created: &TokenCreated| format!("{}\n", created.token))
            }
            TokenCommand::List => {
                let render =
                    |now, all: &Vec<TokenInfo>| or_none(show::tokens(now, all), "there are no tokens");
                ask.show("/tokens", render).await
            }
            TokenCommand::Revoke { id } => {
                let answer: Value = ask.client.delete(&format!("/tokens/{}", part(id))).await?;
                ask.print(answer, |_, token: &TokenInfo| {
                    format!("{} for {} is void\n", token.id, token.identity)
                })
            }
        }
    })
}

async fn new_of_api(ask: &Ask, name: &str, role: Role, valid_s: Option<u64>) -> anyhow::Result<Exit> {
    let request = ApiTokenRequest { name: name.to_owned(), role, valid_s };
    let answer: Value = ask.client.post("/tokens/api", &request).await?;
    if ask.format == RunFormat::Text {
        say(&format!(
            "{name} may use the API as {role}: with the header `Authorization: Bearer TOKEN` at the dashboard's address"
        ));
    }
    ask.print(answer, |_, created: &ApiTokenCreated| format!("{}\n", created.token))
}

/// The command to type on the agent's machine.
fn how_to_join(created: &TokenCreated) -> String {
    let (program, name) = match &created.agent {
        AgentName::Hypervisor(name) => ("xrdtest-hypervisor", name.as_str()),
        AgentName::Slave(name) => ("xrdtest-slave", name.as_str()),
    };
    let (host, port) = created.engine.rsplit_once(':').unwrap_or((&created.engine, ""));
    let everywhere = matches!(host, "0.0.0.0" | "[::]");
    let engine = if everywhere { format!("THIS_MACHINE:{port}") } else { created.engine.clone() };
    let replace =
        if everywhere { "\nTHIS_MACHINE is this machine's address as the agent sees it." } else { "" };
    format!(
        "{name} may join once with this token. On its machine, with the token in the file `token`:\n  \
         {program} --engine {engine} --join @token{replace}"
    )
}

#[cfg(test)]
mod tests {
    use xrdtest_model::Timestamp;

    use super::*;

    fn created(agent: &str, engine: &str) -> TokenCreated {
        TokenCreated {
            id: "3fa29c01".to_owned(),
            token: "secret".to_owned(),
            agent: agent.parse().unwrap(),
            engine: engine.to_owned(),
            expires: Timestamp::default(),
        }
    }

    #[test]
    fn the_command_names_what_the_user_has_to_fill_in() {
        let text = how_to_join(&created("slave/node7.example.org", "0.0.0.0:4444"));
        assert!(
            text.contains("xrdtest-slave --engine THIS_MACHINE:4444 --join @token\nTHIS_MACHINE is"),
            "{text}"
        );
        let text = how_to_join(&created("hypervisor/hv1", "192.0.2.1:4444"));
        assert!(text.ends_with("xrdtest-hypervisor --engine 192.0.2.1:4444 --join @token"), "{text}");
    }
}
