//! What scripts noted beside their output, for people: numbers, and files that are kept.

use std::fmt::Write;

use anstyle::Style;
use xrdtest_model::definition::short_name;
use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::size::human_bytes;

use crate::findings::plural;
use crate::summary::stage_title;
use crate::text::readable;

/// Lines of each kind; what is more is counted.
const SHOWN: usize = 20;

const DIM: Style = Style::new().dimmed();

/// What crashed, the numbers and the files of a run, a line each, in the order of the stages.
pub(crate) fn noted(text: &mut String, run: &RunRecord) {
    let crashes: Vec<_> = run
        .stages
        .iter()
        .flat_map(|stage| stage.crashes.iter().map(move |crash| (stage, crash)))
        .map(|(stage, crash)| {
            let file = stage.logs.iter().find(|log| log.path == crash.text && !crash.text.is_empty());
            let file = file.map(|log| log.file.clone()).unwrap_or_default();
            (readable(&crash.to_string()), place(run, stage), file)
        })
        .collect();
    lines(text, "crashed", &crashes);
    let metrics = run.stages.iter().flat_map(|stage| stage.metrics.iter().map(move |metric| (stage, metric)));
    let metrics: Vec<_> =
        metrics.map(|(stage, metric)| (metric.to_string(), place(run, stage), String::new())).collect();
    let files = run.stages.iter().flat_map(|stage| stage.artifacts.iter().map(move |file| (stage, file)));
    let files: Vec<_> = files
        .map(|(stage, file)| {
            let size = human_bytes(file.length);
            (format!("{} {DIM}{size}{DIM:#}", readable(&file.path)), place(run, stage), file.file.clone())
        })
        .collect();
    lines(text, "metric", &metrics);
    lines(text, "artifact", &files);
    for (machines, why) in no_cores(run) {
        let _ = writeln!(text, "{DIM}no core dumps from {machines}: {}{DIM:#}", readable(why));
    }
    if !metrics.is_empty() || !files.is_empty() || !crashes.is_empty() {
        text.push('\n');
    }
}

/// `client1, copy_to / run`
fn place(run: &RunRecord, stage: &StageRecord) -> String {
    format!("{}, {}", short_name(&stage.machine), stage_title(run, stage))
}

/// Why there can be no core dumps, with the machines of which that is so.
pub fn no_cores(run: &RunRecord) -> Vec<(String, &str)> {
    let mut all: Vec<(Vec<&str>, &str)> = Vec::new();
    for stage in run.stages.iter().filter(|stage| !stage.no_cores.is_empty()) {
        let machine = short_name(&stage.machine);
        match all.iter_mut().find(|(_, why)| *why == stage.no_cores) {
            Some((machines, _)) if machines.contains(&machine) => {}
            Some((machines, _)) => machines.push(machine),
            None => all.push((vec![machine], &stage.no_cores)),
        }
    }
    let named = |machines: &[&str]| match machines.len() {
        0..=SHOWN => machines.join(", "),
        all => format!("{} and {} more", machines[..SHOWN].join(", "), all - SHOWN),
    };
    all.iter().map(|(machines, why)| (named(machines), *why)).collect()
}

fn lines(text: &mut String, kind: &str, all: &[(String, String, String)]) {
    for (what, place, file) in all.iter().take(SHOWN) {
        let _ = write!(text, "{DIM}{kind:8}{DIM:#}  {what}  {DIM}{place}{DIM:#}");
        if !file.is_empty() {
            let _ = write!(text, "  {DIM}{}{DIM:#}", readable(file));
        }
        text.push('\n');
    }
    if let Some(rest @ 1..) = all.len().checked_sub(SHOWN) {
        let _ = writeln!(
            text,
            "{DIM}and {}: --format json names all{DIM:#}",
            plural(rest, &format!("more {kind}"))
        );
    }
}
