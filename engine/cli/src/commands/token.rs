//! `xrdtest token`

use serde_json::Value;
use xrdtest_model::AgentName;
use xrdtest_model::api::{TokenCreated, TokenInfo, TokenRequest};

use super::ask::{Ask, block_on, or_none};
use crate::args::{AgentKind, RunFormat, TokenArgs, TokenCommand};
use crate::client::part;
use crate::exit::{Exit, say};
use crate::show;

pub(crate) fn token(args: &TokenArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.command {
            TokenCommand::New { agent, name, valid } => {
                let agent = match agent {
                    AgentKind::Hypervisor => AgentName::Hypervisor(name.as_str().into()),
                    AgentKind::Slave => AgentName::Slave(name.clone()),
                };
                let request = TokenRequest { agent, valid_s: Some(valid.as_secs()) };
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
