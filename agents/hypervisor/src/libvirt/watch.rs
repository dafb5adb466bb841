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

/// Bytes of a console's end that are looked at for its last words.
const LAST_BYTES: usize = 64 << 10;
/// What a Linux kernel says before it dumps what it knows.
const PANIC: &str = "Kernel panic - not syncing";

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
            Told::Rebooted { domain } => rebooted(&inner, &gone, &domain).await,
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

/// A kernel that panics before the driver of its panic device is there boots again, and panics again. It ends here. A
/// machine that boots for another reason goes on.
async fn rebooted(inner: &Weak<Inner>, gone: &mpsc::UnboundedSender<MachineGone>, domain: &str) {
    let Some(of) = inner.upgrade().filter(|inner| inner.machine(domain).is_some()) else { return };
    let (path, name) = (console(&of.settings, domain), domain.to_owned());
    let panicked = blocking(move || {
        last_words(&path).is_some_and(|words| words.contains(PANIC)).then(|| of.settings.connection.get())
    });
    let Ok(Some(connect)) = panicked.await else { return };
    report(inner, gone, domain, "its kernel panicked").await;
    let ended = blocking(move || {
        connect?
            .lookup_domain_by_name(&name)
            .and_then(|domain| domain.destroy())
            .during(|| format!("end machine {name}"))
    });
    if let Ok(Err(error)) = ended.await {
        tracing::warn!(domain, %error, "a machine whose kernel panicked goes on");
    }
}

async fn report(inner: &Weak<Inner>, gone: &mpsc::UnboundedSender<MachineGone>, domain: &str, how: &str) {
    let Some(inner) = inner.upgrade() else { return };
    let Some((instance, host)) = inner.machine(domain) else { return };
    let path = console(&inner.settings, domain);
    let words = blocking(move || last_words(&path)).await.ok().flatten();
    let detail = match words {
        Some(words) => format!("{how}; its console's last words: {words}"),
        None => how.to_owned(),
    };
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

/// The line of a console that tells most of why it ends: the panic, else the last one. The whole end of it is with the
/// run.
fn last_words(path: &Path) -> Option<String> {
    let text = std::fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(LAST_BYTES)..]);
    let mut said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let panic = said.clone().rfind(|line| line.contains(PANIC));
    panic.or(said.next_back()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_before_its_dump() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("console");
        assert_eq!(last_words(&path), None);
        let lines: Vec<String> = (0..50).map(|number| format!("line {number}\r\n\n")).collect();
        std::fs::write(&path, lines.concat()).unwrap();
        assert_eq!(last_words(&path).as_deref(), Some("line 49"));
        let panic = "[    3.2] Kernel panic - not syncing: sysrq triggered crash\n";
        std::fs::write(&path, [panic, &lines.concat()].concat()).unwrap();
        assert_eq!(last_words(&path).as_deref(), Some(panic.trim()));
    }
}
