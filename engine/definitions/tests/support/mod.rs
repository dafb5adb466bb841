//! Repositories made for one test.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]
#![allow(clippy::expect_used, reason = "a test that can not prepare itself fails")]

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xrdtest_definitions::{LoadOptions, load};
use xrdtest_model::Diagnostic;
use xrdtest_model::definition::Catalogue;

pub const SUITE: &str = "suites/ts_base/ts_base.rhai";
pub const CLUSTER: &str = "clusters/cluster_base/cluster_base.rhai";

/// A repository in a temporary folder.
pub struct Repository {
    folder: TempDir,
}

impl Repository {
    /// The valid one of `fixtures/base`.
    pub fn base() -> Self {
        let repository = Self::empty();
        copy(&fixtures().join("base"), repository.path());
        repository
    }

    pub fn empty() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("suites")).expect("a folder");
        fs::create_dir(folder.path().join("clusters")).expect("a folder");
        Self { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, file: impl AsRef<Path>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        if path.is_symlink() {
            // What it leads to is not the test's.
            fs::remove_file(&path).expect("removed");
        }
        fs::write(path, content).expect("written");
        self
    }

    /// Adds lines at the end of the only function of a definition, before it returns.
    pub fn add_lines(&self, file: &str, lines: &str) -> &Self {
        let text = fs::read_to_string(self.path().join(file)).expect("text");
        let text = text.trim_end();
        let end = text.trim_end_matches(|c| c != '\n').trim_end();
        let end = end.rfind('\n').expect("two lines") + 1;
        self.write(file, format!("{}{lines}{}\n", &text[..end], &text[end..]))
    }

    pub fn load(&self) -> Catalogue {
        load(self.path(), &LoadOptions::default())
    }

    /// Changes the repository as a fixture says: sections `-- PATH --` with a file's new content, `-- PATH + --` with
    /// lines for `add_lines`, `-- PATH -> TARGET --` for a link, relative to `fixtures`; `%FF` in a path is a byte.
    pub fn apply(&self, fixture: &str) {
        let mut sections: Vec<(&str, String)> = Vec::new();
        for line in fixture.lines() {
            if let Some(head) = line.strip_prefix("-- ").and_then(|line| line.strip_suffix(" --")) {
                sections.push((head, String::new()));
            } else if let Some((_, body)) = sections.last_mut() {
                body.push_str(line);
                body.push('\n');
            }
        }
        for (head, body) in sections {
            if let Some(file) = head.strip_suffix(" +") {
                self.add_lines(file, &body);
            } else if let Some(file) = head.strip_suffix(" -") {
                fs::remove_file(self.path().join(file)).expect("removed");
            } else if let Some((link, target)) = head.split_once(" -> ") {
                let link = self.path().join(link);
                fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
                std::os::unix::fs::symlink(fixtures().join(target), link).expect("linked");
            } else {
                self.write(unescape(head), body);
            }
        }
    }
}

pub fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn unescape(path: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = path;
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend(before.bytes());
        bytes.push(u8::from_str_radix(&behind[..2], 16).expect("two hexadecimal digits"));
        rest = &behind[2..];
    }
    bytes.extend(rest.bytes());
    PathBuf::from(OsString::from_vec(bytes))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// Findings for a snapshot, each with its place underlined.
pub fn render(root: &Path, diagnostics: &[Diagnostic]) -> String {
    let mut text = String::new();
    for finding in diagnostics {
        let span = finding.span;
        text += &format!(
            "{}:{}:{} {} {}\n    {}\n",
            finding.file, span.line, span.column, finding.severity, finding.code, finding.message
        );
        if let Some(help) = &finding.help {
            text += &format!("    help: {help}\n");
        }
        for other in &finding.related {
            let (line, column) = (other.span.line, other.span.column);
            text += &format!("    note: {}:{line}:{column}: {}\n", other.file, other.message);
        }
        let source = fs::read_to_string(root.join(&*finding.file)).unwrap_or_default();
        if let Some(line) = source.lines().nth(span.line as usize - 1) {
            let end =
                if span.end_line == span.line { span.end_column } else { line.chars().count() as u32 + 1 };
            let width = end.saturating_sub(span.column).max(1) as usize;
            let blank = " ".repeat(span.column as usize - 1);
            text += &format!("    | {line}\n    | {blank}{}\n", "^".repeat(width));
        }
    }
    text
}
