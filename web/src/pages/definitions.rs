//! `/definitions`: the repositories, and all that was found wrong in them.

use axum::extract::State;
use maud::{Markup, html};
use xrdtest_model::Diagnostic;

use super::failure::PageAnswer;
use super::parts;
use super::shell::Shell;
use crate::api::Shared;

pub(super) async fn page(State(engine): State<Shared>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let info = engine.info().definitions;
    let content = html! {
        h1 { "Definitions" }
        section.panel {
            h2 { "Repositories" }
            @if info.repositories.is_empty() {
                (parts::empty("The engine has no repository.", "Name one under `definitions` in engine.toml."))
            } @else {
                ul.plain { @for repository in &info.repositories { li { code { (repository) } } } }
            }
            p.quiet {
                (info.suites) " suites and " (info.clusters) " clusters, loaded for the " (ordinal(info.generation)) " time."
            }
        }
        section.panel {
            h2 { "Findings" }
            @if info.diagnostics.is_empty() {
                (parts::empty("Nothing was found wrong.", "What xrdtest check finds stands here after each load."))
            } @else {
                ul.findings { @for found in &info.diagnostics { (finding(found)) } }
            }
        }
    };
    Ok(Shell::new("Definitions").area("/definitions").live(last_event, None).render(&content))
}

fn ordinal(number: u64) -> String {
    let end = match (number % 10, number % 100) {
        (1, rest) if rest != 11 => "st",
        (2, rest) if rest != 12 => "nd",
        (3, rest) if rest != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}

fn finding(found: &Diagnostic) -> Markup {
    let severity = found.severity.to_string();
    html! {
        li class={ "finding " (severity) } {
            p {
                span class={ "badge " (severity) } { (severity) } " "
                code { (found.code) } " " (found.message)
            }
            p.quiet { (found.file) ":" (found.span.line) ":" (found.span.column) }
            @if let Some(help) = &found.help { p.quiet { (help) } }
            @for other in &found.related {
                p.quiet { (other.file) ":" (other.span.line) ":" (other.span.column) ": " (other.message) }
            }
        }
    }
}
