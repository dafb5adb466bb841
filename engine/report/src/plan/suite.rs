//! The parts of a plan that are about the suite.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::Date;
use xrdtest_model::definition::{AlertPolicy, MissedStart, Overlap, short_name};
use xrdtest_model::plan::title_of;
use xrdtest_model::plan_document::{
    EffectiveCluster, EffectiveSuite, Origin, PlannedLimit, PlannedStage, PlannedTag, TagSource,
};
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::limit;

use super::page::{BAD, DIM, ODD, Page, list, short};
use crate::findings::plural;

/// Machines that a stage names.
const NAMED: usize = 3;

/// The stages in their order, with machines and scripts.
pub(super) fn stages(page: &mut Page, suite: &EffectiveSuite, clusters: &[EffectiveCluster]) {
    let hosts: usize = clusters.iter().map(|cluster| cluster.hosts.len()).sum();
    page.heading("Stages", "each begins when the one before is over on all of its machines");
    let machines: Vec<&str> = suite.machines.iter().map(|name| short_name(name)).collect();
    let count = match (machines.len(), hosts) {
        (0, _) => "no machine runs scripts".to_owned(),
        (some, all) if some == all => format!("{} run scripts: {}", plural(all, "machine"), list(&machines)),
        (some, all) => format!("{some} of {} run scripts: {}", plural(all, "machine"), list(&machines)),
    };
    page.wrapped(2, &count);
    let folder = format!("{}/", suite.folder);
    page.wrapped(2, &format!("paths of scripts are below {folder}, or else below the repository"));
    let titles: Vec<&str> = suite
        .stages
        .iter()
        .filter(|stage| stage.stage.as_str() == "run")
        .filter_map(|stage| stage.case.as_deref())
        .collect();
    let mut rows = Vec::new();
    let mut case = None;
    for stage in &suite.stages {
        if stage.case_index != case {
            case = stage.case_index;
            if let Some(index) = case {
                rows.push(vec![String::new(), title_of(titles.iter().copied(), index)]);
            }
        }
        rows.push(row(stage, suite, &folder));
    }
    page.table(&["", "STAGE", "ON", "DIGEST", "SCRIPT"], &rows);
}

fn row(stage: &PlannedStage, suite: &EffectiveSuite, folder: &str) -> Vec<String> {
    let title = match stage.case_index {
        None => format!("suite {}", stage.stage),
        Some(_) => format!("  {}", stage.stage),
    };
    let on = match &stage.machines {
        none if none.is_empty() => "none".to_owned(),
        all if *all == suite.machines => "all".to_owned(),
        some => {
            let names: Vec<&str> = some.iter().map(|name| short_name(name)).take(NAMED).collect();
            let more = if some.len() > NAMED { " …" } else { "" };
            format!("{}: {}{more}", some.len(), names.join(", "))
        }
    };
    let (digest, script) = match &stage.script {
        None => (String::new(), "none: passes at once".to_owned()),
        Some(script) => {
            let name = script.origin.strip_prefix(folder).unwrap_or(&script.origin);
            let problem = script.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default();
            (script.digest.as_deref().map(short).unwrap_or_default().to_owned(), format!("{name}{problem}"))
        }
    };
    vec![stage.number.to_string(), title, on, digest, script]
}

/// The tags in the scripts, with their values.
pub(super) fn tags(page: &mut Page, suite: &EffectiveSuite) {
    let mut used: BTreeMap<&str, (&PlannedTag, Vec<&str>)> = BTreeMap::new();
    for script in suite.stages.iter().filter_map(|stage| stage.script.as_ref()) {
        for tag in &script.tags {
            let (widest, origins) = used.entry(&tag.name).or_insert((tag, Vec::new()));
            if tag.values.len() > widest.values.len() {
                *widest = tag;
            }
            if !origins.contains(&script.origin.as_str()) {
                origins.push(&script.origin);
            }
        }
    }
    let unused = suite.tags.iter().filter(|(name, _)| !used.contains_key(name.as_str()));
    let unused: Vec<_> = unused.collect();
    if used.is_empty() && unused.is_empty() {
        return;
    }
    page.heading("Tags", "what scripts have in place of @tag@");
    let width = used.keys().copied().chain(unused.iter().map(|(name, _)| name.as_str()));
    let width = width.map(|name| name.chars().count() + 2).max().unwrap_or(0);
    for (name, (tag, origins)) in used {
        let lead = format!("  {:width$}  ", format!("@{name}@"));
        let scripts = plural(origins.len(), "script");
        match tag.from {
            TagSource::Machine => {
                let names: Vec<&str> = match &tag.value {
                    Some(only) => vec![only.as_str()],
                    None => suite.machines.iter().map(String::as_str).collect(),
                };
                page.item(&lead, &format!("the machine's own name: {} ({scripts})", list(&names)));
            }
            TagSource::Suite => {
                let value = tag.value.as_deref().unwrap_or_default();
                page.item(&lead, &format!("{value} (the suite's own; {scripts})"));
            }
            TagSource::Hypervisor => page.item(&lead, &format!("{} ({scripts})", tag.note)),
            TagSource::Unknown => {
                page.styled_item(&lead, &format!("{} ({})", tag.note, list(&origins)), ODD);
            }
        }
    }
    for (name, value) in unused {
        let lead = format!("  {:width$}  ", format!("@{name}@"));
        page.item(&lead, &format!("{value} (the suite's own; in no script of a stage)"));
    }
}

/// The limits, and who says so.
pub(super) fn limits(page: &mut Page, suite: &EffectiveSuite) {
    page.heading("Limits", "");
    let limits = &suite.limits;
    let time = |limit: &PlannedLimit| self::limit(Duration::from_millis(limit.value));
    let from = |limit: &PlannedLimit, field: &str| match limit.from {
        Origin::Definition => format!("definition, {field}"),
        Origin::Default => "default".to_owned(),
    };
    let row = |what: &str, value: String, from: String| vec![what.to_owned(), value, from];
    let rows = [
        row("any one stage", time(&limits.stage_ms), from(&limits.stage_ms, "ts.stage_timeout")),
        row("the whole run", time(&limits.run_ms), from(&limits.run_ms, "ts.timeout")),
        row("start of a cluster", time(&limits.cluster_start_ms), from(&limits.cluster_start_ms, "")),
        row("waiting for a place", time(&limits.queue_wait_ms), from(&limits.queue_wait_ms, "")),
        row("output kept per stage", human_bytes(limits.output_bytes.value), from(&limits.output_bytes, "")),
        row("kept per log file", human_bytes(limits.log_bytes.value), from(&limits.log_bytes, "")),
    ];
    page.table(&["", "", ""], &rows);
}

/// What is collected, and who is told.
pub(super) fn evidence(page: &mut Page, suite: &EffectiveSuite) {
    if !suite.logs.is_empty() {
        page.heading("Logs", "collected from each machine after each stage");
        for log in &suite.logs {
            page.wrapped(2, &log.path);
        }
    }
    if !suite.alerts.emails.is_empty() {
        let about = |policy: AlertPolicy| match policy {
            AlertPolicy::Suite => "about the run",
            AlertPolicy::Case => "about the run and each case",
            AlertPolicy::None => "none",
        };
        page.heading("Mail", "");
        let emails: Vec<&str> = suite.alerts.emails.iter().map(String::as_str).collect();
        let pairs = [
            ("to", list(&emails)),
            ("success", about(suite.alerts.success).to_owned()),
            ("failure", about(suite.alerts.failure).to_owned()),
        ];
        page.pairs(pairs.into_iter());
    }
}

/// When it starts, in words and in times.
pub(super) fn schedule(page: &mut Page, suite: &EffectiveSuite) {
    page.heading("Schedule", "");
    let Some(schedule) = &suite.schedule else {
        return page.wrapped(2, "none: it is started by hand only");
    };
    if !schedule.words.is_empty() {
        let zone = match schedule.timezone_from {
            Origin::Definition => schedule.timezone.clone(),
            Origin::Default => {
                format!("{} (ts.timezone is not written: an engine takes its own zone)", schedule.timezone)
            }
        };
        page.wrapped(2, &format!("{}, time zone {zone}", schedule.words));
        let missed = match schedule.missed {
            MissedStart::Skip => "missed starts are left out",
            MissedStart::Once => "missed starts are made up for by one run",
        };
        let overlap = match schedule.overlap {
            Overlap::Queue => "a start while a run goes on is queued",
            Overlap::Skip => "a start while a run goes on is left out",
        };
        let jitter = match schedule.jitter_ms {
            0 => String::new(),
            jitter => {
                format!(
                    "; each is put off by up to {}, at random",
                    self::limit(Duration::from_millis(jitter))
                )
            }
        };
        page.wrapped(2, &format!("{missed}; {overlap}{jitter}"));
    }
    if let Some(problem) = &schedule.problem {
        page.styled_item("  ", problem, BAD);
    }
    if !schedule.starts.is_empty() {
        page.raw(&format!("  {DIM}next {}{DIM:#}", plural(schedule.starts.len(), "start")));
    }
    for start in &schedule.starts {
        page.raw(&format!("    {}{}", weekday(&start.local), start.local));
    }
}

/// `Sat ` for `2026-11-28 02:30:00 CET`.
fn weekday(local: &str) -> String {
    let date: Option<Date> = local.get(..10).and_then(|date| date.parse().ok());
    date.map(|date| date.strftime("%a ").to_string()).unwrap_or_default()
}
