//! `/runs`: all runs, newest first.

use axum::extract::State;
use maud::{Markup, html};

use super::failure::PageAnswer;
use super::filter::History;
use super::parts;
use super::shell::Shell;
use crate::api::{Params, Shared};

pub(super) async fn list(
    State(engine): State<Shared>,
    Params(wanted): Params<History>,
) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let runs = engine.store().runs(wanted.wanted()).await?;
    let content = html! {
        h1 { "Runs" }
        (wanted.form(true))
        @if runs.is_empty() {
            (parts::empty("There are no such runs.", "Take fewer conditions, or start one: xrdtest run SUITE"))
        } @else {
            (parts::run_table(&runs, true))
        }
        (wanted.older("/runs", &runs))
    };
    Ok(Shell::new("Runs").area("/runs").live(last_event, None).render(&content))
}
