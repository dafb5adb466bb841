//! What people read at the end of a run.

use std::fmt::Write;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use xrdtest_model::crash::crashed;
use xrdtest_model::definition::short_name;
use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::plan::title_of;
use xrdtest_model::time::human;
use xrdtest_model::{Outcome, Verdict};

use crate::findings::plural;
use crate::noted::noted;
use crate::text::readable;

/// Lines of output shown of a stage that did not pass.
const TAIL_LINES: usize = 15;
/// Machines named per ending where there is no column for each.
const NAMED: usize = 8;
/// Stages shown with their output; the others are named.
const SHOWN: usize = 8;
/// Machines whose console's end is shown.
const CONSOLES: usize = 3;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();
const BOLD: Style = Style::new().bold();

/// The stage in people's words: `suite initialize`, `copy_to / run`, `copy_to (2) / run`.
pub fn stage_title(run: &RunRecord, stage: &StageRecord) -> String {
    match stage.case_index {
        Some(index) => format!("{} / {}", case_title(run, index), stage.stage),
        None => format!("suite {}", stage.stage),
    }
}

/// The name of a case, numbered where it is not the first of that name.
pub fn case_title(run: &RunRecord, index: u32) -> String {
    title_of(run.cases.iter().map(|case| case.name.as_str()), index)
}

/// How a stage ended on its machine: `passed`, `failed, exit code 3`, `killed by signal 9 (SIGKILL)`, with the reason.
pub fn ending(stage: &StageRecord) -> String {
    stage.outcome.to_string() + &details(stage)
}

/// What follows the outcome, with the separator.
fn details(stage: &StageRecord) -> String {
    let killed = stage.outcome == Outcome::Killed;
    let (mut text, mut reason) = (String::new(), stage.reason.as_str());
    match (stage.exit_code, stage.signal) {
        // Such a reason names the signal already.
        (_, Some(_)) if killed && reason.starts_with("signal ") => {
            let _ = write!(text, " by {reason}");
            reason = "";
        }
        (_, Some(signal)) if killed => {
            let _ = write!(text, " by signal {signal}");
        }
        // A script that exited with 0 has failed for the reason alone.
        (Some(code), _) if stage.outcome == Outcome::Failed && code != 0 => {
            let _ = write!(text, ", exit code {code}");
        }
        _ => {}
    }
    // A reason may begin with the outcome's own word.
    if let Some(rest) = reason.strip_prefix(stage.outcome.as_str()) {
        text.push_str(rest);
    } else if !reason.is_empty() {
        let _ = write!(text, ": {reason}");
    }
    let crashed = crashed(&stage.crashes);
    // Where that is why it failed, the reason says so.
    if !crashed.is_empty() && !stage.reason.contains(&crashed) {
        let _ = write!(text, "; {crashed}");
    }
    text
}

/// The few characters that stand for an ending in the table.
fn cell(stage: &StageRecord) -> (String, Style) {
    let (mut words, mut style) = cell_of_outcome(stage);
    if !stage.crashes.is_empty() {
        words.push_str(" crash");
        style = BAD;
    }
    (words, style)
}

fn cell_of_outcome(stage: &StageRecord) -> (String, Style) {
    match stage.outcome {
        Outcome::Passed => ("ok".to_owned(), GOOD),
        Outcome::Failed => {
            let code = stage.exit_code.filter(|code| *code != 0);
            (code.map_or_else(|| "failed".to_owned(), |code| format!("exit {code}")), BAD)
        }
        Outcome::Killed => {
            (stage.signal.map_or_else(|| "killed".to_owned(), |signal| format!("sig {signal}")), BAD)
        }
        Outcome::TimedOut => ("timeout".to_owned(), BAD),
        Outcome::Lost => ("lost".to_owned(), BAD),
        Outcome::Cancelled => ("cancel".to_owned(), BAD),
        Outcome::NotRun => ("not run".to_owned(), DIM),
    }
}

/// The summary of a run: verdict, a table of stages and machines, the output of what did not pass, and where to
/// find the rest. Styled with ANSI sequences, which the writer may strip. `width` is the terminal's; `repeat` the
/// command that runs it again.
pub fn summary(run: &RunRecord, width: usize, repeat: &str) -> String {
    let mut text = String::new();
    headline(&mut text, run);
    table(&mut text, run, width);
    endings(&mut text, run, width);
    consoles(&mut text, run, width);
    noted(&mut text, run);
    notes(&mut text, run);
    if let Some(origin) = &run.origin {
        let _ = writeln!(text, "{DIM}made from{DIM:#}        {}", readable(&origin.to_string()));
    }
    if let Some(directory) = &run.directory {
        let _ = writeln!(text, "{DIM}output and logs{DIM:#}  {directory}");
    }
    if !repeat.is_empty() && run.verdict.is_some_and(|verdict| verdict != Verdict::Passed) {
        let _ = writeln!(text, "{DIM}run again{DIM:#}        {repeat}");
    }
    text
}

/// Who or what asked for a run, as a line below its summary.
pub fn asked_for_by(run: &RunRecord) -> String {
    if run.trigger.is_empty() {
        return String::new();
    }
    format!("{DIM}asked for by{DIM:#}     {}\n", run.trigger)
}

/// `ts_copy failed after 2.5 s: copy_to failed`, `ts_copy goes on since 2.5 s: copy_to / run`.
fn headline(text: &mut String, run: &RunRecord) {
    let time = human(Duration::from_millis(run.duration_ms));
    let why = match run.verdict {
        Some(verdict) => {
            let style = if verdict == Verdict::Passed { GOOD } else { BAD };
            let _ = write!(text, "{BOLD}{}{BOLD:#} {style}{verdict}{style:#} after {time}", run.suite);
            run.reason.as_str()
        }
        None => {
            let _ = write!(text, "{BOLD}{}{BOLD:#} goes on since {time}", run.suite);
            run.phase.as_deref().unwrap_or_default()
        }
    };
    if !why.is_empty() {
        let _ = write!(text, ": {why}");
    }
    text.push_str("\n\n");
}

/// The stages that did not pass, each with its last lines.
fn endings(text: &mut String, run: &RunRecord, width: usize) {
    let bad: Vec<_> = run
        .stages
        .iter()
        .filter(|stage| !matches!(stage.outcome, Outcome::Passed | Outcome::NotRun))
        .collect();
    for stage in bad.iter().take(SHOWN) {
        let time = human(Duration::from_millis(stage.duration_ms));
        let _ = writeln!(
            text,
            "{BOLD}{}{BOLD:#} in {}: {BAD}{}{BAD:#} {DIM}after {time}{DIM:#}{}",
            stage.machine,
            stage_title(run, stage),
            stage.outcome,
            details(stage)
        );
        output_tail(text, run, stage, width);
        text.push('\n');
    }
    if bad.len() > SHOWN {
        let rest: Vec<_> = bad[SHOWN..]
            .iter()
            .map(|stage| format!("{} in {}", stage.machine, stage_title(run, stage)))
            .collect();
        let _ = writeln!(text, "and {}: {}\n", plural(rest.len(), "more ending"), rest.join(", "));
    }
}

/// The ends of the consoles of machines that an error is about.
fn consoles(text: &mut String, run: &RunRecord, width: usize) {
    let told = run.consoles.iter().filter(|console| !console.tail.is_empty());
    let named: Vec<_> = told.filter(|console| run.reason.contains(&console.machine)).collect();
    for console in named.iter().take(CONSOLES) {
        let _ = writeln!(text, "{BOLD}{}{BOLD:#} {DIM}the end of its console{DIM:#}", console.machine);
        for line in console.tail.lines() {
            quoted(text, line, width);
        }
        if let Some(directory) = &run.directory {
            let _ = writeln!(text, "  {DIM}all of it: {directory}/{}{DIM:#}", console.file);
        }
        text.push('\n');
    }
}

/// A line of somebody else's text, cut to the terminal's width.
fn quoted(text: &mut String, line: &str, width: usize) {
    let line = readable(line);
    let cut = line.char_indices().nth(width.saturating_sub(5)).map_or("", |_| "…");
    let line: String = line.chars().take(width.saturating_sub(5)).collect();
    let _ = writeln!(text, "  {DIM}|{DIM:#} {line}{cut}");
}

fn output_tail(text: &mut String, run: &RunRecord, stage: &StageRecord, width: usize) {
    let lines: Vec<_> = stage.output.lines().collect();
    for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
        quoted(text, line, width);
    }
    match (lines.is_empty(), &stage.output_file, &run.directory) {
        (true, ..) => {
            let _ = writeln!(text, "  {DIM}(no output){DIM:#}");
        }
        (false, Some(file), Some(directory)) if lines.len() > TAIL_LINES => {
            let _ = writeln!(text, "  {DIM}all of it: {directory}/{file}{DIM:#}");
        }
        _ => {}
    }
}

fn notes(text: &mut String, run: &RunRecord) {
    for stage in &run.stages {
        let (machine, title) = (&stage.machine, stage_title(run, stage));
        if !stage.leftovers.is_empty() {
            let left = stage.leftovers.join(", ");
            let _ = writeln!(
                text,
                "{DIM}note: on {machine} {title} left {left} running with its output open{DIM:#}"
            );
        }
        if !stage.output_complete && stage.outcome != Outcome::NotRun {
            let _ =
                writeln!(text, "{DIM}note: output or logs of {title} on {machine} are not complete{DIM:#}");
        }
    }
}

/// Rows of stages in order: the records of one stage stand together.
pub(crate) fn rows(run: &RunRecord) -> Vec<&[StageRecord]> {
    run.stages.chunk_by(|a, b| (a.case_index, a.stage) == (b.case_index, b.stage)).collect()
}

/// Machines of a run, in the order in which its stages name them.
pub(crate) fn machines(run: &RunRecord) -> Vec<&str> {
    let mut machines: Vec<&str> = Vec::new();
    for stage in &run.stages {
        if !machines.contains(&stage.machine.as_str()) {
            machines.push(&stage.machine);
        }
    }
    machines
}

/// Stages down, machines across; where that is too wide, outcomes counted.
fn table(text: &mut String, run: &RunRecord, width: usize) {
    let rows = rows(run);
    if rows.is_empty() {
        return;
    }
    let machines = machines(run);
    let title_width = rows.iter().map(|row| stage_title(run, &row[0]).chars().count()).max().unwrap_or(0);
    let columns: Vec<usize> = machines.iter().map(|machine| column_width(run, machine)).collect();
    let wide = title_width + 9 + columns.iter().map(|column| column + 2).sum::<usize>() <= width;
    if wide {
        let names = machines.iter().map(|machine| (short_name(machine).to_owned(), DIM));
        line(text, title_width, "", "", names.zip(columns.iter().copied()));
    }
    for row in &rows {
        let (title, time) = (stage_title(run, &row[0]), time_of(row));
        if wide {
            let cells = machines.iter().map(|machine| {
                let stage = row.iter().find(|stage| stage.machine == *machine);
                stage.map_or_else(|| (String::new(), DIM), cell)
            });
            line(text, title_width, &title, &time, cells.zip(columns.iter().copied()));
        } else {
            let _ = writeln!(text, "{title:title_width$}  {DIM}{time:>7}{DIM:#}  {}", counted(row));
        }
    }
    for case in run.cases.iter().filter(|case| case.verdict.is_none()) {
        // Of a run that goes on, the table shows what has been.
        if run.verdict.is_some() {
            let _ = writeln!(text, "{:title_width$}  {DIM}not begun{DIM:#}", case_title(run, case.index));
        }
    }
    text.push('\n');
}

/// A line of the table, without blanks at its end.
fn line(
    text: &mut String,
    title_width: usize,
    title: &str,
    time: &str,
    cells: impl Iterator<Item = ((String, Style), usize)>,
) {
    let _ = write!(text, "{title:title_width$}  {DIM}{time:>7}{DIM:#}");
    let mut blanks = 0;
    for ((word, style), width) in cells {
        blanks += 2;
        if !word.is_empty() {
            let _ = write!(text, "{:blanks$}{style}{word}{style:#}", "");
            blanks = 0;
        }
        blanks += width.saturating_sub(word.chars().count());
    }
    text.push('\n');
}

fn column_width(run: &RunRecord, machine: &str) -> usize {
    let cells = run.stages.iter().filter(|stage| stage.machine == machine).map(|stage| cell(stage).0.len());
    cells.max().unwrap_or(0).max(short_name(machine).len())
}

/// From the first machine's start to the last one's end; empty where none ran.
fn time_of(row: &[StageRecord]) -> String {
    if row.iter().all(|stage| stage.outcome == Outcome::NotRun) {
        return String::new();
    }
    let begin = row.iter().map(|stage| stage.offset_ms).min().unwrap_or(0);
    let end = row.iter().map(|stage| stage.offset_ms + stage.duration_ms).max().unwrap_or(begin);
    human(Duration::from_millis(end - begin))
}

/// `30 ok, ds2 exit 3, ds4 ds7 lost`: who is not named is well.
fn counted(row: &[StageRecord]) -> String {
    let well = |stage: &&StageRecord| stage.outcome == Outcome::Passed && stage.crashes.is_empty();
    let passed = row.iter().filter(well).count();
    let mut parts = Vec::new();
    if passed > 0 {
        parts.push(format!("{GOOD}{passed} ok{GOOD:#}"));
    }
    let mut endings: Vec<(String, Style, Vec<&str>)> = Vec::new();
    let is_news = |stage: &&StageRecord| stage.outcome != Outcome::Passed || !stage.crashes.is_empty();
    for stage in row.iter().filter(is_news) {
        let (word, style) = cell(stage);
        let host = short_name(&stage.machine);
        match endings.iter_mut().find(|(known, ..)| *known == word) {
            Some((_, _, hosts)) => hosts.push(host),
            None => endings.push((word, style, vec![host])),
        }
    }
    parts.extend(endings.iter().map(|(word, style, hosts)| {
        let (named, rest) = hosts.split_at(hosts.len().min(NAMED));
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        format!("{}{more} {style}{word}{style:#}", named.join(" "))
    }));
    parts.join(", ")
}
