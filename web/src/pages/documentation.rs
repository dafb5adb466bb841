//! `/documentation`: the guides of `docs/`, embedded.

use axum::extract::Path;
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, html as to_html};
use rust_embed::Embed;

use super::failure::{PageAnswer, PageFailure};
use super::shell::Shell;

#[derive(Embed)]
#[folder = "../docs/"]
struct Guides;

/// The file that lists the others.
const INDEX: &str = "README.md";

pub(super) async fn index() -> PageAnswer<Markup> {
    render(INDEX)
}

pub(super) async fn page(Path(name): Path<String>) -> PageAnswer<Markup> {
    render(&format!("{name}.md"))
}

fn render(file: &str) -> PageAnswer<Markup> {
    let found = Guides::get(file).filter(|_| !file.contains(['/', '\\']));
    let found = found
        .ok_or_else(|| PageFailure::not_found(format!("There is no documentation of that name: {file}.")))?;
    let text = String::from_utf8_lossy(&found.data);
    let title = text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or("Documentation");
    let mut content = String::new();
    let events = Parser::new_ext(&text, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).map(resolve);
    to_html::push_html(&mut content, with_anchors(events.collect()).into_iter());
    // By the keyboard as well one gets to the end of a long line.
    let content = content.replace("<pre>", "<pre tabindex=\"0\">");
    let content = html! {
        p { a href="/documentation" { "All documentation" } }
        article.documentation { (PreEscaped(content)) }
    };
    Ok(Shell::new(title).area("/documentation").render(&content))
}

/// Links between the guides lead to their pages; text of theirs that is HTML is text.
fn resolve(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: target(dest_url), title, id })
        }
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    }
}

fn target(url: CowStr<'_>) -> CowStr<'_> {
    let (path, anchor) = url.split_once('#').unwrap_or((&url, ""));
    let Some(name) = path.strip_suffix(".md").filter(|name| !name.contains(['/', ':'])) else { return url };
    let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
    match name {
        "README" => format!("/documentation{anchor}").into(),
        name => format!("/documentation/{name}{anchor}").into(),
    }
}

/// Headings get the anchors that the guides' own links name.
fn with_anchors(mut events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    let mut heading = None;
    let mut words = String::new();
    for index in 0..events.len() {
        match &events[index] {
            Event::Start(Tag::Heading { .. }) => {
                heading = Some(index);
                words.clear();
            }
            Event::Text(text) | Event::Code(text) if heading.is_some() => words.push_str(text),
            Event::End(pulldown_cmark::TagEnd::Heading(_)) => {
                if let Some(start) = heading.take()
                    && let Event::Start(Tag::Heading { id, .. }) = &mut events[start]
                {
                    *id = Some(slug(&words).into());
                }
            }
            _ => {}
        }
    }
    events
}

fn slug(words: &str) -> String {
    let lower = words.to_lowercase();
    let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_guides_are_pages_and_their_links_lead_somewhere() {
        for file in Guides::iter() {
            let page = render(&file).unwrap().into_string();
            for link in page.split("href=\"/documentation/").skip(1) {
                let name = link.split(['"', '#']).next().unwrap();
                assert!(Guides::get(&format!("{name}.md")).is_some(), "{file} links to {name}");
            }
        }
    }

    #[test]
    fn nothing_else_is_shown() {
        for file in ["none.md", "../README.md", "docs/engine.md"] {
            assert!(render(file).is_err(), "{file}");
        }
    }
}
