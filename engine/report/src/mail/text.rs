//! A mail as text.

use std::fmt::Write;

use super::body::Body;

pub(super) fn text(body: &Body) -> String {
    let mut text = format!("{}\n", body.headline);
    if !body.why.is_empty() {
        let _ = writeln!(text, "{}", body.why);
    }
    text.push('\n');
    for fact in &body.facts {
        let _ = writeln!(text, "{:14}{}", format!("{}:", fact.name), fact.value);
        if !fact.link.is_empty() {
            let _ = writeln!(text, "{:14}{}", "", fact.link);
        }
    }
    if !body.cases.is_empty() {
        text.push('\n');
        body.cases.iter().for_each(|case| {
            let _ = writeln!(text, "  {case}");
        });
    }
    for piece in &body.pieces {
        let _ = writeln!(text, "\n{}: {}", piece.title, piece.ending);
        if !piece.link.is_empty() {
            let _ = writeln!(text, "{}", piece.link);
        }
        for line in &piece.lines {
            let _ = writeln!(text, "  | {line}");
        }
    }
    if !body.more.is_empty() {
        let _ = writeln!(text, "\n{}", body.more);
    }
    // What stands below is a signature to programs.
    let _ = writeln!(text, "\n-- \n{}", body.footer);
    text
}
