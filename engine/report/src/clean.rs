//! Other people's words in a record, made fit for any document.

use xrdtest_model::document::RunRecord;

use crate::text::{is_xml, readable};

/// The record without control characters and what XML forbids; outputs keep their lines.
pub(crate) fn clean(run: &RunRecord) -> RunRecord {
    let mut run = run.clone();
    for text in [&mut run.suite, &mut run.reason, &mut run.trigger] {
        *text = line(text);
    }
    for case in &mut run.cases {
        (case.name, case.reason) = (line(&case.name), line(&case.reason));
    }
    for stage in &mut run.stages {
        stage.case = stage.case.as_deref().map(line);
        stage.reason = line(&stage.reason);
        stage.no_cores = line(&stage.no_cores);
        for crash in &mut stage.crashes {
            for text in [&mut crash.subject, &mut crash.function, &mut crash.note] {
                *text = line(text);
            }
        }
        stage.output = lines(&stage.output).join("\n");
    }
    for console in &mut run.consoles {
        console.tail = lines(&console.tail).join("\n");
    }
    run.tags = run.tags.iter().map(|(name, value)| (line(name), line(value))).collect();
    if let Some(origin) = &mut run.origin {
        for text in [&mut origin.branch, &mut origin.author].into_iter().flatten() {
            *text = line(text);
        }
    }
    run
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| readable(line).chars().filter(|c| is_xml(*c)).collect()).collect()
}

/// All of it in one line.
fn line(text: &str) -> String {
    lines(text).join(" ")
}
