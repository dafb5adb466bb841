//! Aligned columns.

use anstyle::Style;
use xrdtest_report::text::readable;

use super::DIM;

/// A cell with its style.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, style: Style) -> Self {
        // What others wrote must not move the cursor.
        Self { text: readable(&text.into().replace(['\n', '\r'], " ")), style }
    }

    fn width(&self) -> usize {
        self.text.chars().count()
    }

    fn cut(&mut self, most: usize) {
        if self.width() > most {
            self.text = self.text.chars().take(most.saturating_sub(1)).chain(['…']).collect();
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(text, Style::new())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(text, Style::new())
    }
}

/// Characters that a last column keeps, however narrow the terminal is.
const KEPT: usize = 24;

/// A line of headings and a line per row; columns without content are left out, and so are blanks at the end of a line.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<Cell>>) -> String {
    table_within(None, headings, rows)
}

/// The same, where the last column is cut to a terminal of so many columns.
pub(super) fn table_within(terminal: Option<usize>, headings: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut columns: Vec<Vec<Cell>> = headings.iter().map(|heading| vec![Cell::new(*heading, DIM)]).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    columns.retain(|column| column[1..].iter().any(|cell| !cell.text.is_empty()));
    let widest = |column: &Vec<Cell>| column.iter().map(Cell::width).max().unwrap_or(0);
    if let (Some(terminal), Some((last, others))) = (terminal, columns.split_last_mut()) {
        let before: usize = others.iter().map(|column| widest(column) + 2).sum();
        let room = terminal.saturating_sub(before).max(KEPT);
        last.iter_mut().for_each(|cell| cell.cut(room));
    }
    let widths: Vec<usize> = columns.iter().map(widest).collect();
    let mut text = String::new();
    for line in 0..columns.first().map_or(0, Vec::len) {
        let mut blanks = 0;
        for (column, width) in columns.iter().zip(&widths) {
            let cell = &column[line];
            if !cell.text.is_empty() {
                text.push_str(&" ".repeat(blanks));
                text.push_str(&format!("{style}{}{style:#}", cell.text, style = cell.style));
                blanks = 0;
            }
            blanks += width - cell.width() * usize::from(!cell.text.is_empty()) + 2;
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;

    #[test]
    fn the_last_column_is_cut_to_the_terminal() {
        let rows = || vec![vec![Cell::from("run"), Cell::from("a long reason that goes on and on and on")]];
        let shown = |terminal| strip_str(&table_within(terminal, &["RUN", "WHY"], rows())).to_string();
        assert_eq!(shown(None), "RUN  WHY\nrun  a long reason that goes on and on and on\n");
        assert_eq!(shown(Some(200)), shown(None));
        assert_eq!(shown(Some(40)), "RUN  WHY\nrun  a long reason that goes on and on …\n");
        assert_eq!(shown(Some(10)), "RUN  WHY\nrun  a long reason that goes…\n");
    }
}
