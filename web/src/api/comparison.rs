//! What is different between two runs.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::{Path, State};
use schemars::JsonSchema;
use serde::Deserialize;
use xrdtest_model::api::{
    ComparedMetric, ComparedRun, ComparedStage, Comparison, MetricValue, RunSummary, StageEnd,
};
use xrdtest_model::document::RunRecord;
use xrdtest_model::{RunId, RunPlan, StageId, StageKind, Verdict};
use xrdtest_report::RunRecorder;
use xrdtest_store::RunFilter;

use super::Shared;
use super::extract::Params;
use super::problem::{Answer, Failure};
use super::{journal, runs};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct With {
    /// The run to compare with; absent: the last one of the suite before it that passed, else the one before it.
    with: Option<RunId>,
}

pub(crate) async fn show(
    State(engine): State<Shared>,
    Path(run): Path<RunId>,
    Params(With { with }): Params<With>,
) -> Answer<Json<Comparison>> {
    let other = match with {
        Some(other) => other,
        None => last_good_before(&engine, &run).await?,
    };
    Ok(Json(compare(&engine, &other, &run).await?))
}

/// The last run of the suite before it that passed; where there is none, the one before it.
pub(crate) async fn last_good_before(engine: &Shared, run: &RunId) -> Answer<RunId> {
    let summary = runs::summary_of(engine, run).await?;
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
        let words =
            format!("{} was never run before {run}: there is nothing to compare with.", summary.suite);
        Failure::not_found(words).help("name the other run")
    })?;
    Ok(other.run)
}

/// Of both runs all that is over.
pub(crate) async fn compare(engine: &Shared, old: &RunId, new: &RunId) -> Answer<Comparison> {
    let (new, old) = (Side::read(engine, new).await?, Side::read(engine, old).await?);
    let (definition, stages, metrics) =
        (differences(&old.plan, &new.plan), stages(&old, &new), metrics(&old, &new));
    Ok(Comparison { old: old.told(), new: new.told(), definition, stages, metrics })
}

/// One of the two.
struct Side {
    summary: RunSummary,
    record: RunRecord,
    plan: RunPlan,
}

impl Side {
    async fn read(engine: &Shared, run: &RunId) -> Answer<Self> {
        let summary = runs::summary_of(engine, run).await?;
        let mut recorder = RunRecorder::new(run.clone());
        journal::each(&*engine.store(), run, 0, |event| recorder.apply(event)).await?;
        let plan = recorder.plan().cloned().ok_or_else(|| Failure::unknown_run(run))?;
        Ok(Self { summary, record: runs::record(engine, run, recorder).await?, plan })
    }

    /// By title of the case (`None`: the suite's own), kind, machine.
    fn ends(&self) -> BTreeMap<Place<'_>, StageEnd> {
        let ends = self.record.stages.iter().map(|stage| {
            let case = stage.case_index.map(|index| self.plan.case_title(index));
            let id = StageId { case: stage.case_index, kind: stage.stage };
            let folder = self.plan.stages().any(|known| known == id).then(|| self.plan.stage_folder(id));
            let end = StageEnd { outcome: stage.outcome, duration_ms: stage.duration_ms, folder };
            ((case, stage.stage.as_str(), &*stage.machine), end)
        });
        ends.collect()
    }

    fn metrics(&self) -> BTreeMap<(&str, &str), MetricValue> {
        let stated = self.record.stages.iter().flat_map(|stage| {
            stage.metrics.iter().map(|metric| {
                let value = MetricValue { value: metric.value, unit: metric.unit.clone() };
                ((metric.name.as_str(), stage.machine.as_str()), value)
            })
        });
        stated.collect()
    }

    fn told(self) -> ComparedRun {
        let machines = self.plan.hosts_that_take_part().into_iter().map(str::to_owned).collect();
        ComparedRun {
            summary: self.summary,
            duration_ms: self.record.duration_ms,
            origin: self.plan.origin,
            images: self.record.images,
            machines,
        }
    }
}

/// A stage on a machine, by names: positions may differ.
type Place<'a> = (Option<String>, &'static str, &'a str);

fn stages(old: &Side, new: &Side) -> Vec<ComparedStage> {
    let (before, after) = (old.ends(), new.ends());
    let mut machines = new.plan.hosts_that_take_part();
    for machine in old.plan.hosts_that_take_part() {
        if !machines.contains(&machine) {
            machines.push(machine);
        }
    }
    let mut compared = Vec::new();
    for (case, stage) in rows(&old.plan, &new.plan) {
        for machine in &machines {
            let place = (case.clone(), stage.as_str(), *machine);
            let (old, new) = (before.get(&place).cloned(), after.get(&place).cloned());
            if old.is_some() || new.is_some() {
                let machine = (*machine).to_owned();
                compared.push(ComparedStage { case: case.clone(), stage, machine, old, new });
            }
        }
    }
    compared
}

/// Title of the case and kind of all stages with scripts: those of the new run, then those that are gone.
fn rows(old: &RunPlan, new: &RunPlan) -> Vec<(Option<String>, StageKind)> {
    let of = |plan: &RunPlan| -> Vec<(Option<String>, StageKind)> {
        let stages = plan.stages().filter(|stage| plan.script(*stage).is_some());
        stages.map(|stage| (stage.case.map(|index| plan.case_title(index)), stage.kind)).collect()
    };
    let mut rows = of(new);
    for row in of(old) {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

fn metrics(old: &Side, new: &Side) -> Vec<ComparedMetric> {
    let (before, after) = (old.metrics(), new.metrics());
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).copied().collect();
    let compared = keys.into_iter().map(|key @ (name, machine)| ComparedMetric {
        name: name.to_owned(),
        machine: machine.to_owned(),
        old: before.get(&key).cloned(),
        new: after.get(&key).cloned(),
    });
    compared.collect()
}

/// What of the definition is different, as far as it was used.
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
}
