//! `/slaves`, `/slaves/NAME`.

use axum::extract::{Path, State};
use maud::{Markup, html};
use xrdtest_model::api::SlaveInfo;

use super::failure::PageAnswer;
use super::parts::{self, ago, run_link};
use super::shell::Shell;
use crate::api::{Shared, slaves};

pub(super) async fn list(State(engine): State<Shared>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let all = slaves::all(&engine, false).await?;
    let content = html! {
        h1 { "Slaves" }
        @if all.is_empty() {
            (parts::empty("There are no machines now.",
                "They come with the clusters of runs; a physical one joins with xrdtest token new slave NAME."))
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "Machine" } th { "State" } th { "Since" } th { "Run" } th { "" } } }
                    tbody { @for slave in &all { (row(slave)) } }
                }
            }
        }
    };
    Ok(Shell::new("Slaves").area("/slaves").live(last_event, None).render(&content))
}

fn row(slave: &SlaveInfo) -> Markup {
    html! {
        tr {
            td {
                a href={ "/slaves/" (slave.name) } { (slave.host) }
                @if slave.physical { " " span.badge { "physical" } }
            }
            td { (parts::state(&slave.state)) }
            td { @if let Some(since) = slave.since { (ago(since)) } }
            td { @if let Some(run) = &slave.run { (run_link(run)) } }
            td.words {
                @match &slave.revoked { Some(revoked) => (revoked.words()), None => (slave.detail) }
            }
        }
    }
}

pub(super) async fn page(State(engine): State<Shared>, Path(name): Path<String>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let slave = slaves::one(&engine, &name).await?;
    let content = html! {
        header.title {
            h1 { (slave.host) }
            (parts::state(&slave.state))
            @if slave.physical { " " span.badge { "physical" } }
            p.quiet { (slave.name) @if let Some(run) = &slave.run { " · " (run_link(run)) } }
        }
        (parts::revoked(slave.revoked.as_ref()))
        section.panel { h2 { "Activity" } (parts::activity(&slave.history)) }
    };
    Ok(Shell::new(&slave.host).area("/slaves").live(last_event, None).render(&content))
}
