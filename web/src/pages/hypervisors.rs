//! `/hypervisors`, `/hypervisors/NAME`.

use axum::extract::{Path, State};
use maud::{Markup, html};
use xrdtest_model::HypervisorName;
use xrdtest_model::api::HypervisorInfo;
use xrdtest_model::size::human_bytes;

use super::failure::PageAnswer;
use super::forms;
use super::parts::{self, ago, cluster_link, hypervisor_link, run_link};
use super::shell::Shell;
use crate::api::{Shared, hypervisors};

pub(super) async fn list(State(engine): State<Shared>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let all = hypervisors::all(&engine).await?;
    let content = html! {
        h1 { "Hypervisors" }
        @if all.is_empty() {
            (parts::empty("No hypervisor agent has ever been in contact.",
                "Let one join: xrdtest token new hypervisor NAME, and its output on the other machine."))
        } @else {
            ul.cards.wide {
                @for hypervisor in &all {
                    li.card {
                        strong { (hypervisor_link(hypervisor.name.as_str())) } " " (parts::state(&hypervisor.state))
                        (parts::revoked(hypervisor.revoked.as_ref()))
                        (forms::held(hypervisor.held.as_ref()))
                        (room(hypervisor))
                    }
                }
            }
        }
    };
    Ok(Shell::new("Hypervisors").area("/hypervisors").live(last_event, None).render(&content))
}

/// What is taken of what it offers.
fn room(hypervisor: &HypervisorInfo) -> Markup {
    let (Some(room), Some(free)) = (&hypervisor.room, &hypervisor.free) else {
        return html! { p.quiet { "Not in contact since the engine was started." } };
    };
    let kib = |kib: u64| human_bytes(kib.saturating_mul(1024));
    let parts = [
        ("memory", free.memory_kib, room.memory_kib, kib(free.memory_kib), kib(room.memory_kib)),
        (
            "cores",
            u64::from(free.cores),
            u64::from(room.cores),
            free.cores.to_string(),
            room.cores.to_string(),
        ),
        (
            "disk",
            free.disk_bytes,
            room.disk_bytes,
            human_bytes(free.disk_bytes),
            human_bytes(room.disk_bytes),
        ),
    ];
    html! {
        p.quiet {
            (hypervisor.provider)
            @if !hypervisor.detail.is_empty() { ": " (hypervisor.detail) }
            @if !hypervisor.labels.is_empty() { " · " (hypervisor.labels.join(", ")) }
        }
        dl.room {
            @for (what, free, all, free_text, all_text) in parts {
                dt { (what) }
                dd {
                    meter min="0" max=(all) value=(all.saturating_sub(free)) title={ (free_text) " free" } {}
                    span.quiet { (free_text) " of " (all_text) " free" }
                }
            }
        }
    }
}

pub(super) async fn page(
    State(engine): State<Shared>,
    Path(name): Path<HypervisorName>,
) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let hypervisor = hypervisors::one(&engine, &name).await?;
    let content = html! {
        header.title { h1 { (name) } (parts::state(&hypervisor.state)) }
        (parts::revoked(hypervisor.revoked.as_ref()))
        (forms::of_hypervisor(name.as_str(), hypervisor.held.as_ref()))
        section.panel { h2 { "Room" } (room(&hypervisor)) }
        section.panel {
            h2 { "Instances" }
            @if hypervisor.instances.is_empty() {
                (parts::empty("It has none now.", "They are made for runs, and by xrdtest cluster start."))
            } @else {
                ul.cards {
                    @for instance in &hypervisor.instances {
                        li.card {
                            (cluster_link(&instance.cluster)) " " (parts::state(&instance.state))
                            p.quiet {
                                @match &instance.run { Some(run) => (run_link(run)), None => "by hand" }
                                ", since " (ago(instance.since))
                            }
                            p.words { (instance.hosts.join(", ")) }
                        }
                    }
                }
            }
        }
        section.panel { h2 { "Activity" } (parts::activity(&hypervisor.history)) }
    };
    Ok(Shell::new(name.as_str()).area("/hypervisors").live(last_event, None).render(&content))
}
