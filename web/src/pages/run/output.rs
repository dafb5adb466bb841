//! `/runs/RUN/outputs/STAGE/MACHINE`: the whole output of a stage on a machine, a window of lines at a time.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use xrdtest_model::RunId;

use super::super::failure::PageAnswer;
use super::super::parts::{run_link, suite_link};
use super::super::shell::Shell;
use super::ansi;
use super::lines::{self, Level, Line, Lines, WINDOW, Wanted};
use crate::api::{Failure, Params, Shared, outputs, runs};

#[derive(Debug, Deserialize)]
pub(in super::super) struct Which {
    /// The first line that is wanted; absent: the last ones.
    from: Option<u64>,
    /// Only lines with this text.
    #[serde(default)]
    q: String,
    /// Only lines of this level.
    #[serde(default)]
    level: Level,
    /// Only the lines, to be put into a page that is there.
    part: Option<Part>,
}

/// Where lines are put into a page: those at the other side are there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Above the lines that are there.
    Earlier,
    /// Below them.
    Later,
}

impl Part {
    fn word(self) -> &'static str {
        match self {
            Self::Earlier => "earlier",
            Self::Later => "later",
        }
    }

    /// What comes above the reader moves the text, and is asked for; what comes below is loaded as it is scrolled to.
    fn trigger(self) -> &'static str {
        match self {
            Self::Earlier => "click",
            Self::Later => "intersect once",
        }
    }
}

pub(in super::super) async fn page(
    State(engine): State<Shared>,
    Path((run, stage, machine)): Path<(RunId, String, String)>,
    Params(which): Params<Which>,
) -> PageAnswer<Markup> {
    let summary = runs::summary_of(&engine, &run).await?;
    let last_event = *engine.last_event().borrow();
    let path = outputs::output_file(&engine, &summary, &stage, &machine).await?;
    let wanted = Wanted { from: which.from, text: which.q.clone(), level: which.level };
    let read_all = move || path.map_or_else(|| Ok(Lines::default()), |path| lines::read(&path, &wanted));
    let read = tokio::task::spawn_blocking(read_all).await;
    let read = read.map_err(std::io::Error::other).and_then(|read| read).map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The output can't be read: {error}."))
            .help("The engine's machine says why; look at its disk and at the rights of the run's folder.")
    })?;
    let address = format!("/runs/{run}/outputs/{stage}/{machine}");
    if which.part.is_some() {
        return Ok(window(&read, &address, which.part));
    }
    // Whoever looks at the end of what grows sees it grow.
    let grows = summary.verdict.is_none() && which.from.is_none();
    let content = html! {
        header.title {
            h1 { (stage) " on " (machine) }
            p.quiet {
                (suite_link(&summary.suite)) " · " (run_link(&run)) " · " (read.total) " lines"
                @if read.total > WINDOW {
                    " · " a href={ (address) "?from=1" } { "the first" } " · " a href={ (address) "#end" } { "the last" }
                }
            }
        }
        (choice(&which))
        @if read.lines.is_empty() {
            p.quiet { @if read.total == 0 { "It has written nothing" @if grows { " yet" } "." } @else { "No line is like that." } }
        } @else {
            pre.output.whole.follows[grows] { (window(&read, &address, None)) }
        }
        @if read.cut { p.quiet { "Only the first " (read.lines.len()) " such lines are shown." } }
        p #end { a href={ "/api/v1" (address) } { "As plain text" } }
    };
    let title = format!("{stage} on {machine}");
    let shell = Shell::new(&title).area("/runs");
    let shell = if grows { shell.live(last_event, Some(&run)).with_output() } else { shell };
    Ok(shell.render(&content))
}

fn choice(which: &Which) -> Markup {
    html! {
        form.choice method="get" {
            label { "Text " input type="search" name="q" value=(which.q); }
            label {
                "Lines "
                select name="level" {
                    @for (level, word, title) in Level::ALL {
                        option value=(word) selected[which.level == level] { (title) }
                    }
                }
            }
            button { "Show" }
        }
    }
}

/// The lines, and what loads those before and behind them.
fn window(read: &Lines, address: &str, part: Option<Part>) -> Markup {
    let first = read.lines.first().map_or(1, |line| line.number);
    let last = read.lines.last().map_or(0, |line| line.number);
    let before = !read.filtered && first > 1 && part != Some(Part::Later);
    let behind = !read.filtered && last < read.total && part != Some(Part::Earlier);
    html! {
        @if before { (more(address, first.saturating_sub(WINDOW).max(1), first - 1, Part::Earlier)) }
        @for line in &read.lines { (row(line, address)) }
        @if behind { (more(address, last + 1, read.total, Part::Later)) }
    }
}

fn more(address: &str, from: u64, to: u64, part: Part) -> Markup {
    let to = to.min(from + WINDOW - 1);
    let word = part.word();
    html! {
        a.more href={ (address) "?from=" (from) } hx-get={ (address) "?from=" (from) "&part=" (word) }
            hx-trigger=(part.trigger()) hx-swap="outerHTML" {
            "Lines " (from) " – " (to) ", " (word)
        }
    }
}

fn row(line: &Line, address: &str) -> Markup {
    html! {
        span.line.bad[lines::is_error(&line.text)] id={ "L" (line.number) } {
            a.number href={ (address) "?from=" (line.number) "#L" (line.number) } { (line.number) }
            (ansi::coloured(&line.text)) "\n"
        }
    }
}

/// Some output as lines without numbers.
pub(super) fn lines_of(text: &str) -> Markup {
    html! { @for line in text.lines() { span.line.bad[lines::is_error(line)] { (ansi::coloured(line)) "\n" } } }
}
