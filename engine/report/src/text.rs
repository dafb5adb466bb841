//! Output of scripts as text that can be shown anywhere.

use anstream::adapter::strip_str;

/// A line without what would move a terminal's cursor or colour it: what a carriage return would have overwritten is
/// left out, tabs become blanks, other control characters vanish.
pub fn readable(line: &str) -> String {
    let line = line.trim_end_matches(['\r', '\n']);
    let shown = line.rsplit('\r').next().unwrap_or(line);
    let plain = strip_str(shown).to_string();
    let characters = plain.chars().map(|c| if c == '\t' { ' ' } else { c });
    characters.filter(|c| !c.is_control()).collect::<String>().trim_end().to_owned()
}

/// The last `most` lines of an output, each as [`readable`] has it.
pub fn last_lines(output: &str, most: usize) -> Vec<String> {
    let lines: Vec<&str> = output.lines().collect();
    lines[lines.len().saturating_sub(most)..].iter().map(|line| readable(line)).collect()
}

/// Whether XML 1.0 lets a character stand in a document, escaped or not.
pub(crate) fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text for XML: what would be markup is escaped, and what XML 1.0 forbids is left out.
pub(crate) fn xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_xml(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{last_lines, readable, xml};

    #[test]
    fn xml_holds_no_markup_and_nothing_forbidden() {
        assert_eq!(
            xml("a<b> & \"c\" ]]>\0\u{1b}\u{fffe}\u{ffff}é\u{10ffff}"),
            "a&lt;b&gt; &amp; &quot;c&quot; ]]&gt;é\u{10ffff}"
        );
    }

    #[test]
    fn the_end_of_an_output() {
        assert_eq!(last_lines("a\nb\r\n\u{1b}[1mc\u{7}\n", 2), ["b", "c"]);
        assert!(last_lines("", 2).is_empty());
    }

    #[test]
    fn nothing_moves_the_cursor() {
        for (line, expect) in [
            ("plain", "plain"),
            ("\x1b[31mred\x1b[0m\tx\x07", "red x"),
            ("10%\r20%\r50%\r\n", "50%"),
            ("\x1b]0;title\x07text", "text"),
            ("nul\0 and\x08 more  ", "nul and more"),
            ("", ""),
        ] {
            assert_eq!(readable(line), expect, "{line:?}");
        }
    }
}
