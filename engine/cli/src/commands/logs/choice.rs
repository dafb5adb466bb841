//! Which machines and stages are wanted.

use anyhow::bail;
use xrdtest_model::definition::short_name;
use xrdtest_model::{Event, EventBody, RunPlan, StageId};

/// What the user chose, held against the run's plan.
#[derive(Debug)]
pub(super) struct Choice {
    /// FQDNs, in the order of the definition.
    pub(super) machines: Vec<String>,
    /// More than one stage may be printed.
    pub(super) several_stages: bool,
    stages: Vec<StageId>,
}

/// A stage that began, with the chosen machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) title: String,
    pub(super) folder: String,
    /// Hosts with the number of the attempt.
    pub(super) machines: Vec<(String, u32)>,
}

impl Choice {
    /// Empty lists: all.
    pub(super) fn new(plan: &RunPlan, machines: &[String], stages: &[String]) -> anyhow::Result<Self> {
        let is_host = |asked: &String, host: &String| asked == host || asked == short_name(host);
        for asked in machines {
            if !plan.machines.iter().any(|host| is_host(asked, host)) {
                bail!("the run has no machine `{asked}`; its machines are {}", plan.machines.join(", "));
            }
        }
        let folders: Vec<_> = plan.stages().map(|stage| (stage, plan.stage_folder(stage))).collect();
        for asked in stages {
            if !folders.iter().any(|(_, folder)| is_stage(asked, folder)) {
                let known: Vec<_> = folders.iter().map(|(_, folder)| folder.as_str()).collect();
                bail!("the run has no stage `{asked}`; its stages are {}", known.join(", "));
            }
        }
        let wanted = |folder: &str| stages.is_empty() || stages.iter().any(|asked| is_stage(asked, folder));
        let stages: Vec<_> =
            folders.iter().filter(|(_, folder)| wanted(folder)).map(|(stage, _)| *stage).collect();
        let wanted =
            |host: &&String| machines.is_empty() || machines.iter().any(|asked| is_host(asked, host));
        Ok(Self {
            machines: plan.machines.iter().filter(wanted).cloned().collect(),
            several_stages: stages.len() > 1,
            stages,
        })
    }

    /// The stage that an event begins, where it is wanted.
    pub(super) fn begun(&self, plan: &RunPlan, event: &Event) -> Option<Stage> {
        let EventBody::StageStarted { stage, machines, .. } = &event.body else { return None };
        let chosen = machines.iter().filter(|(machine, _)| self.machines.contains(&machine.host));
        let machines: Vec<_> = chosen.map(|(machine, attempt)| (machine.host.clone(), *attempt)).collect();
        (self.stages.contains(stage) && !machines.is_empty()).then(|| Stage {
            title: plan.stage_title(*stage),
            folder: plan.stage_folder(*stage),
            machines,
        })
    }
}

/// `03-copy_to-run` is also `03`, `3`, `copy_to-run` and `copy_to`.
pub(super) fn is_stage(asked: &str, folder: &str) -> bool {
    let Some((number, name)) = folder.split_once('-') else { return asked == folder };
    let same_number = asked.parse::<u32>().is_ok_and(|asked| number.parse() == Ok(asked));
    let subject = name.rsplit_once('-').map_or(name, |(subject, _)| subject);
    asked == folder || same_number || asked == name || asked == subject
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_by_name() {
        for asked in ["03-copy_to-run", "03", "3", "copy_to-run", "copy_to"] {
            assert!(is_stage(asked, "03-copy_to-run"), "{asked}");
        }
        for asked in ["30", "copy", "run", "03-copy_to", ""] {
            assert!(!is_stage(asked, "03-copy_to-run"), "{asked}");
        }
    }

    #[test]
    fn what_a_run_does_not_have_is_said() {
        let golden = include_str!("../../../../model/tests/golden/events-1.jsonl");
        let events: Vec<Event> = golden.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let EventBody::RunQueued { plan, .. } = &events[0].body else { panic!("{:?}", events[0]) };
        let choice = Choice::new(plan, &["ds1".to_owned()], &[]).unwrap();
        assert_eq!(choice.machines, ["ds1.xrd.test"]);
        let begun: Vec<_> = events.iter().filter_map(|event| choice.begun(plan, event)).collect();
        assert_eq!(begun[0].folder, "01-suite-initialize");
        let error = Choice::new(plan, &["ds9".to_owned()], &[]).unwrap_err();
        assert_eq!(error.to_string(), "the run has no machine `ds9`; its machines are ds1.xrd.test");
        let error = Choice::new(plan, &[], &["nothing".to_owned()]).unwrap_err();
        assert!(
            error.to_string().starts_with("the run has no stage `nothing`; its stages are 01-"),
            "{error}"
        );
    }
}
