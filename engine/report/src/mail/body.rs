//! What a mail says, before it is text or HTML.

use std::time::Duration;

use xrdtest_model::document::{RunRecord, StageRecord};
use xrdtest_model::time::human;
use xrdtest_model::{Outcome, RunPlan, StageId, Verdict};

use super::{About, Before, Common};
use crate::findings::plural;
use crate::news::headline;
use crate::summary::{case_title, ending, stage_title};
use crate::text::readable;

/// Lines of an output.
const LINES: usize = 15;
/// Characters of a line.
const WIDTH: usize = 200;
/// Stages that are shown with their output.
const SHOWN: usize = 8;
/// Cases that are named.
const CASES: usize = 200;
/// Consoles that are shown.
const CONSOLES: usize = 3;

/// What a mail says.
pub(super) struct Body {
    pub(super) headline: String,
    /// Empty where there is nothing to say.
    pub(super) why: String,
    pub(super) facts: Vec<Fact>,
    /// Cases in a line each.
    pub(super) cases: Vec<String>,
    /// What did not pass on which machine.
    pub(super) pieces: Vec<Piece>,
    /// What is left out; may be empty.
    pub(super) more: String,
    /// Why there is this mail.
    pub(super) footer: String,
}

/// Something to know of the run.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// Empty where there is none.
    pub(super) link: String,
}

/// The end of an output or a console.
pub(super) struct Piece {
    pub(super) title: String,
    pub(super) ending: String,
    pub(super) link: String,
    pub(super) lines: Vec<String>,
}

impl Body {
    pub(super) fn new(
        plan: &RunPlan,
        record: &RunRecord,
        about: About,
        before: &Before,
        together: &[u32],
        common: &Common,
    ) -> Self {
        let why = match about {
            About::Case(index) => record.cases.iter().find(|case| case.index == index).map(|it| &it.reason),
            About::Run => Some(&record.reason),
        };
        let (pieces, left_out) = pieces(plan, record, about, common);
        let footer = format!(
            "You get this because alert_emails of the suite {} names you; alert_success and alert_failure say about what.",
            record.suite
        );
        Self {
            headline: readable(&headline(record, about, before)),
            why: why.map(|why| readable(&why.replace('\n', " "))).unwrap_or_default(),
            facts: facts(record, about, common),
            cases: if about == About::Run { cases(record, before, together) } else { Vec::new() },
            pieces,
            more: if left_out > 0 {
                format!("and {}", plural(left_out, "more ending"))
            } else {
                String::new()
            },
            footer,
        }
    }
}

fn facts(record: &RunRecord, about: About, common: &Common) -> Vec<Fact> {
    let link = match common.link.as_str() {
        "" => String::new(),
        base => format!("{base}/runs/{}", record.id),
    };
    let mut facts = vec![Fact { name: "Run", value: record.id.clone(), link }];
    let mut fact = |name: &'static str, value: String| {
        if !value.is_empty() {
            facts.push(Fact { name, value: readable(&value.replace('\n', " ")), link: String::new() });
        }
    };
    fact("Asked for by", record.trigger.clone());
    fact("Began", record.started.clone());
    if about == About::Run {
        fact("Took", human(Duration::from_millis(record.duration_ms)));
        let counted =
            |verdict: Option<Verdict>| record.cases.iter().filter(|it| it.verdict == verdict).count();
        let words = [
            (Some(Verdict::Passed), "passed"),
            (Some(Verdict::Failed), "failed"),
            (Some(Verdict::TimedOut), "timed out"),
            (Some(Verdict::Error), "ended in an error"),
            (Some(Verdict::Cancelled), "cancelled"),
            (None, "not begun"),
        ];
        let counts = words.iter().map(|(verdict, word)| (counted(*verdict), word)).filter(|(n, _)| *n > 0);
        let counts: Vec<String> = counts.map(|(n, word)| format!("{n} {word}")).collect();
        fact("Cases", counts.join(", "));
    }
    fact("Crashed", crashes(record, about));
    fact("Made from", record.origin.as_ref().map(ToString::to_string).unwrap_or_default());
    facts
}

/// What crashed on which machine, in one line.
fn crashes(record: &RunRecord, about: About) -> String {
    let of_this = |stage: &&StageRecord| match about {
        About::Case(index) => stage.case_index == Some(index),
        About::Run => true,
    };
    let stages = record.stages.iter().filter(of_this);
    let all: Vec<String> = stages
        .flat_map(|stage| stage.crashes.iter().map(move |crash| (stage, crash)))
        .map(|(stage, crash)| {
            format!("{} on {} in {}", crash.title(), stage.machine, stage_title(record, stage))
        })
        .collect();
    match all.len().saturating_sub(SHOWN) {
        0 => all.join(", "),
        more => format!("{} and {more} more", all[..SHOWN].join(", ")),
    }
}

/// The cases that did not pass, and those that had no mail of their own.
fn cases(record: &RunRecord, before: &Before, together: &[u32]) -> Vec<String> {
    let all = record.cases.iter().filter(|case| {
        case.verdict.is_some_and(|verdict| verdict != Verdict::Passed) || together.contains(&case.index)
    });
    let mut lines: Vec<String> = Vec::new();
    let mut left = 0;
    for case in all {
        if lines.len() == CASES {
            left += 1;
            continue;
        }
        let title = case_title(record, case.index);
        let mut line = format!("{title}: {}", case.verdict.map(|it| it.to_string()).unwrap_or_default());
        if let Some(change) = before.change_of_case(&title, case.verdict) {
            line.push_str(&format!(" ({})", change.words()));
        }
        if !case.reason.is_empty() {
            line.push_str(&format!(": {}", case.reason));
        }
        lines.push(cut(&readable(&line.replace('\n', " "))));
    }
    if left > 0 {
        lines.push(format!("and {}", plural(left, "more case")));
    }
    if !together.is_empty() {
        lines.push(format!(
            "{} had no mail of their own: there were too many.",
            plural(together.len(), "case")
        ));
    }
    lines
}

/// What did not pass, and how much of it is left out.
fn pieces(plan: &RunPlan, record: &RunRecord, about: About, common: &Common) -> (Vec<Piece>, usize) {
    let of_this = |stage: &&StageRecord| match about {
        About::Case(index) => stage.case_index == Some(index),
        About::Run => true,
    };
    let bad = |stage: &&StageRecord| !matches!(stage.outcome, Outcome::Passed | Outcome::NotRun);
    let all: Vec<&StageRecord> = record.stages.iter().filter(of_this).filter(bad).collect();
    let mut pieces: Vec<Piece> =
        all.iter().take(SHOWN).map(|stage| piece(plan, record, stage, common)).collect();
    if record.verdict == Some(Verdict::Error) && about == About::Run {
        let told =
            record.consoles.iter().filter(|it| !it.tail.is_empty() && record.reason.contains(&it.machine));
        pieces.extend(told.take(CONSOLES).map(|console| Piece {
            title: console.machine.clone(),
            ending: "the end of its console".to_owned(),
            link: String::new(),
            lines: last(&console.tail),
        }));
    }
    (pieces, all.len().saturating_sub(SHOWN))
}

fn piece(plan: &RunPlan, record: &RunRecord, stage: &StageRecord, common: &Common) -> Piece {
    let id = StageId { case: stage.case_index, kind: stage.stage };
    let folder = plan.stage_folder(id);
    let link = match common.link.as_str() {
        "" => String::new(),
        base => format!("{base}/runs/{}/outputs/{folder}/{}", record.id, stage.machine),
    };
    Piece {
        title: format!("{} on {}", stage_title(record, stage), stage.machine),
        ending: readable(&ending(stage).replace('\n', " ")),
        link,
        lines: last(&stage.output),
    }
}

fn last(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| cut(&readable(line))).collect()
}

fn cut(line: &str) -> String {
    let mut cut: String = line.chars().take(WIDTH).collect();
    if cut.len() < line.len() {
        cut.push('…');
    }
    cut
}
