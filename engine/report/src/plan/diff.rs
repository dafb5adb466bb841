//! What a change to a repository alters, for people.

use xrdtest_model::Diagnostic;
use xrdtest_model::plan_diff::{Change, DefinitionChange, FieldChange, FileChange, PlanDiff};
use xrdtest_model::plan_document::Written;

use super::page::{BAD, BOLD, DIM, GOOD, ODD, Page, list, short};
use crate::findings::plural;
use crate::text::readable;

/// Characters of a value that are shown.
const VALUE: usize = 200;

/// The change for people, at most so many columns wide where words allow it.
pub fn diff(diff: &PlanDiff, width: usize) -> String {
    let mut page = Page::new(width);
    let subject = diff.only.as_deref().unwrap_or("all definitions");
    let commit = match diff.commit.get(..12) {
        Some(commit) if !diff.revision.starts_with(commit) => format!("{} ({commit})", diff.revision),
        _ => diff.revision.clone(),
    };
    page.raw(&format!("{BOLD}{subject}{BOLD:#}: {commit} {DIM}->{DIM:#} the files as they are now"));
    if diff.is_empty() {
        page.raw("nothing changes");
        return page.into_text();
    }
    for (kind, changes) in [("suite", &diff.suites), ("cluster", &diff.clusters)] {
        for change in changes {
            definition(&mut page, kind, change);
        }
    }
    if !diff.files.is_empty() {
        page.heading("Library", "files in lib/");
        diff.files.iter().for_each(|change| file(&mut page, change));
    }
    findings(&mut page, "New findings", &diff.introduced, "");
    findings(&mut page, "Findings that are no more", &diff.fixed, "");
    page.raw("");
    page.wrapped(0, &summary(diff));
    page.into_text()
}

fn summary(diff: &PlanDiff) -> String {
    let count = |changes: &[DefinitionChange], what: &str| {
        let of = |change: Change| changes.iter().filter(|one| one.change == change).count();
        let parts = [
            (of(Change::Added), "added"),
            (of(Change::Removed), "removed"),
            (of(Change::Changed), "changed"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts = parts.map(|(count, how)| format!("{count} {how}")).collect::<Vec<_>>().join(", ");
        (!changes.is_empty()).then(|| format!("{what}: {parts}"))
    };
    let errors = (diff.errors > 0).then(|| format!("{} in what there is now", plural(diff.errors, "error")));
    let parts = [count(&diff.suites, "suites"), count(&diff.clusters, "clusters"), errors];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn definition(page: &mut Page, kind: &str, change: &DefinitionChange) {
    let (sign, style, how) = match change.change {
        Change::Added => ("+", GOOD, "new"),
        Change::Removed => ("-", BAD, "gone"),
        Change::Changed => ("~", ODD, ""),
    };
    page.raw("");
    let name = &change.name;
    let how = if how.is_empty() { String::new() } else { format!("  {DIM}{how}{DIM:#}") };
    page.raw(&format!("{style}{sign}{style:#} {BOLD}{kind} {name}{BOLD:#}{how}"));
    if !change.used_by.is_empty() {
        let users: Vec<&str> = change.used_by.iter().map(String::as_str).collect();
        page.item("    used by ", &list(&users));
    }
    if change.evaluated_now == Some(false) {
        page.styled_item("    ", "it can't be evaluated now", BAD);
    }
    if change.evaluated_before == Some(false) && change.evaluated_now == Some(true) {
        page.wrapped(4, "it could not be evaluated before");
    }
    change.fields.iter().for_each(|change| field(page, change));
    change.files.iter().for_each(|change| file(page, change));
}

/// One line where it fits, else the old value above the new one.
fn field(page: &mut Page, change: &FieldChange) {
    let lead = format!("    {}: ", change.field);
    if let Some((gone, new)) = elements(change) {
        gone.iter().for_each(|name| page.styled_item(&format!("    - {}: ", change.field), name, BAD));
        new.iter().for_each(|name| page.styled_item(&format!("    + {}: ", change.field), name, GOOD));
        return;
    }
    let (old, new) = (change.old.as_ref().map(value), change.new.as_ref().map(value));
    match (old, new) {
        (Some(old), Some(new)) => {
            if lead.chars().count() + old.chars().count() + new.chars().count() + 3 <= page.width() {
                page.raw(&format!("{lead}{old} {DIM}->{DIM:#} {new}"));
            } else {
                page.raw(lead.trim_end());
                page.styled_item("      - ", &old, BAD);
                page.styled_item("      + ", &new, GOOD);
            }
        }
        (None, Some(new)) => page.styled_item(&format!("    + {}: ", change.field), &new, GOOD),
        (Some(old), None) => page.styled_item(&format!("    - {}: ", change.field), &old, BAD),
        (None, None) => {}
    }
}

/// What went out of an array of strings and what came into it, where that is all that changed.
fn elements(change: &FieldChange) -> Option<(Vec<&str>, Vec<&str>)> {
    let (old, new) = (texts(change.old.as_ref()?)?, texts(change.new.as_ref()?)?);
    let gone: Vec<&str> = old.iter().filter(|text| !new.contains(text)).copied().collect();
    let come: Vec<&str> = new.iter().filter(|text| !old.contains(text)).copied().collect();
    let kept = old.iter().filter(|text| new.contains(text));
    let same_order = kept.eq(new.iter().filter(|text| old.contains(text)));
    (same_order && !(gone.is_empty() && come.is_empty())).then_some((gone, come))
}

fn texts(written: &Written) -> Option<Vec<&str>> {
    let Written::List(items) = written else { return None };
    let texts = items.iter().map(|item| match item {
        Written::Text(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

fn file(page: &mut Page, change: &FileChange) {
    let (sign, style) = match change.change {
        Change::Added => ("+", GOOD),
        Change::Removed => ("-", BAD),
        Change::Changed => ("~", ODD),
    };
    let digests = match (&change.old, &change.new) {
        (Some(old), Some(new)) => format!("{} -> {}", short(old), short(new)),
        (Some(one), None) | (None, Some(one)) => short(one).to_owned(),
        (None, None) => String::new(),
    };
    page.raw(&format!("    {style}{sign}{style:#} {}  {DIM}{digests}{DIM:#}", change.file));
    if !change.stages.is_empty() {
        let stages: Vec<&str> = change.stages.iter().map(String::as_str).collect();
        page.item("        script of ", &list(&stages));
    }
}

fn findings(page: &mut Page, title: &str, findings: &[Diagnostic], note: &str) {
    if findings.is_empty() {
        return;
    }
    page.heading(title, note);
    for Diagnostic { file, span, code, severity, message, .. } in findings {
        page.wrapped(2, &format!("{file}:{}:{}: {severity}[{code}]: {message}", span.line, span.column));
    }
}

/// A value on one line.
fn value(written: &Written) -> String {
    let text = match written {
        Written::Text(text) if !text.is_empty() && !text.contains('\n') => text.clone(),
        Written::Text(text) => format!("{text:?}"),
        // Strings, numbers and lists are always written.
        other => serde_json::to_string(other).unwrap_or_default(),
    };
    let text = readable(&text);
    match text.char_indices().nth(VALUE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
