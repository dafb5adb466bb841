//! The last line of an output that is still growing, in bounded memory.

use xrdtest_report::text::readable;

/// Characters kept of a line.
const WIDTH: usize = 200;

/// Feeds on output, answers the last line that says something.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastLine {
    open: Vec<u8>,
    last: String,
}

impl LastLine {
    /// More output.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What is far behind can't be in the last line.
        let bytes = &bytes[bytes.len().saturating_sub(16 * WIDTH)..];
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            self.open.extend_from_slice(piece);
            self.open.truncate(4 * WIDTH);
            let line = shown(&self.open);
            if !line.is_empty() {
                self.last = line;
            }
            if piece.ends_with(b"\n") || piece.ends_with(b"\r") {
                self.open.clear();
            }
        }
    }

    /// The last line; empty where there was none.
    pub(crate) fn text(&self) -> &str {
        &self.last
    }
}

fn shown(bytes: &[u8]) -> String {
    readable(&String::from_utf8_lossy(bytes)).trim().chars().take(WIDTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_any_output() {
        for (pieces, expect) in [
            (&[&b"one\ntwo\n"[..]][..], "two"),
            (&[b"one\ntw", b"o"], "two"),
            (&[b"one\n", b"\n", b"  \n"], "one"),
            (&[b"10%\r20%\r"], "20%"),
            (&[b"\x1b[31mred\x1b[0m\tx\x07"], "red x"),
            (&[b"\xff\xfeabc"], "\u{fffd}\u{fffd}abc"),
            (&[], ""),
        ] {
            let mut last = LastLine::default();
            pieces.iter().for_each(|piece| last.push(piece));
            assert_eq!(last.text(), expect);
        }
        let mut endless = LastLine::default();
        (0..10_000).for_each(|_| endless.push(&[b'x'; 1000]));
        assert!(endless.open.len() <= 4 * WIDTH && endless.text().len() <= WIDTH);
    }
}
