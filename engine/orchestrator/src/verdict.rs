//! What a case or a run amounts to, and why, in words: rule 8 of the rules of a run and nothing else.

use std::collections::BTreeMap;

use xrdtest_model::{Outcome, StageKind, Verdict};

use crate::state::{Brief, CaseEnd};
use crate::words::list;

/// The outcomes of one stage by host.
pub(crate) type Outcomes = BTreeMap<String, Brief>;

/// Why a run begins nothing new, the first that fits in the order of rule 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled(String),
    Lost(String),
    TimedOut(String),
}

impl Stop {
    /// In words.
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::Cancelled(words) | Self::Lost(words) | Self::TimedOut(words) => words,
        }
    }
}

/// What the verdict of a case rests on.
#[derive(Debug, Default)]
pub(crate) struct CaseFacts<'a> {
    /// The outcomes of the stages that have any, in order.
    pub(crate) stages: Vec<(StageKind, &'a Outcomes)>,
    /// Why the run begins nothing new, where it does not.
    pub(crate) stop: Option<&'a Stop>,
    /// The case is given up without its finalize stage.
    pub(crate) forced: bool,
}

/// What the verdict of a run rests on.
#[derive(Debug, Default)]
pub(crate) struct RunFacts<'a> {
    /// Who cancelled it, and why.
    pub(crate) cancelled: Option<String>,
    /// Why its clusters did not come up.
    pub(crate) not_up: Option<String>,
    /// Machines that were given up, with the reasons.
    pub(crate) lost: Option<String>,
    /// That it hit its own limit.
    pub(crate) timed_out: Option<String>,
    pub(crate) initialize: Option<&'a Outcomes>,
    pub(crate) finalize: Option<&'a Outcomes>,
    /// The cases that are over, with their names.
    pub(crate) cases: Vec<(&'a str, &'a CaseEnd)>,
    /// How many there are in the plan.
    pub(crate) planned: usize,
}

impl CaseFacts<'_> {
    fn any(&self, outcomes: &[Outcome]) -> bool {
        self.stages.iter().any(|(_, stage)| has_any(Some(stage), outcomes))
    }

    fn of(&self, kind: StageKind) -> Option<&Outcomes> {
        let of_kind = self.stages.iter().find(|(stage, _)| *stage == kind);
        of_kind.map(|(_, outcomes)| *outcomes)
    }

    /// Its run stage was left out although nothing in the case itself spoke against it.
    fn cut_short(&self) -> bool {
        has_any(self.of(StageKind::Run), &[Outcome::NotRun])
            && self.of(StageKind::Initialize).is_none_or(passed)
    }

    fn ran(&self) -> bool {
        self.of(StageKind::Run).is_some_and(|run| !run.is_empty() && passed(run))
    }

    /// `initialize failed on ds1.xrd.test (exit code 1); finalize timed out on …`
    fn words(&self) -> String {
        let stages = self.stages.iter().filter_map(|(kind, outcomes)| {
            let told = describe(outcomes);
            (!told.is_empty() && !has_any(Some(outcomes), &[Outcome::NotRun]))
                .then(|| format!("{kind} {told}"))
        });
        let mut parts: Vec<String> = stages.collect();
        if let (true, Some(stop)) = (self.cut_short(), self.stop) {
            parts.push(format!("not run: {}", stop.words()));
        }
        parts.join("; ")
    }
}

/// The verdict of a case: the first that fits.
pub(crate) fn of_case(facts: &CaseFacts<'_>) -> CaseEnd {
    let cut = facts.stop.filter(|_| facts.cut_short());
    let cancelled =
        facts.any(&[Outcome::Cancelled]) || facts.forced || matches!(cut, Some(Stop::Cancelled(_)));
    let verdict = if cancelled {
        Verdict::Cancelled
    } else if facts.any(&[Outcome::Lost]) || matches!(cut, Some(Stop::Lost(_))) {
        Verdict::Error
    } else if facts.any(&[Outcome::Failed, Outcome::Killed]) {
        Verdict::Failed
    } else if facts.any(&[Outcome::TimedOut]) || matches!(cut, Some(Stop::TimedOut(_))) {
        Verdict::TimedOut
    } else if facts.ran() {
        Verdict::Passed
    } else {
        Verdict::Error
    };
    let reason = match (verdict, facts.stop) {
        (Verdict::Passed, _) => String::new(),
        (Verdict::Cancelled, Some(stop @ Stop::Cancelled(_))) => stop.words().to_owned(),
        _ => Some(facts.words())
            .filter(|words| !words.is_empty())
            .unwrap_or_else(|| "nothing was run".to_owned()),
    };
    CaseEnd { verdict, reason }
}

/// The verdict of a run: the first that fits.
pub(crate) fn of_run(facts: &RunFacts<'_>) -> (Verdict, String) {
    if let Some(words) = &facts.cancelled {
        return (Verdict::Cancelled, words.clone());
    }
    if let Some(words) = error_of_run(facts) {
        return (Verdict::Error, words);
    }
    if let Some(words) = &facts.timed_out {
        return (Verdict::TimedOut, words.clone());
    }
    if let Some(words) = failure_of_run(facts) {
        return (Verdict::Failed, words);
    }
    if facts.initialize.is_none() || facts.cases.is_empty() {
        return (Verdict::Error, "no case was run".to_owned());
    }
    if facts.cases.len() < facts.planned {
        return (Verdict::Error, "not every case was run".to_owned());
    }
    (Verdict::Passed, String::new())
}

fn error_of_run(facts: &RunFacts<'_>) -> Option<String> {
    if let Some(words) = &facts.not_up {
        return Some(words.clone());
    }
    if has_any(facts.initialize, &[Outcome::Lost]) {
        return initialize_words(facts);
    }
    let mut errors = facts.cases.iter().filter(|(_, end)| end.verdict == Verdict::Error);
    match (errors.next(), &facts.lost) {
        (Some((name, end)), _) => Some(format!("{name}: {}", end.reason)),
        (None, Some(words)) => Some(words.clone()),
        (None, None) => None,
    }
}

fn failure_of_run(facts: &RunFacts<'_>) -> Option<String> {
    if facts.initialize.is_some_and(|outcomes| !passed(outcomes)) {
        return initialize_words(facts);
    }
    let bad = facts.cases.iter().filter(|(_, end)| end.verdict != Verdict::Passed);
    let told: Vec<String> =
        bad.map(|(name, end)| format!("{name} {}: {}", end.verdict, end.reason)).collect();
    let finalize = facts.finalize.filter(|outcomes| !passed(outcomes));
    let finalize = finalize.map(|outcomes| format!("suite finalize {}", describe(outcomes)));
    match (told.as_slice(), facts.planned) {
        ([], _) => finalize,
        ([only], 1) => Some(only.clone()),
        (some, planned) => {
            let number = some.len();
            Some(format!("{number} of {planned} cases did not pass: {}", first_of(some)))
        }
    }
}

/// The first of the cases that did not pass: the reason of a run is a line in lists, mails and messages, and each case
/// has its own beside it.
fn first_of(told: &[String]) -> String {
    const NAMED: usize = 3;
    match told.len().saturating_sub(NAMED) {
        0 => told.join(", "),
        more => format!("{} and {more} more", told[..NAMED].join(", ")),
    }
}

fn initialize_words(facts: &RunFacts<'_>) -> Option<String> {
    let told = describe(facts.initialize?);
    Some(format!("suite initialize {told}; no case was run"))
}

/// Whether every outcome is `passed`.
pub(crate) fn passed(outcomes: &Outcomes) -> bool {
    outcomes.values().all(|brief| brief.outcome == Outcome::Passed)
}

fn has_any(stage: Option<&Outcomes>, outcomes: &[Outcome]) -> bool {
    stage.is_some_and(|stage| stage.values().any(|brief| outcomes.contains(&brief.outcome)))
}

/// What was not passed where: `failed on ds1.xrd.test and ds2.xrd.test (exit code 3), was killed on …`. Empty where
/// everything passed.
pub(crate) fn describe(outcomes: &Outcomes) -> String {
    // The worst first, machines with the same story together.
    const ORDER: [Outcome; 6] = [
        Outcome::Lost,
        Outcome::Failed,
        Outcome::Killed,
        Outcome::TimedOut,
        Outcome::Cancelled,
        Outcome::NotRun,
    ];
    let mut parts = Vec::new();
    for outcome in ORDER {
        let mut stories: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (host, brief) in outcomes.iter().filter(|(_, brief)| brief.outcome == outcome) {
            stories.entry(detail(brief)).or_default().push(host);
        }
        for (story, hosts) in stories {
            let hosts = list(&hosts);
            let verb = verb(outcome);
            parts.push(match story.as_str() {
                "" => format!("{verb} on {hosts}"),
                _ => format!("{verb} on {hosts} ({story})"),
            });
        }
    }
    parts.join(", ")
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Killed => "was killed",
        Outcome::TimedOut => "timed out",
        Outcome::Lost => "was lost",
        Outcome::Cancelled => "was cancelled",
        Outcome::NotRun => "was not run",
    }
}

fn detail(brief: &Brief) -> String {
    let number = match (brief.exit_code, brief.signal) {
        // A script that exited with 0 has failed for the reason alone.
        (Some(code), _) if brief.outcome == Outcome::Failed && code != 0 => format!("exit code {code}"),
        (_, Some(signal)) if brief.outcome == Outcome::Killed => format!("signal {signal}"),
        _ => String::new(),
    };
    match (number.as_str(), brief.reason.as_str()) {
        ("", reason) => reason.to_owned(),
        (_, "") => number,
        (_, reason) => format!("{number}: {reason}"),
    }
}

#[cfg(test)]
mod tests;
