//! Messages for people, as Slack and Mattermost have them.

use std::time::Duration;

use serde_json::{Value, json};
use xrdtest_model::Verdict;
use xrdtest_model::time::human;
use xrdtest_model::webhook::{WebhookDocument, WebhookEnding, WebhookEvent};

use super::document::{cut, is_bad};
use crate::text::readable;

/// Endings that are told, those whose output is shown, and its lines.
const ENDINGS: usize = 6;
const OUTPUTS: usize = 2;
const LINES: usize = 5;
/// Cases that are named.
const CASES: usize = 10;
/// Crashes that are told, beside those that endings tell.
const CRASHES: usize = 3;
/// Characters of a part of a message: Slack takes 3000.
const PART: usize = 2900;

/// How a server writes text. What comes from scripts and definitions is always escaped.
struct Markup {
    escape: fn(&str) -> String,
    /// Text that is escaped, and an address.
    link: fn(&str, &str) -> String,
    /// What makes text bold.
    bold: &'static str,
}

const SLACK: Markup = Markup {
    escape: |text| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
    link: |text, address| format!("<{address}|{}>", text.replace('|', "¦")),
    bold: "*",
};

const MATTERMOST: Markup = Markup {
    escape: |text| {
        let mut escaped = String::with_capacity(text.len());
        for c in text.chars() {
            if r"\`*[]<>~|#".contains(c) {
                escaped.push('\\');
            }
            escaped.push(c);
            // So that nobody is called by it.
            if c == '@' {
                escaped.push('\u{200b}');
            }
        }
        escaped
    },
    link: |text, address| format!("[{text}]({address})"),
    bold: "**",
};

pub(super) fn slack(document: &WebhookDocument) -> Value {
    let part = |text: String| json!({ "type": "mrkdwn", "text": text });
    let mut blocks = Vec::new();
    let details = SLACK.details(document);
    if !details.is_empty() {
        blocks.push(json!({ "type": "section", "text": part(details) }));
    }
    let facts = SLACK.facts(document);
    if !facts.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [part(facts)] }));
    }
    let mut message = json!({ "text": SLACK.headline(document) });
    if let (false, Some(fields)) = (blocks.is_empty(), message.as_object_mut()) {
        let attachment =
            json!({ "color": colour(document), "fallback": document.headline, "blocks": blocks });
        fields.insert("attachments".to_owned(), json!([attachment]));
    }
    message
}

pub(super) fn mattermost(document: &WebhookDocument) -> Value {
    let parts = [MATTERMOST.details(document), MATTERMOST.facts(document)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let mut message = json!({ "text": MATTERMOST.headline(document) });
    if let (false, Some(fields)) = (parts.is_empty(), message.as_object_mut()) {
        let text = parts.join("\n\n");
        let attachment = json!({ "color": colour(document), "fallback": document.headline, "text": text });
        fields.insert("attachments".to_owned(), json!([attachment]));
    }
    message
}

/// Of the bar beside a message; what it says the words say too.
fn colour(document: &WebhookDocument) -> &'static str {
    let case = document.cases.iter().find(|case| Some(case.index) == document.case);
    match (document.run.verdict).or(case.and_then(|case| case.verdict)) {
        Some(Verdict::Passed) => "#2e7d32",
        Some(Verdict::Failed | Verdict::TimedOut) => "#c62828",
        Some(Verdict::Error) => "#ef6c00",
        Some(Verdict::Cancelled) | None => "#757575",
    }
}

impl Markup {
    fn text(&self, text: &str) -> String {
        (self.escape)(&readable(&text.replace('\n', " ")))
    }

    fn linked(&self, text: &str, address: Option<&String>) -> String {
        match address {
            Some(address) => (self.link)(&self.text(text), address),
            None => self.text(text),
        }
    }

    fn headline(&self, document: &WebhookDocument) -> String {
        let words = self.linked(&document.headline, document.run.link.as_ref());
        format!("{0}{words}{0}", self.bold)
    }

    /// Why, which cases, and what on which machine.
    fn details(&self, document: &WebhookDocument) -> String {
        let mut lines = Vec::new();
        let of_case = document.cases.iter().find(|case| Some(case.index) == document.case);
        let reason = of_case.map_or(&document.run.reason, |case| &case.reason);
        if !reason.is_empty() {
            lines.push(cut(&self.text(reason), 600));
        }
        if document.event == WebhookEvent::RunFinished {
            lines.extend(self.cases(document));
        }
        self.crashes(document, &mut lines);
        let mut told = 0;
        for ending in document.endings.iter().take(ENDINGS) {
            let line = self.ending(ending, told < OUTPUTS);
            // What would be cut might leave a block of code open.
            if !fits(&lines, &line) {
                break;
            }
            lines.push(line);
            told += 1;
        }
        let left = usize::try_from(document.endings_left_out).unwrap_or(0) + document.endings.len() - told;
        if left > 0 {
            lines.push(format!("and {left} more"));
        }
        lines.join("\n")
    }

    /// `Cases that did not pass: copy_to (new failure), copy_from (still failing)`.
    fn cases(&self, document: &WebhookDocument) -> Option<String> {
        let bad = document.cases.iter().filter(|case| {
            case.verdict.is_some_and(|verdict| verdict != Verdict::Passed) || case.change.is_some()
        });
        let all: Vec<String> = bad
            .map(|case| match case.change {
                Some(change) => format!("{} ({})", cut(&self.text(&case.name), 100), change.words()),
                None => cut(&self.text(&case.name), 100),
            })
            .collect();
        let more = match all.len().saturating_sub(CASES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = all.iter().take(CASES).cloned().collect::<Vec<_>>().join(", ");
        (!all.is_empty()).then(|| format!("Cases: {named}{more}"))
    }

    /// `copy_to / run on ds1.xrd.test: passed, but crashed: xrootd (SIGSEGV)`. What did not pass says it by itself.
    fn crashes(&self, document: &WebhookDocument, lines: &mut Vec<String>) {
        let all: Vec<_> = document.crashes.iter().filter(|crash| !is_bad(crash.outcome)).collect();
        let mut left = usize::try_from(document.crashes_left_out).unwrap_or(0) + all.len();
        for crash in all.into_iter().take(CRASHES) {
            let place = self.linked(&format!("{} on {}", crash.title, crash.machine), crash.link.as_ref());
            let line = format!("{place}: {}, but crashed: {}", crash.outcome, self.text(&crash.words));
            if fits(lines, &line) {
                lines.push(line);
                left -= 1;
            }
        }
        if left > 0 {
            lines.push(format!("and {left} more crashes"));
        }
    }

    fn ending(&self, ending: &WebhookEnding, with_output: bool) -> String {
        let title = self.linked(&format!("{} on {}", ending.title, ending.machine), ending.link.as_ref());
        let mut text = format!("• {title}: {}", cut(&self.text(&ending.words), 300));
        let from = ending.output.len().saturating_sub(LINES);
        if with_output && !ending.output.is_empty() {
            let lines: Vec<String> = ending.output[from..].iter().map(|line| cut(&code(line), 160)).collect();
            text.push_str(&format!("\n```\n{}\n```", self.in_code(&lines.join("\n"))));
        }
        text
    }

    /// Text of a block of code: there nothing is markup but what Slack escapes.
    fn in_code(&self, text: &str) -> String {
        if self.bold == SLACK.bold { (self.escape)(text) } else { text.to_owned() }
    }

    /// Run, who asked for it, since when, how long, from what.
    fn facts(&self, document: &WebhookDocument) -> String {
        let run = &document.run;
        if run.id.is_empty() {
            return String::new();
        }
        let mut facts = vec![format!("Run {}", self.linked(&run.id, run.link.as_ref()))];
        if !run.trigger.is_empty() {
            facts.push(format!("asked for by {}", cut(&self.text(&run.trigger), 300)));
        }
        facts.push(format!("began {}", self.text(&run.started)));
        if document.event == WebhookEvent::RunFinished {
            facts.push(format!("took {}", human(Duration::from_millis(run.duration_ms))));
        }
        if let Some(origin) = &run.origin {
            facts.push(format!("made from {}", self.text(&origin.to_string())));
        }
        facts.join(" · ")
    }
}

/// Whether a part of a message has room for one more line.
fn fits(lines: &[String], line: &String) -> bool {
    lines.iter().chain([line]).map(|line| line.chars().count() + 1).sum::<usize>() <= PART
}

/// A line of a block of code, which it can't end.
fn code(line: &str) -> String {
    line.replace("```", "'''")
}
