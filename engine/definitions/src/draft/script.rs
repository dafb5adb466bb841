//! The forms in which a definition names a script (manual 6.1.1).

use xrdtest_model::definition::ScriptRef;

use crate::evaluate::files::within;

/// Why a text names no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoScript {
    /// None of the forms.
    UnknownForm,
    /// `file://../../…`: a relative path that leaves the repository.
    Outside,
}

/// Reads `file://relative` (to `folder`), `file:///absolute`, `http://…`, `https://…` or an inline script.
pub(crate) fn parse_script(text: &str, folder: &str) -> Result<ScriptRef, NoScript> {
    let trimmed = text.trim_start();
    if trimmed.starts_with("#!") {
        return Ok(ScriptRef::Inline(trimmed.to_owned()));
    }
    let trimmed = trimmed.trim_end();
    if trimmed.starts_with("http://") || trimmed.starts_with("https://") {
        return Ok(ScriptRef::Url(trimmed.to_owned()));
    }
    match trimmed.strip_prefix("file://") {
        None | Some("") => Err(NoScript::UnknownForm),
        Some(path) if path.starts_with('/') => Ok(ScriptRef::AbsoluteFile(path.to_owned())),
        Some(path) => within(folder, path).map(ScriptRef::File).ok_or(NoScript::Outside),
    }
}

/// The script for people: its path, its URL, or `inline`.
pub(crate) fn describe_script(script: &ScriptRef) -> &str {
    match script {
        ScriptRef::Inline(_) => "inline",
        ScriptRef::File(path) | ScriptRef::AbsoluteFile(path) => path,
        ScriptRef::Url(url) => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_the_manual() {
        let file = |path: &str| Ok(ScriptRef::File(path.to_owned()));
        for (text, expect) in [
            ("file://suite_init.sh", file("suites/ts/suite_init.sh")),
            ("file://./a/b.sh", file("suites/ts/a/b.sh")),
            ("file://../../lib/c.sh", file("lib/c.sh")),
            ("file://../../../c.sh", Err(NoScript::Outside)),
            ("file:///opt/x.sh", Ok(ScriptRef::AbsoluteFile("/opt/x.sh".to_owned()))),
            ("https://e.org/x.sh", Ok(ScriptRef::Url("https://e.org/x.sh".to_owned()))),
            ("\n#!/bin/sh\ntrue\n", Ok(ScriptRef::Inline("#!/bin/sh\ntrue\n".to_owned()))),
            ("suite_init.sh", Err(NoScript::UnknownForm)),
            ("file://", Err(NoScript::UnknownForm)),
            ("ftp://e.org/x", Err(NoScript::UnknownForm)),
        ] {
            assert_eq!(parse_script(text, "suites/ts"), expect, "{text}");
        }
    }
}
