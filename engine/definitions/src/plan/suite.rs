//! A suite as it would run.

use xrdtest_model::definition::{CaseDefinition, ScriptRef, SuiteDefinition};
use xrdtest_model::plan::{Alerts, HostPlan};
use xrdtest_model::plan_document::{
    EffectiveCluster, EffectiveSuite, Origin, PlannedLimit, PlannedLimits, PlannedLog, PlannedScript,
    PlannedStage, Written,
};
use xrdtest_model::stage::StageKind;

use super::PlanOptions;
use super::schedule;
use super::tags::Surroundings;
use crate::draft::script::describe_script;
use crate::evaluate::files::Files;
use crate::snapshot::network::hexadecimal;
use crate::snapshot::select;

pub(super) struct Planner<'a> {
    pub(super) suite: &'a SuiteDefinition,
    pub(super) written: Option<&'a Written>,
    pub(super) files: Files,
    pub(super) clusters: &'a [EffectiveCluster],
    pub(super) options: &'a PlanOptions,
}

impl Planner<'_> {
    pub(super) fn plan(&self) -> EffectiveSuite {
        let suite = self.suite;
        let hosts: Vec<&HostPlan> = self.clusters.iter().flat_map(|cluster| &cluster.hosts).collect();
        let around = Surroundings { of_suite: &suite.tags, hosts: &hosts };
        let mut problems = Vec::new();
        let all: Vec<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        let machines = chosen(&suite.machines, &all, "", &mut problems);
        let stages = self.stages(&machines, &around, &mut problems);
        EffectiveSuite {
            title: suite.desc_name.clone(),
            folder: suite.source.folder.clone(),
            limits: self.limits(),
            schedule: schedule::planned(suite, self.options.now),
            tags: suite.tags.clone(),
            logs: suite
                .logs
                .iter()
                .map(|path| PlannedLog { path: path.clone(), paths: around.paths(path, &machines) })
                .collect(),
            alerts: Alerts {
                emails: suite.alert_emails.clone(),
                success: suite.alert_success,
                failure: suite.alert_failure,
            },
            stages,
            machines,
            problems,
        }
    }

    fn limits(&self) -> PlannedLimits {
        let defaults = &self.options.snapshot.limits;
        let of = |written: Option<u64>, default: u64| PlannedLimit {
            value: written.unwrap_or(default),
            from: if written.is_some() { Origin::Definition } else { Origin::Default },
        };
        PlannedLimits {
            run_ms: of(self.suite.timeout_ms, defaults.run_ms),
            stage_ms: of(self.suite.stage_timeout_ms, defaults.stage_ms),
            cluster_start_ms: of(None, defaults.cluster_start_ms),
            queue_wait_ms: of(None, defaults.queue_wait_ms),
            output_bytes: of(None, defaults.output_bytes),
            log_bytes: of(None, defaults.log_bytes),
        }
    }

    fn stages(
        &self,
        machines: &[String],
        around: &Surroundings<'_>,
        problems: &mut Vec<String>,
    ) -> Vec<PlannedStage> {
        let mut stages = Vec::new();
        let mut add =
            |case: Option<(u32, &CaseDefinition)>, stage, script: Option<&ScriptRef>, on: &[String]| {
                stages.push(PlannedStage {
                    number: stages.len() + 1,
                    case_index: case.map(|(index, _)| index),
                    case: case.map(|(_, case)| case.name.clone()),
                    stage,
                    machines: on.to_vec(),
                    script: script.map(|script| self.script(script, on, around)),
                });
            };
        add(None, StageKind::Initialize, self.suite.initialize.as_ref(), machines);
        let all: Vec<&str> = machines.iter().map(String::as_str).collect();
        for (index, case) in (0u32..).zip(&self.suite.tests) {
            let on = chosen(&case.machines, &all, &format!("case {}: ", case.name), problems);
            let case = Some((index, case));
            let scripts =
                case.map(|(_, case)| [&case.initialize, &case.run, &case.finalize]).into_iter().flatten();
            for (kind, script) in
                [StageKind::Initialize, StageKind::Run, StageKind::Finalize].into_iter().zip(scripts)
            {
                add(case, kind, script.as_ref(), &on);
            }
        }
        add(None, StageKind::Finalize, self.suite.finalize.as_ref(), machines);
        let unreadable = stages.iter().filter_map(|stage| {
            let script = stage.script.as_ref()?;
            Some(format!("script {}: {}", script.origin, script.problem.as_ref()?))
        });
        let mut unreadable: Vec<String> = unreadable.collect();
        unreadable.dedup();
        problems.extend(unreadable);
        if self.suite.initialize.is_none() && self.written.is_some() {
            problems.push("it has no initialize script".to_owned());
        }
        stages
    }

    fn script(&self, script: &ScriptRef, machines: &[String], around: &Surroundings<'_>) -> PlannedScript {
        let options = &self.options.snapshot;
        let origin = describe_script(script).to_owned();
        match options.scripts.read(script, &self.files, options.fetched_file) {
            Ok(text) => PlannedScript {
                origin,
                digest: Some(hexadecimal(&text)),
                bytes: Some(text.len() as u64),
                problem: None,
                tags: around.tags(&text, machines),
            },
            Err(problem) => PlannedScript {
                origin,
                digest: None,
                bytes: None,
                problem: Some(problem.to_string()),
                tags: Vec::new(),
            },
        }
    }
}

/// The machines that names mean; those that mean one where others do not.
fn chosen(written: &[String], all: &[&str], whose: &str, problems: &mut Vec<String>) -> Vec<String> {
    match select(written, all) {
        Ok(machines) => machines,
        Err(problem) => {
            problems.push(format!("{whose}{problem}"));
            let good: Vec<String> = written
                .iter()
                .filter(|name| select(std::slice::from_ref(*name), all).is_ok())
                .cloned()
                .collect();
            if good.is_empty() { Vec::new() } else { select(&good, all).unwrap_or_default() }
        }
    }
}
