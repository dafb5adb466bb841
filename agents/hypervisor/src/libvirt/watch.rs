//! Machines that end by themselves, also while libvirt itself is away.

use std::path::Path;
use std::sync::Weak;

use tokio::sync::mpsc;
use tokio::time::sleep;
use xrdtest_protocol::backoff::{BackOff, chance};

use super::connection::Told;
use super::error::{During, LibvirtError};
use super::instance::console;
use super::{Inner, blocking};
use crate::provider::MachineGone;

/// Lines of a console that are told of a machine that ended.
const LAST_LINES: usize = 30;
/// Bytes of a console's end that are looked at for them.
const LAST_BYTES: usize = 16 << 10;

/// Reports machines that end by themselves, as long as the provider is there.
pub(super) async fn watch(
    inner: Weak<Inner>,
    mut told: mpsc::UnboundedReceiver<Told>,
    gone: mpsc::UnboundedSender<MachineGone>,
) {
    for domain in missed(&inner).await {
        report(&inner, &gone, &domain, "it ended while the hypervisor agent was away").await;
    }
    while let Some(told) = told.recv().await {
        match told {
            Told::Ended { domain, how } => report(&inner, &gone, &domain, how).await,
            Told::Closed => {
                tracing::warn!("the connection to libvirt is lost; machines go on");
                let missed = missed(&inner).await;
                tracing::info!("connected to libvirt again");
                for domain in missed {
                    report(&inner, &gone, &domain, "it ended while libvirt could not be reached").await;
                }
            }
        }
    }
}

async fn report(inner: &Weak<Inner>, gone: &mpsc::UnboundedSender<MachineGone>, domain: &str, how: &str) {
    let Some(inner) = inner.upgrade() else { return };
    let Some((instance, host)) = inner.machine(domain) else { return };
    let path = console(&inner.settings, domain);
    let words = blocking(move || last_lines(&path)).await.unwrap_or_default();
    let detail = if words.is_empty() { how.to_owned() } else { format!("{how}; its console ends: {words}") };
    // Nobody listens any more only when the agent is going down.
    let _ = gone.send(MachineGone { instance, host, detail });
}

/// Connects again, however long that takes, and answers which machines have ended meanwhile.
async fn missed(inner: &Weak<Inner>) -> Vec<String> {
    let mut back_off = BackOff::new();
    loop {
        let Some(now) = inner.upgrade() else { return Vec::new() };
        let looked = blocking(move || ended(&now)).await;
        match looked.and_then(|looked| looked) {
            Ok(ended) => return ended,
            Err(error) => tracing::debug!(%error, "libvirt is still away"),
        }
        sleep(back_off.wait(chance())).await;
    }
}

/// The machines of instances that are made which do not run. Blocks.
pub(super) fn ended(inner: &Inner) -> Result<Vec<String>, LibvirtError> {
    let connect = inner.settings.connection.get()?;
    let running = connect.list_all_domains(virt::sys::VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    let running = running.during(|| "list machines".to_owned())?;
    let running: Vec<String> = running.iter().filter_map(|domain| domain.name().ok()).collect();
    let mut made = inner.instances.list();
    made.retain(|(_, made)| *made);
    let mut expected: Vec<String> = Vec::new();
    for (domain, (instance, _)) in inner.domains().iter() {
        if made.iter().any(|(id, _)| id == instance) {
            expected.push(domain.clone());
        }
    }
    expected.retain(|domain| !running.contains(domain));
    Ok(expected)
}

/// The end of a console, in one line.
fn last_lines(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_BYTES)..]).into_owned();
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        assert_eq!(last_lines(&path), "");
        let lines: Vec<String> = (0..50).map(|number| format!("line {number}\r\n\n")).collect();
        std::fs::write(&path, lines.concat()).unwrap();
        let words = last_lines(&path);
        assert!(words.starts_with("line 20 | line 21") && words.ends_with("| line 49"), "{words}");
    }
}
