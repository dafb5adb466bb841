//! Machines of a local run that did not pass, kept to be looked into.

use anyhow::{Context, anyhow};
use xrdtest_engine::{EngineHandle, EngineStatus};
use xrdtest_hypervisor::provider::Provider;
use xrdtest_model::event::InstanceOwner;
use xrdtest_orchestrator::InstanceStatus;

use super::Follow;
use crate::commands::quote;
use crate::exit::say;

/// Nothing goes on, and of no machine is anything left but of those that are kept.
pub(super) fn is_all_that_is_left(now: &EngineStatus) -> bool {
    now.runs.is_empty() && now.instances.iter().all(is_kept)
}

fn is_kept(instance: &InstanceStatus) -> bool {
    matches!(instance.owner, InstanceOwner::Kept { .. })
}

impl Follow {
    /// Whether there are such machines.
    pub(super) fn keeps(&self, engine: &EngineHandle) -> bool {
        engine.status().borrow().instances.iter().any(is_kept)
    }

    /// Says how to look into them, waits until the user wants to go, and removes them.
    pub(super) async fn stay(
        &mut self,
        engine: &EngineHandle,
        provider: &dyn Provider,
    ) -> anyhow::Result<()> {
        let mut status = engine.status();
        let kept: Vec<InstanceStatus> =
            status.borrow().instances.iter().filter(|known| is_kept(known)).cloned().collect();
        say("the machines are kept; a shell in each of them, from another terminal:");
        for instance in &kept {
            for host in &instance.hosts {
                match provider.shell(&instance.instance, host) {
                    Some(command) => say(&format!("  {host}: {}", words(&command))),
                    None => say(&format!("  {host}: it is gone")),
                }
            }
        }
        say("Ctrl-C removes them");
        loop {
            tokio::select! {
                biased;
                _ = self.signals.next() => break,
                Some(event) = self.events.recv() => self.live.event(&event),
                changed = status.changed() => {
                    changed.context("the engine stopped")?;
                    let now = status.borrow_and_update().clone();
                    if let Some(failed) = &now.failed {
                        return Err(anyhow!("the engine stopped: {failed}"));
                    }
                    if now.idle {
                        return Ok(());
                    }
                }
            }
        }
        for instance in kept {
            engine.stop_cluster(instance.instance, "the user").await;
        }
        let gone = status.wait_for(|now| now.idle || now.failed.is_some()).await;
        gone.context("the engine stopped")?;
        Ok(())
    }
}

/// As one types it.
fn words(command: &std::process::Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
