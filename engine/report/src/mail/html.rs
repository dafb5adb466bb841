//! A mail as HTML. Nothing is loaded from anywhere; programs for mail know few styles.

use maud::{DOCTYPE, html};

use super::body::Body;

const PAGE: &str = "font-family: sans-serif; color: #1a1a1a; max-width: 60em";
const NAME: &str =
    "text-align: left; font-weight: normal; color: #595959; padding-right: 1em; vertical-align: top";
const OUTPUT: &str = "background: #f2f2f2; padding: 0.5em; overflow-x: auto; white-space: pre-wrap";

pub(super) fn html(body: &Body) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { (body.headline) } }
            body style=(PAGE) {
                h2 { (body.headline) }
                @if !body.why.is_empty() { p { (body.why) } }
                table {
                    @for fact in &body.facts {
                        tr {
                            th style=(NAME) { (fact.name) }
                            td {
                                @if fact.link.is_empty() { (fact.value) }
                                @else { a href=(fact.link) { (fact.value) } }
                            }
                        }
                    }
                }
                @if !body.cases.is_empty() {
                    ul { @for case in &body.cases { li { (case) } } }
                }
                @for piece in &body.pieces {
                    h3 {
                        @if piece.link.is_empty() { (piece.title) }
                        @else { a href=(piece.link) { (piece.title) } }
                        ": " (piece.ending)
                    }
                    @if !piece.lines.is_empty() { pre style=(OUTPUT) { (piece.lines.join("\n")) } }
                }
                @if !body.more.is_empty() { p { (body.more) } }
                p style="color: #595959" { small { (body.footer) } }
            }
        }
    };
    page.into_string()
}
