//! Text that is built line by line within a width.

use anstyle::{AnsiColor, Style};

use crate::text::readable;

pub(super) const GOOD: Style = AnsiColor::Green.on_default();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const BOLD: Style = Style::new().bold();

/// No text is made narrower than this.
const NARROWEST: usize = 40;

/// A text on its way.
#[derive(Debug)]
pub(super) struct Page {
    width: usize,
    text: String,
}

impl Page {
    pub(super) fn new(width: usize) -> Self {
        Self { width: width.max(NARROWEST), text: String::new() }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// A line as it is.
    pub(super) fn raw(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// The beginning of a part: its title, and what there is to say of all of it.
    pub(super) fn heading(&mut self, title: &str, note: &str) {
        self.text.push('\n');
        let title = format!("{BOLD}{title}{BOLD:#}");
        if note.is_empty() {
            return self.raw(&title);
        }
        let plain = anstream::adapter::strip_str(&title).to_string().chars().count() + 2;
        if plain + note.chars().count() <= self.width {
            self.raw(&format!("{title}  {DIM}{note}{DIM:#}"));
        } else {
            self.raw(&title);
            for line in wrap(note, self.width - 2) {
                self.raw(&format!("  {DIM}{line}{DIM:#}"));
            }
        }
    }

    /// A paragraph.
    pub(super) fn wrapped(&mut self, indent: usize, text: &str) {
        self.item(&" ".repeat(indent), text);
    }

    /// A paragraph behind a word; its further lines stand below its first.
    pub(super) fn item(&mut self, lead: &str, text: &str) {
        self.styled_item(lead, text, Style::new());
    }

    /// The same, in a style.
    pub(super) fn styled_item(&mut self, lead: &str, text: &str, style: Style) {
        let indent = lead.chars().count();
        let room = self.width.saturating_sub(indent).max(NARROWEST / 2);
        let mut lead = lead.to_owned();
        for line in wrap(&readable(&text.replace(['\n', '\r'], " ")), room) {
            self.raw(&format!("{lead}{style}{line}{style:#}"));
            lead = " ".repeat(indent);
        }
    }

    /// Names with their values, one below the other.
    pub(super) fn pairs<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, String)> + Clone) {
        let width = pairs.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            self.item(&format!("  {name:width$}  "), &value);
        }
    }

    /// Rows of cells, columns aligned; a column without content is left out, and the last one wraps.
    pub(super) fn table(&mut self, headings: &[&str], rows: &[Vec<String>]) {
        let widest = |index: usize| {
            rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let columns: Vec<(usize, usize)> = (0..headings.len())
            .map(|index| (index, widest(index)))
            .filter(|(_, width)| *width > 0)
            .map(|(index, width)| (index, width.max(headings[index].chars().count())))
            .collect();
        let Some(((last, _), before)) = columns.split_last() else { return };
        let line = |cell: &dyn Fn(usize) -> String| {
            let cells = before.iter().map(|(index, width)| format!("{:width$}  ", cell(*index)));
            format!("  {}", cells.collect::<String>())
        };
        if headings.iter().any(|heading| !heading.is_empty()) {
            let title = line(&|index| headings[index].to_owned()) + headings[*last];
            self.raw(&format!("{DIM}{}{DIM:#}", title.trim_end()));
        }
        for row in rows {
            let cell = |index: usize| row.get(index).cloned().unwrap_or_default();
            let lead = line(&cell);
            match cell(*last) {
                text if text.is_empty() => self.raw(&lead),
                text => self.item(&lead, &text),
            }
        }
    }
}

/// The text in lines of at most so many characters; words that are longer stand alone.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// `a, b and c`.
pub(super) fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The first characters of a digest: enough to tell scripts apart.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}
