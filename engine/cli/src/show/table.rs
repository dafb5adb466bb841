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

/// A line of headings and a line per row; columns without content are left out, and so are blanks at the end of a line.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let mut columns: Vec<Vec<Cell>> = headings.iter().map(|heading| vec![Cell::new(*heading, DIM)]).collect();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    columns.retain(|column| column[1..].iter().any(|cell| !cell.text.is_empty()));
    let widths: Vec<usize> =
        columns.iter().map(|column| column.iter().map(Cell::width).max().unwrap_or(0)).collect();
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
