//! `xrdtest cluster`

use anyhow::{Context, bail};
use serde_json::Value;
use tokio::sync::mpsc;
use xrdtest_model::api::{ClusterRequest, EngineInfo, InstanceDetails, InstanceInfo};
use xrdtest_model::chronicle::{Chronicle, SubjectKind, Transition};
use xrdtest_model::event::InstanceState;
use xrdtest_model::time::millis;
use xrdtest_model::{EventBody, InstanceId};

use super::ask::{Ask, block_on, or_none};
use crate::args::{ClusterArgs, ClusterCommand, RunFormat};
use crate::client::{Client, Told, Wanted, follow_instance, part, resolve_instance};
use crate::exit::{Exit, print, say};
use crate::local::signals::Signals;
use crate::show;

pub(crate) fn cluster(args: &ClusterArgs) -> anyhow::Result<Exit> {
    let ask = Ask::new(&args.remote);
    block_on(async {
        match &args.command {
            ClusterCommand::Start { name, keep, hypervisor, no_wait } => {
                let (cluster, hypervisor) = (name.clone(), hypervisor.clone());
                let request = ClusterRequest { cluster, keep_ms: keep.map(millis), hypervisor };
                start(&ask, &request, *no_wait).await
            }
            ClusterCommand::Stop { name, no_wait } => stop(&ask, name, *no_wait).await,
            ClusterCommand::List => {
                let render =
                    |now, all: &Vec<InstanceInfo>| or_none(show::instances(now, all), "no instance exists");
                ask.show("/instances", render).await
            }
            ClusterCommand::Show { name } => {
                let found = resolve_instance(&ask.client, name, Wanted::Any).await?;
                ask.show(&path(&found.instance), |now, it: &InstanceDetails| show::instance(now, it)).await
            }
        }
    })
}

fn path(instance: &InstanceId) -> String {
    format!("/instances/{}", part(instance.as_str()))
}

async fn start(ask: &Ask, request: &ClusterRequest, no_wait: bool) -> anyhow::Result<Exit> {
    let ordered: Value = ask.client.post("/instances", request).await?;
    let instance: InstanceInfo = serde_json::from_value(ordered.clone())
        .context("the engine's answer is not understood; are both of the same version?")?;
    let id = &instance.instance;
    if no_wait {
        return ask.print(ordered, |_, it: &InstanceInfo| format!("{}\n", it.instance));
    }
    let mut watch = Watch::new(&ask.client, id, 0)?;
    let exit = loop {
        match watch.next().await? {
            Seen::State(InstanceState::Active) => break Exit::Good,
            Seen::State(InstanceState::Stopped) | Seen::Over => break Exit::CouldNot,
            Seen::State(_) => {}
            Seen::Signal => {
                say(&format!(
                    "{id} goes on; `xrdtest cluster show {id}` tells of it, `xrdtest cluster stop {id}` ends it"
                ));
                return Ok(Exit::Cancelled);
            }
        }
    };
    if exit != Exit::Good {
        say(&format!("cluster {} could not be started; nothing is left of {id}", request.cluster));
        return Ok(exit);
    }
    say(&show::kept_line(&instance));
    match ask.format {
        RunFormat::Text => print(&format!("{id}\n"))?,
        RunFormat::Json => drop(ask.show(&path(id), |_, _: &Value| String::new()).await?),
    }
    Ok(exit)
}

async fn stop(ask: &Ask, name: &str, no_wait: bool) -> anyhow::Result<Exit> {
    let found = resolve_instance(&ask.client, name, Wanted::WithoutRun).await?;
    let id = &found.instance;
    let status: EngineInfo = ask.client.get("/status").await?;
    let answer: Value = ask.client.delete(&path(id)).await?;
    if !no_wait {
        let mut watch = Watch::new(&ask.client, id, status.last_event)?;
        let seen = loop {
            match watch.next().await? {
                Seen::State(InstanceState::Stopped) => break true,
                Seen::Over => break false,
                Seen::State(_) => {}
                Seen::Signal => {
                    say(&format!("{id} goes on being stopped"));
                    return Ok(Exit::Cancelled);
                }
            }
        };
        // The event is durable before lists know of it.
        if !seen
            && ask
                .client
                .get::<Vec<InstanceInfo>>("/instances")
                .await?
                .iter()
                .any(|left| left.instance == *id)
        {
            bail!("something is left of {id}; `xrdtest cluster show {id}` tells what is known");
        }
    }
    let what = if no_wait { "is being stopped" } else { "is stopped, nothing is left of it" };
    ask.print(answer, |_, it: &InstanceInfo| format!("{} {what}\n", it.instance))
}

/// What is seen of an instance.
enum Seen {
    /// It has entered a state.
    State(InstanceState),
    /// There is nothing more to see.
    Over,
    /// The user wants to go.
    Signal,
}

/// Watches an instance, and says what happens to it in the manual's words.
struct Watch {
    instance: InstanceId,
    events: mpsc::Receiver<Told>,
    signals: Signals,
    chronicle: Chronicle,
    /// What happened up to this event is known to the user.
    known: u64,
}

impl Watch {
    /// `known`: the number of the last event that is not worth a word.
    fn new(client: &Client, instance: &InstanceId, known: u64) -> anyhow::Result<Self> {
        let signals = Signals::new().context("signals can't be caught")?;
        let events = follow_instance(client, instance);
        Ok(Self { instance: instance.clone(), events, signals, chronicle: Chronicle::default(), known })
    }

    async fn next(&mut self) -> anyhow::Result<Seen> {
        loop {
            let told = tokio::select! {
                biased;
                _ = self.signals.next() => return Ok(Seen::Signal),
                told = self.events.recv() => told,
            };
            match told {
                Some(Told::Event(event)) => {
                    let told = self.chronicle.apply(&event);
                    if event.number <= self.known {
                        continue;
                    }
                    told.iter().filter_map(line).for_each(|line| say(&line));
                    if let EventBody::InstanceChanged { instance, state, .. } = &event.body
                        && *instance == self.instance
                    {
                        return Ok(Seen::State(*state));
                    }
                }
                Some(Told::Away(why)) => {
                    say(&format!("no contact to the engine ({why}); asking again until it answers"));
                }
                Some(Told::Back) => say("the engine answers again"),
                // Of what is gone there may be no events any more; whoever watches looks whether it is.
                Some(Told::Failed(_) | Told::End) | None => return Ok(Seen::Over),
            }
        }
    }
}

/// `Creating network: virbr_x`, `ds1.xrd.test: Connected`.
fn line(entered: &Transition) -> Option<String> {
    let text = entered.state.text.trim_end_matches(['.', ':']);
    let detail = if entered.detail.is_empty() { String::new() } else { format!(": {}", entered.detail) };
    match entered.subject.kind {
        SubjectKind::Cluster => Some(format!("{text}{detail}")),
        SubjectKind::Slave => {
            let name = &entered.subject.name;
            let host = name.rsplit_once('/').map_or(name.as_str(), |(_, host)| host);
            Some(format!("{host}: {text}{detail}"))
        }
        SubjectKind::Suite | SubjectKind::Hypervisor | SubjectKind::Job => None,
    }
}
