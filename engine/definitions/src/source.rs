//! The text of a definition, and the places in it. Rhai tells where something begins, in lines and characters; where
//! it ends is read off the text here.

use rhai::Position;
use xrdtest_model::Span;

/// A source file in memory.
#[derive(Debug)]
pub(crate) struct Source {
    text: String,
    /// Byte offset of the first character of each line.
    lines: Vec<usize>,
}

impl Source {
    pub(crate) fn new(text: String) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { text, lines }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Byte offset of one of Rhai's positions.
    pub(crate) fn offset(&self, position: Position) -> Option<usize> {
        let start = *self.lines.get(position.line()?.checked_sub(1)?)?;
        let column = position.position().unwrap_or(1) - 1;
        let line = self.text.get(start..)?;
        let within = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        Some(start + within)
    }

    /// The range between two byte offsets.
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        let (line, column) = self.line_and_column(start);
        let (end_line, end_column) = self.line_and_column(end.max(start));
        Span { line, column, end_line, end_column }
    }

    /// The token that begins at a position: a name, a string, a number, or one character.
    pub(crate) fn token_at(&self, position: Position) -> Option<Span> {
        let start = self.offset(position)?;
        let end = crate::shape::token_end(&self.text, start);
        Some(self.span(start, end))
    }

    /// The name in `fn name(`, if the file defines such a function.
    pub(crate) fn function(&self, name: &str) -> Option<Span> {
        self.text.match_indices(name).find_map(|(at, _)| {
            let before = self.text[..at].trim_end();
            let behind = self.text[at + name.len()..].trim_start();
            let defines = before.ends_with("fn") && before.len() < at && behind.starts_with('(');
            defines.then(|| self.span(at, at + name.len()))
        })
    }

    fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |text| text.chars().count());
        (saturate(line), saturate(column + 1))
    }
}

/// A text without the byte order mark that some editors put in front.
pub(crate) fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn saturate(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let source = Source::new("let ä = 1;\n  täst.x = \"ü\";".to_owned());
        let offset = source.offset(Position::new(2, 7)).expect("on line 2");
        assert_eq!(&source.text()[offset..=offset], ".");
        assert_eq!(source.token_at(Position::new(2, 12)), Some(Span::on_line(2, 12, 3)));
        assert_eq!(source.offset(Position::new(9, 1)), None);
    }

    #[test]
    fn functions_are_found_by_their_definition() {
        let source = Source::new("// getCluster()\nfn getCluster() { }".to_owned());
        assert_eq!(source.function("getCluster"), Some(Span::on_line(2, 4, 10)));
        assert_eq!(source.function("getTestSuite"), None);
    }
}
