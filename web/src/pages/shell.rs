//! What all pages have: head, navigation, place for the content.

use maud::{DOCTYPE, Markup, html};
use xrdtest_model::api::Role;

use super::assets::address;
use crate::access::{self, Visitor};

/// The areas in the navigation, with their addresses.
const AREAS: [(&str, &str); 7] = [
    ("Overview", "/"),
    ("Suites", "/testsuites"),
    ("Runs", "/runs"),
    ("Clusters", "/clusters"),
    ("Hypervisors", "/hypervisors"),
    ("Slaves", "/slaves"),
    ("Definitions", "/definitions"),
];

/// What the scripts of others may do: nothing that a strict content security policy forbids.
const HTMX: &str =
    r#"{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false,"historyCacheSize":0}"#;

/// A page without its content.
#[derive(Debug)]
pub(super) struct Shell<'a> {
    title: &'a str,
    /// The address of the area that it belongs to.
    area: &'a str,
    /// The address that says when it has changed.
    live: Option<String>,
}

impl<'a> Shell<'a> {
    pub(super) fn new(title: &'a str) -> Self {
        Self { title, area: "", live: None }
    }

    /// It belongs to the area with this address.
    pub(super) fn area(mut self, address: &'a str) -> Self {
        self.area = address;
        self
    }

    /// It shows everything up to this event, and is brought up to date when there are others; `run`: those of this run
    /// only.
    pub(super) fn live(mut self, last_event: u64, run: Option<&xrdtest_model::RunId>) -> Self {
        let of_run = run.map(|run| format!("&run={run}")).unwrap_or_default();
        self.live = Some(format!("/live?after={last_event}{of_run}"));
        self
    }

    /// The whole page.
    pub(super) fn render(&self, content: &Markup) -> Markup {
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { (self.title) " · xrdtest" }
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="htmx-config" content=(HTMX);
                    link rel="icon" href=(address("icon.svg")) type="image/svg+xml";
                    link rel="stylesheet" href=(address("style.css"));
                    script src=(address("vendor/htmx-2.0.11.min.js")) defer {}
                    script src=(address("vendor/htmx-ext-sse-2.2.4.min.js")) defer {}
                    script src=(address("vendor/idiomorph-ext-0.8.0.min.js")) defer {}
                    script src=(address("page.js")) defer {}
                }
                body {
                    a.skip href="#content" { "To the content" }
                    (self.head())
                    (self.content(content))
                    footer {
                        span { "xrdtest " (env!("CARGO_PKG_VERSION")) }
                        a href="/documentation" { "Documentation" }
                        a href="/api/v1/status" { "API" }
                        @if Visitor::current().may(Role::Admin) { a href="/audit" { "Audit log" } }
                    }
                }
            }
        }
    }

    fn head(&self) -> Markup {
        html! {
            header.top {
                a.brand href="/" { (mark()) span { "xrdtest" } }
                nav aria-label="Areas" {
                    @for (name, address) in AREAS {
                        a href=(address) aria-current=[(self.area == address).then_some("page")] { (name) }
                    }
                }
                (who())
                button.theme type="button" hidden title="Light, dark, or as the system says" { "Theme" }
            }
        }
    }

    /// Asked for again when the stream says so; what is the same stays, with focus and selection. What is over has a
    /// `#live` as well: it takes the place of what was not.
    fn content(&self, content: &Markup) -> Markup {
        html! {
            @match &self.live {
                None => main #content tabindex="-1" { div #live { (content) } },
                Some(stream) => main #content tabindex="-1" hx-ext="sse,morph" sse-connect=(stream) {
                    div #live hx-get="" hx-trigger="sse:change" hx-select="#live > *" hx-swap="morph:innerHTML"
                        hx-disinherit="*" {
                        (content)
                    }
                },
            }
        }
    }
}

/// Who looks at the page, and the way out; or the way in.
fn who() -> Markup {
    let visitor = Visitor::current();
    html! {
        div.who {
            @match (&visitor.name, visitor.role) {
                (Some(name), Some(role)) => {
                    a href="/account" title={ "Your account. Role: " (role) } { (name) }
                    (access::form(Role::Viewer, "/logout", &html! { button { "Log out" } }))
                },
                _ => a href="/login" { "Log in" },
            }
        }
    }
}

/// Three machines at a barrier.
fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 32 32" aria-hidden="true" {
            rect x="2" y="5" width="17" height="5" rx="2.5" class="m1" {}
            rect x="2" y="13.5" width="11" height="5" rx="2.5" class="m2" {}
            rect x="2" y="22" width="14" height="5" rx="2.5" class="m3" {}
            rect x="23" y="2" width="4" height="28" rx="2" class="m4" {}
        }
    }
}
