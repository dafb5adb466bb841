//! Output with the colours that it asks for. Everything else that would move a terminal's cursor vanishes.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};
use maud::{Markup, PreEscaped, Render, html};

/// A line as spans; what a carriage return would have overwritten is left out.
pub(super) fn coloured(line: &str) -> Markup {
    let line = line.trim_end_matches(['\r', '\n']);
    let shown = line.rsplit('\r').next().unwrap_or(line);
    if !shown.contains(['\x1b', '\x07', '\x08', '\0']) {
        return html! { (shown) };
    }
    let mut page = Page::default();
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in shown.bytes() {
        parser.advance(&mut page, byte);
    }
    page.flush();
    PreEscaped(page.html)
}

/// How text looks at the moment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    bold: bool,
    /// One of the eight colours of terminals.
    colour: Option<u16>,
}

#[derive(Default)]
struct Page {
    html: String,
    text: String,
    look: Look,
}

impl Page {
    /// Ends a piece of text that looks the same.
    fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let class = match (self.look.bold, self.look.colour) {
            (false, None) => None,
            (true, None) => Some("bold".to_owned()),
            (false, Some(colour)) => Some(format!("c{colour}")),
            (true, Some(colour)) => Some(format!("bold c{colour}")),
        };
        match class {
            None => text.render_to(&mut self.html),
            Some(class) => html! { span class=(class) { (text) } }.render_to(&mut self.html),
        }
    }

    fn take(&mut self, code: u16) {
        match code {
            0 => self.look = Look::default(),
            1 => self.look.bold = true,
            22 => self.look.bold = false,
            30..=37 => self.look.colour = Some(code - 30),
            90..=97 => self.look.colour = Some(code - 90),
            39 => self.look.colour = None,
            _ => {}
        }
    }
}

impl Perform for Page {
    fn print(&mut self, c: char) {
        self.text.push(c);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            self.text.push('\t');
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: u8) {
        if action != b'm' {
            return;
        }
        self.flush();
        let mut any = false;
        for param in params {
            any = true;
            // Colours of the large palettes have arguments, which are no codes.
            if matches!(param.first(), Some(38 | 48)) {
                return;
            }
            self.take(param.first().copied().unwrap_or(0));
        }
        if !any {
            self.take(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::coloured;

    #[test]
    fn colours_become_classes_and_text_is_text() {
        for (line, html) in [
            ("plain <b>", "plain &lt;b&gt;"),
            ("\x1b[31mred\x1b[0m x", "<span class=\"c1\">red</span> x"),
            ("\x1b[1;32m<ok>\x1b[m", "<span class=\"bold c2\">&lt;ok&gt;</span>"),
            ("10%\r20%\r\n", "20%"),
            ("\x1b]0;title\x07text\x1b[2K", "text"),
            ("\x1b[38;5;12mblue", "blue"),
        ] {
            assert_eq!(coloured(line).into_string(), html, "{line:?}");
        }
    }
}
