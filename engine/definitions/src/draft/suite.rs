//! A suite with the places of its fields.

use std::collections::BTreeMap;

use xrdtest_model::definition::{
    AlertPolicy, CaseDefinition, CoreDumps, MissedStart, Overlap, Schedule, ScriptRef, SuiteDefinition,
    Timing,
};
use xrdtest_schedule::Zone;

use super::DefinitionFile;
use super::script::parse_script;
use crate::evaluate::Evaluated;
use crate::evaluate::files::Files;
use crate::language::object::{Handle, Object, text_of};
use crate::place::{Located, Place};
use xrdtest_model::time::parse_duration;

/// A suite as written.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) file: DefinitionFile,
    /// The place for what is missing.
    pub(crate) place: Place,
    pub(crate) object: Handle,
    pub(crate) name: Option<Located<String>>,
    pub(crate) desc_name: Option<String>,
    pub(crate) clusters: Vec<Located<String>>,
    pub(crate) machines: Vec<Located<String>>,
    pub(crate) schedule: Option<RawSchedule>,
    pub(crate) timezone: Option<Located<String>>,
    pub(crate) missed: Option<Located<String>>,
    pub(crate) overlap: Option<Located<String>>,
    pub(crate) jitter: Option<Located<String>>,
    pub(crate) tests: Vec<Case>,
    pub(crate) initialize: Option<Located<String>>,
    pub(crate) finalize: Option<Located<String>>,
    pub(crate) logs: Vec<Located<String>>,
    pub(crate) alert_emails: Vec<Located<String>>,
    pub(crate) alert_success: Option<Located<String>>,
    pub(crate) alert_failure: Option<Located<String>>,
    pub(crate) core_dumps: Option<Located<String>>,
    pub(crate) timeout: Option<Located<String>>,
    pub(crate) stage_timeout: Option<Located<String>>,
    pub(crate) tags: Vec<(Located<String>, Located<String>)>,
}

/// `ts.schedule` as written.
#[derive(Debug)]
pub(crate) enum RawSchedule {
    Fields(Vec<(Located<String>, Located<String>)>),
    Cron(Located<String>),
}

/// A case as written.
#[derive(Debug)]
pub(crate) struct Case {
    /// Where it stands in `ts.tests`.
    pub(crate) place: Place,
    pub(crate) name: Option<Located<String>>,
    pub(crate) machines: Vec<Located<String>>,
    pub(crate) initialize: Option<Located<String>>,
    pub(crate) run: Option<Located<String>>,
    pub(crate) finalize: Option<Located<String>>,
    /// Whether `name` was written, even if wrongly.
    pub(crate) has_name: bool,
    /// Whether `run` was written, even if wrongly.
    pub(crate) has_run: bool,
}

impl Suite {
    pub(crate) fn new(file: DefinitionFile, evaluated: Evaluated) -> Self {
        let handle = evaluated.object.clone();
        let object = handle.lock();
        let cases = object.items("tests");
        let schedule = match object.map("schedule") {
            Some(fields) => Some(RawSchedule::Fields(fields)),
            None => object.text("schedule").map(RawSchedule::Cron),
        };
        let suite = Self {
            file,
            place: evaluated.place,
            object: evaluated.object,
            name: object.text("name"),
            desc_name: object.text("descName").map(|text| text.value),
            clusters: object.texts("clusters"),
            machines: object.texts("machines"),
            schedule,
            timezone: object.text("timezone"),
            missed: object.text("missed"),
            overlap: object.text("overlap"),
            jitter: object.text("jitter"),
            tests: Vec::new(),
            initialize: object.text("initialize"),
            finalize: object.text("finalize"),
            logs: object.texts("logs"),
            alert_emails: object.texts("alert_emails"),
            alert_success: object.text("alert_success"),
            alert_failure: object.text("alert_failure"),
            core_dumps: object.text("core_dumps"),
            timeout: object.text("timeout"),
            stage_timeout: object.text("stage_timeout"),
            tags: object.map("tags").unwrap_or_default(),
        };
        // Cases are objects of their own: no two guards at once.
        drop(object);
        let mut tests: Vec<Case> = cases.into_iter().map(Case::new).collect();
        if let Some(cases) = evaluated.cases {
            tests.extend(cases.into_iter().map(|case| Case::of_object(&case.value.lock(), case.place)));
        }
        Self { tests, ..suite }
    }

    /// Whether nothing was written for a field, not even wrongly.
    pub(crate) fn lacks(&self, field: &str) -> bool {
        self.object.lock().lacks(field)
    }

    /// Whether a field was set to something that fits.
    pub(crate) fn has(&self, field: &str) -> bool {
        let object = self.object.lock();
        object.slot(field).is_some_and(|slot| slot.value.is_some())
    }

    /// Where a field's value stands; the definition's function where it was not set.
    pub(crate) fn place_of(&self, field: &str) -> Place {
        let object = self.object.lock();
        object.slot(field).map_or_else(|| self.place.clone(), |slot| slot.origin.place())
    }

    /// The suite for the catalogue.
    pub(crate) fn to_model(&self, files: &Files, repository: &str, broken: bool) -> SuiteDefinition {
        let script = |text: &Option<Located<String>>| self.script(text.as_ref());
        SuiteDefinition {
            name: self.file.stem.clone(),
            desc_name: self.desc_name.clone(),
            clusters: texts(&self.clusters),
            machines: texts(&self.machines),
            schedule: self.schedule.as_ref().map(RawSchedule::to_model),
            timing: self.timing(),
            tests: self.tests.iter().map(|case| self.case(case, files)).collect(),
            initialize: script(&self.initialize),
            finalize: script(&self.finalize),
            logs: texts(&self.logs),
            alert_emails: texts(&self.alert_emails),
            alert_success: policy(self.alert_success.as_ref()).unwrap_or(AlertPolicy::Suite),
            alert_failure: policy(self.alert_failure.as_ref()).unwrap_or(AlertPolicy::Case),
            core_dumps: self.core_dumps.as_ref().and_then(|text| core_dumps(&text.value)).unwrap_or_default(),
            timeout_ms: duration(self.timeout.as_ref()),
            stage_timeout_ms: duration(self.stage_timeout.as_ref()),
            tags: pairs(&self.tags),
            source: self.file.source(repository, broken),
        }
    }

    fn timing(&self) -> Timing {
        let zone = self.timezone.as_ref().and_then(|text| Zone::find(&text.value));
        Timing {
            timezone: zone.map(|zone| zone.name().to_owned()),
            missed: self.missed.as_ref().and_then(|text| missed(&text.value)).unwrap_or_default(),
            overlap: self.overlap.as_ref().and_then(|text| overlap(&text.value)).unwrap_or_default(),
            jitter_ms: duration(self.jitter.as_ref()),
        }
    }

    fn script(&self, text: Option<&Located<String>>) -> Option<ScriptRef> {
        parse_script(&text?.value, &self.file.folder).ok()
    }

    /// A case with what it lacks taken from its folder.
    fn case(&self, case: &Case, files: &Files) -> CaseDefinition {
        let name = case.name.as_ref().map(|name| name.value.clone()).unwrap_or_default();
        let script = |text: &Option<Located<String>>, file: &str| {
            self.script(text.as_ref()).or_else(|| {
                let path = self.case_file(&name, file);
                files.exists(&path).then_some(ScriptRef::File(path))
            })
        };
        CaseDefinition {
            machines: texts(&case.machines),
            initialize: script(&case.initialize, "init.sh"),
            run: script(&case.run, "run.sh"),
            finalize: script(&case.finalize, "finalize.sh"),
            name,
        }
    }

    /// The path of a case's folder.
    pub(crate) fn case_folder(&self, case: &str) -> String {
        format!("{}/tc/{case}", self.file.folder)
    }

    /// The path of a file in a case's folder.
    pub(crate) fn case_file(&self, case: &str, file: &str) -> String {
        format!("{}/tc/{case}/{file}", self.file.folder)
    }
}

impl Case {
    /// A name, or an object.
    fn new(item: Located<rhai::Dynamic>) -> Self {
        if let Some(handle) = Handle::of(&item.value) {
            return Self::of_object(&handle.lock(), item.place);
        }
        Self {
            name: text_of(&item.value).map(|value| Located { value, place: item.place.clone() }),
            place: item.place,
            machines: Vec::new(),
            initialize: None,
            run: None,
            finalize: None,
            has_name: true,
            has_run: false,
        }
    }

    fn of_object(object: &Object, place: Place) -> Self {
        Self {
            place,
            name: object.text("name"),
            machines: object.texts("machines"),
            initialize: object.text("initialize"),
            run: object.text("run"),
            finalize: object.text("finalize"),
            has_name: !object.lacks("name"),
            has_run: !object.lacks("run"),
        }
    }
}

impl RawSchedule {
    pub(crate) fn to_model(&self) -> Schedule {
        match self {
            Self::Fields(fields) => Schedule::Fields(pairs(fields)),
            Self::Cron(text) => Schedule::Cron(text.value.clone()),
        }
    }
}

/// The policy that a text names.
pub(crate) fn policy(text: Option<&Located<String>>) -> Option<AlertPolicy> {
    match text?.value.as_str() {
        "SUITE" => Some(AlertPolicy::Suite),
        "CASE" => Some(AlertPolicy::Case),
        "NONE" => Some(AlertPolicy::None),
        _ => None,
    }
}

/// What `core_dumps` says.
pub(crate) fn core_dumps(text: &str) -> Option<CoreDumps> {
    match text {
        "MARK" => Some(CoreDumps::Mark),
        "FAIL" => Some(CoreDumps::Fail),
        "OFF" => Some(CoreDumps::Off),
        _ => None,
    }
}

/// What `missed` says.
pub(crate) fn missed(text: &str) -> Option<MissedStart> {
    match text {
        "skip" => Some(MissedStart::Skip),
        "once" => Some(MissedStart::Once),
        _ => None,
    }
}

/// What `overlap` says.
pub(crate) fn overlap(text: &str) -> Option<Overlap> {
    match text {
        "queue" => Some(Overlap::Queue),
        "skip" => Some(Overlap::Skip),
        _ => None,
    }
}

fn duration(text: Option<&Located<String>>) -> Option<u64> {
    parse_duration(&text?.value)
}

pub(crate) fn texts(located: &[Located<String>]) -> Vec<String> {
    located.iter().map(|text| text.value.clone()).collect()
}

fn pairs(entries: &[(Located<String>, Located<String>)]) -> BTreeMap<String, String> {
    entries.iter().map(|(key, value)| (key.value.clone(), value.value.clone())).collect()
}
