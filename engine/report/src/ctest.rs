//! `Test.xml` as CTest writes it and CDash takes it: a test per case and per suite stage.

use std::fmt::Write;

use jiff::Timestamp;
use xrdtest_model::document::RunRecord;
use xrdtest_model::{Outcome, Verdict};

use crate::clean::clean;
use crate::points::{Point, points, properties};
use crate::summary::{ending, stage_title};
use crate::text::{last_lines, xml};

/// Lines of output that are repeated of a stage that did not pass.
const TAIL_LINES: usize = 50;

/// A run as a CTest document. Site is the hypervisor, build the suite.
pub fn ctest(run: &RunRecord) -> String {
    let run = &clean(run);
    let started: Timestamp = run.started.parse().unwrap_or_default();
    let millis = i64::try_from(run.duration_ms).unwrap_or(i64::MAX);
    let ended =
        Timestamp::from_millisecond(started.as_millisecond().saturating_add(millis)).unwrap_or(started);
    let sites: Vec<&str> = run.clusters.iter().map(|cluster| cluster.hypervisor.as_str()).collect();
    let site = sites.into_iter().find(|site| !site.is_empty()).unwrap_or("xrdtest");
    let points = points(run);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <Site BuildName=\"{}\" BuildStamp=\"{}\" Name=\"{}\" Generator=\"xrdtest-{}\">\n  <Testing>\n    \
         <StartDateTime>{}</StartDateTime>\n    <StartTestTime>{}</StartTestTime>\n    <TestList>\n",
        xml(&run.suite),
        started.strftime("%Y%m%d-%H%M-Experimental"),
        xml(site),
        env!("CARGO_PKG_VERSION"),
        date(started),
        started.as_second(),
    );
    for point in &points {
        let _ = writeln!(text, "      <Test>{}</Test>", full_name(run, point));
    }
    text.push_str("    </TestList>\n");
    for point in &points {
        test(&mut text, run, point);
    }
    let _ = write!(
        text,
        "    <EndDateTime>{}</EndDateTime>\n    <EndTestTime>{}</EndTestTime>\n    \
         <ElapsedMinutes>{}</ElapsedMinutes>\n  </Testing>\n</Site>\n",
        date(ended),
        ended.as_second(),
        run.duration_ms / 60_000,
    );
    text
}

fn date(at: Timestamp) -> String {
    at.strftime("%b %d %H:%M UTC").to_string()
}

fn full_name(run: &RunRecord, point: &Point<'_>) -> String {
    format!("./{}/{}", xml(&run.suite), xml(&point.name))
}

fn test(text: &mut String, run: &RunRecord, point: &Point<'_>) {
    let (status, completion) = match point.verdict {
        Some(Verdict::Passed) => ("passed", "Completed"),
        Some(Verdict::TimedOut) => ("failed", "Timeout"),
        Some(Verdict::Failed | Verdict::Error | Verdict::Cancelled) => ("failed", "Completed"),
        None => ("notrun", "Not Run"),
    };
    let (_, duration) = point.span();
    let _ = write!(
        text,
        "    <Test Status=\"{status}\">\n      <Name>{}</Name>\n      <Path>./{}</Path>\n      \
         <FullName>{}</FullName>\n      <FullCommandLine></FullCommandLine>\n      <Results>\n",
        xml(&point.name),
        xml(&run.suite),
        full_name(run, point),
    );
    if point.verdict.is_some_and(|verdict| verdict != Verdict::Passed) {
        let exit =
            point.bad().find(|stage| stage.outcome == Outcome::Failed).and_then(|stage| stage.exit_code);
        let word = point.verdict.map_or("", Verdict::as_str);
        measured(text, "text/string", "Exit Code", word);
        if let Some(exit) = exit {
            measured(text, "text/string", "Exit Value", &exit.to_string());
        }
    }
    let seconds = format!("{}.{:03}", duration / 1000, duration % 1000);
    measured(text, "numeric/double", "Execution Time", &seconds);
    measured(text, "text/string", "Completion Status", completion);
    for stage in &point.stages {
        for metric in &stage.metrics {
            let name = format!("{} ({}, {})", metric.name, stage.machine, stage.stage);
            measured(text, "numeric/double", &name, &metric.value.to_string());
        }
    }
    let _ = write!(
        text,
        "        <Measurement>\n          <Value>{}</Value>\n        </Measurement>\n      </Results>\n    </Test>\n",
        xml(&output(run, point))
    );
}

fn measured(text: &mut String, kind: &str, name: &str, value: &str) {
    let _ = writeln!(
        text,
        "        <NamedMeasurement type=\"{kind}\" name=\"{}\"><Value>{}</Value></NamedMeasurement>",
        xml(name),
        xml(value)
    );
}

/// What people read of a test: why it did not pass, each ending with its last lines, and what the run was made from.
fn output(run: &RunRecord, point: &Point<'_>) -> String {
    let mut text = String::new();
    if !point.reason.is_empty() {
        let _ = writeln!(text, "{}", point.reason);
    }
    for stage in point.bad() {
        let _ = writeln!(text, "{} on {}: {}", stage_title(run, stage), stage.machine, ending(stage));
        for line in last_lines(&stage.output, TAIL_LINES) {
            let _ = writeln!(text, "  {line}");
        }
    }
    for (name, value) in properties(run).iter().filter(|(name, _)| !name.starts_with("metric.")) {
        let _ = writeln!(text, "{name}: {value}");
    }
    text
}
