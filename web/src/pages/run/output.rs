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

/// Lines before one that somebody was sent to.
const BEFORE: u64 = 20;

#[derive(Debug, Deserialize)]
pub(in super::super) struct Which {
    /// The first line that is wanted; absent: the last ones.
    from: Option<u64>,
    /// Instead of that: a line that is wanted with what is around it.
    around: Option<u64>,
    /// Only lines with this text.
    #[serde(default)]
    q: String,
    /// Only lines of this level.
    #[serde(default)]
    level: Level,
    /// Only the lines, to be put into a page that is there.
    part: Option<Part>,
    /// The last line of that part.
    to: Option<u64>,
}

/// Where lines are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Before those that are there.
    Earlier,
    /// Behind them.
    Later,
}

impl Which {
    fn from(&self) -> Option<u64> {
        self.around.map(|line| line.saturating_sub(BEFORE).max(1)).or(self.from)
    }
}

pub(in super::super) async fn page(
    State(engine): State<Shared>,
    Path((run, stage, machine)): Path<(RunId, String, String)>,
    Params(which): Params<Which>,
) -> PageAnswer<Markup> {
    let summary = runs::summary_of(&engine, &run).await?;
    let path = outputs::output_file(&engine, &summary, &stage, &machine).await?;
    let wanted = Wanted { from: which.from(), text: which.q.clone(), level: which.level };
    let nothing = || Ok(Lines { end: (0, 1), ..Lines::default() });
    let read_all = move || path.map_or_else(nothing, |path| lines::read(&path, &wanted));
    let read = tokio::task::spawn_blocking(read_all).await;
    let mut read = read.map_err(std::io::Error::other).and_then(|read| read).map_err(|error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, format!("The output can't be read: {error}."))
            .help("The engine's machine says why; look at its disk and at the rights of the run's folder.")
    })?;
    if let Some(to) = which.to {
        read.lines.retain(|line| line.number <= to);
    }
    if which.part.is_some() {
        return Ok(window(&read, &which));
    }
    // Whoever looks at the end of what grows sees it grow: from the first line on that has no end yet.
    let grows = summary.verdict.is_none() && which.from().is_none() && !read.filtered;
    if grows {
        read.lines.retain(|line| line.number < read.end.1);
    }
    let address = format!("/runs/{run}/outputs/{stage}/{machine}");
    let follow = grows.then(|| format!("{address}/lines?offset={}&number={}", read.end.0, read.end.1));
    let content = html! {
        header.title {
            h1 { (stage) " on " (machine) }
            p.quiet { (suite_link(&summary.suite)) " · " (run_link(&run)) " · " (read.total) " lines" }
        }
        (choice(&which))
        (places(&read))
        @if read.lines.is_empty() && !grows {
            p.quiet { @if read.total == 0 { "It has written nothing." } @else { "No line is like that." } }
        }
        @if !read.lines.is_empty() || grows {
            pre.output.whole data-follow=[follow] { (window(&read, &which)) }
        }
        @if let Some(next) = read.looked_up_to { (go_on(&read, &which, next)) }
        p { a href={ "/api/v1" (address) } { "As plain text" } }
    };
    let title = format!("{stage} on {machine}");
    Ok(Shell::new(&title).area("/runs").render(&content))
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

/// Ways to other places of a long output.
fn places(read: &Lines) -> Markup {
    html! {
        @if read.total > WINDOW && !read.filtered {
            form.choice method="get" {
                a.button href="?from=1" { "Beginning" }
                a.button href="?" { "End" }
                label { "Line " input type="number" name="around" min="1" max=(read.total) required; }
                button { "Go" }
            }
        }
    }
}

fn go_on(read: &Lines, which: &Which, next: u64) -> Markup {
    let level =
        Level::ALL.iter().find(|(level, ..)| *level == which.level).map_or("all", |(_, word, _)| word);
    html! {
        p {
            "Looked through up to line " (next - 1) " of " (read.total) ". "
            form.choice method="get" {
                input type="hidden" name="q" value=(which.q);
                input type="hidden" name="level" value=(level);
                input type="hidden" name="from" value=(next);
                button { "Go on from there" }
            }
        }
    }
}

/// The lines, with ways to those before and behind them; these come by themselves when they come into view.
fn window(read: &Lines, which: &Which) -> Markup {
    let first = read.lines.first().map_or(1, |line| line.number);
    let last = read.lines.last().map_or(0, |line| line.number);
    let whole = !read.filtered;
    // What was put into a page has its neighbours there.
    let (earlier, later) = (which.part != Some(Part::Later), which.part != Some(Part::Earlier));
    html! {
        @if whole && earlier && first > 1 { (more(first.saturating_sub(WINDOW).max(1), first - 1, "earlier")) }
        span.lines { @for line in &read.lines { (row(line)) } }
        @if whole && later && last > 0 && last < read.total && last >= first { (more(last + 1, read.total, "later")) }
    }
}

/// Addresses are short, because there are thousands of them.
fn more(from: u64, to: u64, word: &str) -> Markup {
    let to = to.min(from + WINDOW - 1);
    // A page is opened at its top, where what is earlier would come at once, and the one before that, up to the first.
    let trigger = if word == "later" { "intersect once" } else { "click" };
    html! {
        a.more href={ "?from=" (from) } hx-get={ "?from=" (from) "&to=" (to) "&part=" (word) } hx-trigger=(trigger)
            hx-swap="outerHTML" {
            "Lines " (from) " – " (to) ", " (word)
        }
    }
}

/// A line with its number, which leads to it.
pub(super) fn row(line: &Line) -> Markup {
    html! {
        span.line.bad[lines::is_error(&line.text)] id={ "L" (line.number) } {
            a.number href={ "?around=" (line.number) "#L" (line.number) } { (line.number) }
            (ansi::coloured(&line.text)) "\n"
        }
    }
}

/// Some output as lines without numbers.
pub(super) fn lines_of(text: &str) -> Markup {
    html! { @for line in text.lines() { span.line.bad[lines::is_error(line)] { (ansi::coloured(line)) "\n" } } }
}
