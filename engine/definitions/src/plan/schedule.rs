//! When a suite starts.

use xrdtest_model::Timestamp;
use xrdtest_model::definition::SuiteDefinition;
use xrdtest_model::plan_document::{Origin, PlannedSchedule, PlannedStart};
use xrdtest_schedule::{Timetable, Zone};

/// So many starts are told.
const STARTS: usize = 10;

/// The suite's schedule, and its next starts after a time.
pub(super) fn planned(suite: &SuiteDefinition, now: Timestamp) -> Option<PlannedSchedule> {
    let schedule = suite.schedule.as_ref()?;
    let named = suite.timing.timezone.as_deref().and_then(Zone::find);
    let timezone_from = if named.is_some() { Origin::Definition } else { Origin::Default };
    let zone = named.unwrap_or_else(Zone::utc);
    let mut planned = PlannedSchedule {
        words: String::new(),
        timezone: zone.name().to_owned(),
        timezone_from,
        missed: suite.timing.missed,
        overlap: suite.timing.overlap,
        jitter_ms: suite.timing.jitter_ms.unwrap_or(0),
        starts: Vec::new(),
        problem: None,
    };
    match Timetable::new(schedule) {
        Ok(timetable) => {
            planned.words = timetable.words();
            let starts = timetable.starts_after(now, &zone).take(STARTS);
            let start = |at| PlannedStart { at: rfc3339(at), local: zone.show(at) };
            planned.starts = starts.map(start).collect();
            planned.problem = planned.starts.is_empty().then(|| "it never starts".to_owned());
        }
        Err(problem) => planned.problem = Some(problem.to_string()),
    }
    Some(planned)
}

fn rfc3339(at: Timestamp) -> String {
    let shown = Zone::utc().show(at);
    shown
        .strip_suffix(" UTC")
        .map_or_else(|| shown.clone(), |shown| format!("{}Z", shown.replacen(' ', "T", 1)))
}
