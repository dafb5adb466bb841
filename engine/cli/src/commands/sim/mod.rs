//! `xrdtest sim`

mod definitions;
mod words;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use xrdtest_model::AgentName;
use xrdtest_model::api::{HypervisorInfo, TokenCreated, TokenRequest};
use xrdtest_report::findings::plural;
use xrdtest_sim::{FakeHypervisor, Fleet, FleetConfig, Pass, Snapshot};

use super::ask::{Ask, pretty};
use crate::args::{RunFormat, SimArgs, SimCommand};
use crate::exit::{Exit, print, say};
use crate::local::signals::Signals;

/// How often it is said how the fleet is.
const TELL_EVERY: Duration = Duration::from_secs(5);

pub(crate) fn sim(args: &SimArgs) -> anyhow::Result<Exit> {
    match &args.command {
        Some(SimCommand::Definitions { folder, machines, cases }) => {
            definitions::write(folder, *machines, *cases)?;
            say(&format!(
                "a suite and a cluster, both called sim, are in {0}; name it in the engine's configuration:\n  \
                 [[repository]]\n  path = \"{0}\"",
                folder.display()
            ));
            Ok(Exit::Good)
        }
        // A fleet has work for more than one thread.
        None => tokio::runtime::Runtime::new().context("no threads for the fleet")?.block_on(play(args)),
    }
}

async fn play(args: &SimArgs) -> anyhow::Result<Exit> {
    let mut signals = Signals::new().context("signals can't be caught")?;
    let (engine, hypervisors) = invite(args).await?;
    let fleet = Fleet::start(FleetConfig {
        engine,
        hypervisors,
        behaviours: args.behaviours.clone(),
        seed: args.seed,
    });
    say(&format!("on the way to {engine}: {}", plural(args.hypervisors, "fake hypervisor agent")));
    let end = args.time.map(|time| Instant::now() + time);
    let mut tell = interval(TELL_EVERY);
    tell.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signals.next() => break,
            () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => break,
            _ = tell.tick() => say(&words::now(&fleet.stats())),
        }
    }
    let seen: Snapshot = fleet.stop().await;
    match args.remote.format {
        RunFormat::Json => print(&pretty(&seen)?)?,
        RunFormat::Text => print(&words::all(&seen))?,
    }
    Ok(Exit::Good)
}

/// Has the engine make a token for each fake hypervisor agent.
async fn invite(args: &SimArgs) -> anyhow::Result<(SocketAddr, Vec<FakeHypervisor>)> {
    let ask = Ask::new(&args.remote);
    warn_of_real(&ask.client.get::<Vec<HypervisorInfo>>("/hypervisors").await?);
    let (mut listens, mut hypervisors) = (String::new(), Vec::new());
    for number in 1..=args.hypervisors {
        let name = format!("{}{number}", args.prefix);
        let request =
            TokenRequest { agent: AgentName::Hypervisor(name.as_str().into()), valid_s: Some(3600) };
        let created: TokenCreated = ask.client.post("/tokens", &request).await?;
        let token = created.token.parse().context("the engine's token is not understood")?;
        listens = created.engine;
        hypervisors.push(FakeHypervisor { name, pass: Pass::Token(token), room: FakeHypervisor::ROOM });
    }
    let engine = match &args.engine {
        Some(engine) => engine.resolve().await?,
        None => from_here(listens.parse().context("the engine's address is not understood")?),
    };
    Ok((engine, hypervisors))
}

/// Fakes have room for everything, so they would take what real hypervisor agents are there for.
fn warn_of_real(hypervisors: &[HypervisorInfo]) {
    let is_real = |agent: &&HypervisorInfo| agent.connected && agent.provider != "sim";
    let real: Vec<&str> = hypervisors.iter().filter(is_real).map(|agent| agent.name.as_str()).collect();
    if !real.is_empty() {
        say(&format!(
            "warning: this engine has real hypervisors ({}): runs that fakes take pass without their scripts. Use an \
             engine of its own.",
            real.join(", ")
        ));
    }
}

/// The address of an engine on this machine that listens on `address`.
fn from_here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::from_here;

    #[test]
    fn an_engine_that_listens_everywhere_is_reached_over_loopback() {
        for (listens, reached) in
            [("0.0.0.0:20000", "127.0.0.1:20000"), ("[::]:7", "[::1]:7"), ("192.0.2.1:7", "192.0.2.1:7")]
        {
            assert_eq!(from_here(listens.parse().unwrap()), reached.parse().unwrap());
        }
    }
}
