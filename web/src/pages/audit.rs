//! `/audit`: who has done what, newest first.

use axum::extract::State;
use maud::{Markup, html};
use serde::Deserialize;
use xrdtest_model::api::{AuditEntry, AuditFilter};

use super::failure::PageAnswer;
use super::parts;
use super::shell::Shell;
use crate::api::{Params, Shared};

/// Entries on one page.
const LISTED: u32 = 100;

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    who: String,
    before: Option<u64>,
}

pub(super) async fn page(State(engine): State<Shared>, Params(filter): Params<Filter>) -> PageAnswer<Markup> {
    let who = Some(filter.who.clone()).filter(|who| !who.is_empty());
    let wanted = AuditFilter { who, before: filter.before, limit: Some(LISTED) };
    let entries = engine.store().audit(wanted).await?;
    let content = html! {
        h1 { "Audit log" }
        form.choice method="get" {
            label { "Who " input name="who" value=(filter.who); }
            button { "Show" }
        }
        @if entries.is_empty() {
            (parts::empty("Nothing of that has been changed yet.", "Every request to change something is noted here."))
        } @else {
            (table(&entries))
        }
        @if let Some(last) = entries.last().filter(|_| entries.len() == LISTED as usize) {
            @let who: String = form_urlencoded::byte_serialize(filter.who.as_bytes()).collect();
            p { a.button href={ "/audit?before=" (last.id) "&who=" (who) } { "Older" } }
        }
    };
    Ok(Shell::new("Audit log").area("/audit").render(&content))
}

fn table(entries: &[AuditEntry]) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table.audit {
                thead {
                    tr {
                        th { "When" } th { "Who" } th { "Role" } th { "From" } th { "Asked for" } th { "About" }
                        th { "Why" } th { "Answer" }
                    }
                }
                tbody {
                    @for entry in entries {
                        @let tone = if entry.status < 400 { "passed" } else { "failed" };
                        tr {
                            td { (parts::ago(entry.at)) }
                            td { @if entry.who.is_empty() { span.quiet { "nobody known" } } @else { (entry.who) } }
                            td { @if let Some(role) = entry.role { (role) } }
                            td { @if entry.address.is_empty() { "this machine" } @else { (entry.address) } }
                            td.words { code { (entry.action) } }
                            td.words { (entry.target) }
                            td.words { (entry.reason) }
                            td { span class={ "badge " (tone) } { (entry.status) } }
                        }
                    }
                }
            }
        }
    }
}
