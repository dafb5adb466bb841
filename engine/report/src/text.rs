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

#[cfg(test)]
mod tests {
    use super::readable;

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
