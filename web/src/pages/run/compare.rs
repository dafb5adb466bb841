//! `/runs/RUN/compare/OTHER`: what is different between two runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};
use xrdtest_model::api::RunSummary;
use xrdtest_model::definition::short_name;
use xrdtest_model::document::StageRecord;
use xrdtest_model::time::{human, utc};
use xrdtest_model::{Outcome, RunId, RunPlan, StageKind, Verdict};
use xrdtest_store::RunFilter;

use super::super::failure::{PageAnswer, PageFailure};
use super::super::parts::{self, run_link, suite_link};
use super::super::shell::Shell;
use super::view::RunView;
use crate::api::{Shared, runs};

/// With the last run of the suite before it that passed; where there is none, with the one before it.
pub(in super::super) async fn with_last_passed(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
) -> PageAnswer<Redirect> {
    let summary = runs::summary_of(&engine, &run).await?;
    let filter = RunFilter {
        suite: Some(summary.suite.clone()),
        before: Some(summary.queued),
        limit: 1,
        ..RunFilter::default()
    };
    let passed = RunFilter { verdict: Some(Verdict::Passed), ..filter.clone() };
    let mut found = engine.store().runs(passed).await?;
    if found.is_empty() {
        found = engine.store().runs(filter).await?;
    }
    let other = found.pop().ok_or_else(|| {
        PageFailure::not_found(format!(
            "{} was never run before {run}: there is nothing to compare with.",
            summary.suite
        ))
    })?;
    Ok(Redirect::temporary(&format!("/runs/{run}/compare/{}", other.run)))
}

pub(in super::super) async fn page(
    State(engine): State<Shared>,
    Path((run, other)): Path<(RunId, RunId)>,
) -> PageAnswer<Markup> {
    let new = Side::read(&engine, &run).await?;
    let old = Side::read(&engine, &other).await?;
    let content = html! {
        header.title {
            h1 { (suite_link(&new.summary.suite)) }
            p.quiet { (run_link(&run)) " compared with " (run_link(&other)) }
        }
        section.panel { h2 { "The runs" } (facts(&old, &new)) }
        section.panel { h2 { "Definition" } (definitions(&old.view.plan, &new.view.plan)) }
        section.panel { h2 { "Stages" } (stages(&old, &new)) }
        (metrics(&old, &new))
        p { a.button href={ "/runs/" (other) "/compare/" (run) } { "The other way round" } }
    };
    Ok(Shell::new(&format!("{run} compared")).area("/runs").render(&content))
}

/// One of the two.
struct Side {
    summary: RunSummary,
    view: RunView,
}

impl Side {
    async fn read(engine: &Shared, run: &RunId) -> PageAnswer<Self> {
        Ok(Self { summary: runs::summary_of(engine, run).await?, view: RunView::read(engine, run).await? })
    }

    /// By title of the case (empty: the suite's own), kind, machine.
    fn results(&self) -> BTreeMap<Place, &StageRecord> {
        let plan = &self.view.plan;
        let place = |stage: &StageRecord| {
            let case = stage.case_index.map(|index| plan.case_title(index)).unwrap_or_default();
            Place { case, kind: stage.stage.as_str(), machine: stage.machine.clone() }
        };
        self.view.record.stages.iter().map(|stage| (place(stage), stage)).collect()
    }
}

/// A stage on a machine, by names: positions may differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    case: String,
    kind: &'static str,
    machine: String,
}

fn facts(old: &Side, new: &Side) -> Markup {
    let took = |side: &Side| human(Duration::from_millis(side.view.record.duration_ms));
    let origin = |side: &Side| side.view.plan.origin.as_ref().map_or("–".to_owned(), ToString::to_string);
    let images = |side: &Side| {
        let images: Vec<_> = side
            .view
            .record
            .images
            .iter()
            .map(|image| format!("{} {:.12}", image.name, image.digest))
            .collect();
        images.join(", ")
    };
    let rows = [
        ("By", old.summary.trigger.clone(), new.summary.trigger.clone()),
        ("Files", origin(old), origin(new)),
        ("Images", images(old), images(new)),
        ("Why", old.view.record.reason.clone(), new.view.record.reason.clone()),
    ];
    html! {
        div.scroll tabindex="0" {
            table.compared {
                thead { tr { th { "" } th { (run_link(&old.summary.run)) } th { (run_link(&new.summary.run)) } } }
                tbody {
                    tr {
                        th scope="row" { "Verdict" }
                        td { (parts::verdict(old.summary.verdict, false)) }
                        td { (parts::verdict(new.summary.verdict, false)) }
                    }
                    // These are always different.
                    tr { th scope="row" { "Asked for" } td { (utc(old.summary.queued)) } td { (utc(new.summary.queued)) } }
                    tr { th scope="row" { "Took" } td { (took(old)) } td { (took(new)) } }
                    @for (what, old, new) in rows.iter().filter(|(_, old, new)| !old.is_empty() || !new.is_empty()) {
                        tr.changed[old != new] { th scope="row" { (what) } td.words { (old) } td.words { (new) } }
                    }
                }
            }
        }
    }
}

/// What of the definition is different, as far as it was used.
fn definitions(old: &RunPlan, new: &RunPlan) -> Markup {
    let differences = differences(old, new);
    html! {
        @if differences.is_empty() {
            p.quiet { "It is the same: cases, scripts, machines, clusters, tags and limits." }
        } @else {
            ul { @for difference in &differences { li.words { (difference) } } }
        }
    }
}

fn differences(old: &RunPlan, new: &RunPlan) -> Vec<String> {
    let mut found = Vec::new();
    let titles = |plan: &RunPlan| -> Vec<String> {
        (0u32..).zip(&plan.cases).map(|(index, _)| plan.case_title(index)).collect()
    };
    lists(&mut found, "case", &titles(old), &titles(new));
    lists(&mut found, "machine", &old.machines, &new.machines);
    let names = |plan: &RunPlan| -> Vec<String> {
        plan.clusters.iter().map(|cluster| cluster.name.clone()).collect()
    };
    lists(&mut found, "cluster", &names(old), &names(new));
    for cluster in &new.clusters {
        let before = old.clusters.iter().find(|known| known.name == cluster.name);
        if before.is_some_and(|before| before != cluster) {
            found.push(format!("cluster {} was changed", cluster.name));
        }
    }
    let (before, after) = (scripts(old), scripts(new));
    for (name, digest) in &after {
        match before.get(name) {
            Some(known) if known != digest => found.push(format!("script {name} was changed")),
            Some(_) => {}
            None => found.push(format!("script {name} is new")),
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    found.extend(gone.map(|name| format!("script {name} is gone")));
    for (what, same) in [
        ("tags", old.tags == new.tags),
        ("limits", old.limits == new.limits),
        ("collected logs", old.logs == new.logs),
    ] {
        if !same {
            found.push(format!("{what} were changed"));
        }
    }
    found
}

fn lists(found: &mut Vec<String>, what: &str, old: &[String], new: &[String]) {
    let missing = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|name| !other.contains(name)).cloned().collect()
    };
    found.extend(missing(new, old).into_iter().map(|name| format!("{what} {name} is new")));
    found.extend(missing(old, new).into_iter().map(|name| format!("{what} {name} is gone")));
}

/// Digests of all scripts, by where they came from and what for.
fn scripts(plan: &RunPlan) -> BTreeMap<String, &str> {
    let scripts = plan.stages().filter_map(|stage| {
        let script = plan.script(stage)?;
        Some((format!("{} ({})", script.origin, plan.stage_title(stage)), script.digest.as_str()))
    });
    scripts.collect()
}

/// A row per stage, a column per machine; what ended otherwise than before stands out.
fn stages(old: &Side, new: &Side) -> Markup {
    let (before, after) = (old.results(), new.results());
    let mut machines = new.view.machines();
    for machine in old.view.machines() {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let rows = rows(&old.view.plan, &new.view.plan);
    html! {
        div.scroll tabindex="0" {
            table.matrix {
                thead { tr { th { "Case" } th { "Stage" } @for machine in &machines { th title=(machine) { (short_name(machine)) } } } }
                tbody {
                    @for (case, kind) in &rows {
                        @let place = |machine: &str| Place { case: case.clone(), kind, machine: machine.to_owned() };
                        tr {
                            th scope="row" { @if case.is_empty() { "suite" } @else { (case) } }
                            th scope="row" { (kind) }
                            @for machine in &machines {
                                @let place = place(machine);
                                (cell(before.get(&place).copied(), after.get(&place).copied(), new))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Title of the case and kind of all stages with scripts: those of the new run, then those that are gone.
fn rows(old: &RunPlan, new: &RunPlan) -> Vec<(String, &'static str)> {
    let of = |plan: &RunPlan| -> Vec<(String, StageKind)> {
        let stages = plan.stages().filter(|stage| plan.script(*stage).is_some());
        let title = |case: Option<u32>| case.map(|index| plan.case_title(index)).unwrap_or_default();
        stages.map(|stage| (title(stage.case), stage.kind)).collect()
    };
    let mut rows = of(new);
    for row in of(old) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows.into_iter().map(|(case, kind)| (case, kind.as_str())).collect()
}

fn cell(old: Option<&StageRecord>, new: Option<&StageRecord>, side: &Side) -> Markup {
    let word = |stage: Option<&StageRecord>| stage.map(|stage| stage.outcome.as_str().replace('_', " "));
    let (before, after) = (word(old), word(new));
    if old.is_none() && new.is_none() {
        return html! { td.cell.aside { "–" } };
    }
    let address = new
        .filter(|stage| stage.outcome != Outcome::NotRun)
        .and_then(|stage| side.view.output_address(stage));
    html! {
        td class={ "cell " (new.map_or("aside", |stage| stage.outcome.as_str())) } {
            @match &before {
                Some(word) if before != after => { s.quiet { (word) } " " },
                Some(_) => {},
                None => span.quiet { "– " },
            }
            @match &after { Some(word) => a href=[address] { (word) }, None => "–" }
            @if let (Some(old), Some(new)) = (old, new) {
                span.took { (durations(old.duration_ms, new.duration_ms)) }
            }
        }
    }
}

/// `1.2 s, was 3.4 s`; where they are much the same only the new one.
fn durations(old: u64, new: u64) -> String {
    let text = |millis: u64| human(Duration::from_millis(millis));
    let much = old.abs_diff(new) > 200 && old.abs_diff(new) * 4 > old.min(new);
    if much { format!("{}, was {}", text(new), text(old)) } else { text(new) }
}

fn metrics(old: &Side, new: &Side) -> Markup {
    let of = |side: &Side| {
        let mut all = BTreeMap::new();
        for stage in &side.view.record.stages {
            for metric in &stage.metrics {
                let key = (metric.name.clone(), stage.machine.clone());
                all.insert(key, (metric.value.get(), metric.unit.clone()));
            }
        }
        all
    };
    let (before, after) = (of(old), of(new));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let value =
        |of: Option<&(f64, String)>| of.map_or("–".to_owned(), |(value, unit)| format!("{value} {unit}"));
    html! {
        @if !keys.is_empty() {
            section.panel {
                h2 { "Metrics" }
                div.scroll tabindex="0" {
                    table {
                        thead { tr { th { "Name" } th { "Machine" } th.number { "Before" } th.number { "Now" } th.number { "Change" } } }
                        tbody {
                            @for key in keys {
                                tr {
                                    td { (key.0) } td { (short_name(&key.1)) }
                                    td.number { (value(before.get(key))) } td.number { (value(after.get(key))) }
                                    td.number { (change(before.get(key), after.get(key))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn change(old: Option<&(f64, String)>, new: Option<&(f64, String)>) -> String {
    match (old, new) {
        (Some((old, of)), Some((new, unit))) if of == unit && *old != 0.0 => {
            format!("{:+.1} %", 100.0 * (new - old) / old.abs())
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use xrdtest_store::conformance::story::Story;

    use super::*;

    #[test]
    fn what_is_different_in_a_definition() {
        let old = Story::new("r", "s", 2).plan;
        assert_eq!(differences(&old, &old), Vec::<String>::new());
        let mut new = Story::new("r", "s", 3).plan;
        let mut script = (*new.cases[0].run).clone();
        script.digest = "1".repeat(64);
        new.cases[0].run = Arc::new(script);
        new.limits.stage_ms += 1;
        assert_eq!(
            differences(&old, &new),
            [
                "machine ds3.xrd.test is new",
                "cluster cluster_ds was changed",
                "script run.sh (copy_to / run) was changed",
                "limits were changed"
            ]
        );
        assert_eq!(differences(&new, &old)[0], "machine ds3.xrd.test is gone");
    }

    #[test]
    fn changes_that_matter() {
        assert!(!durations(1000, 1100).contains("was"), "{}", durations(1000, 1100));
        assert!(durations(1000, 3000).contains(", was 1"), "{}", durations(1000, 3000));
        let number = |value: f64| (value, "MB/s".to_owned());
        assert_eq!(change(Some(&number(80.0)), Some(&number(60.0))), "-25.0 %");
        assert_eq!(change(None, Some(&number(60.0))), "");
    }
}
