//! Reads the shape of literals off the text: where the elements of an array, the entries of a map and the arguments
//! of a call begin and end. It never fails: what it does not understand is opaque. The text has been compiled, so
//! brackets match; hostile text only yields odd places.

use xrdtest_model::Span;

use crate::place::{Entry, Node, Parts};
use crate::source::Source;

/// Literals nested deeper than this are opaque.
const DEPTH: u32 = 32;

/// What stands behind the dot of a field.
#[derive(Debug)]
pub(crate) struct Access {
    /// The field's name.
    pub(crate) name: Span,
    pub(crate) change: Change,
}

/// How a field is changed.
#[derive(Debug)]
pub(crate) enum Change {
    /// `.field = value`
    Set(Node),
    /// `.field += value`, `.field.push(value)`: the values that are appended.
    Append(Vec<Node>),
    /// Anything else.
    Other,
}

/// Reads `.field = value`, or one of its relatives, at the offset of its dot.
pub(crate) fn access(source: &Source, dot: usize) -> Option<Access> {
    let mut reader = Reader::new(source, dot);
    reader.take("?");
    if !reader.take(".") {
        return None;
    }
    reader.skip_blank();
    let name = reader.token();
    reader.skip_blank();
    let change = if reader.take("+=") {
        match reader.expression() {
            Node { parts: Parts::Items(items), .. } => Change::Append(items),
            other => Change::Append(vec![other]),
        }
    } else if !reader.looking_at("==") && reader.take("=") {
        Change::Set(reader.expression())
    } else if reader.take(".push") {
        reader.skip_blank();
        Change::Append(reader.list('(', ')'))
    } else {
        Change::Other
    };
    Some(Access { name, change })
}

/// Reads `name(arguments)` at the offset of the name: the name, and the arguments.
pub(crate) fn call(source: &Source, start: usize) -> (Span, Vec<Node>) {
    let mut reader = Reader::new(source, start);
    let name = reader.token();
    reader.skip_blank();
    (name, reader.list('(', ')'))
}

/// The end of the token that begins at an offset: a name, a string, a number, or one character.
pub(crate) fn token_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or("");
    let word = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    if word > 0 {
        return start + word;
    }
    start + skipped(rest).unwrap_or_else(|| rest.chars().next().map_or(0, char::len_utf8))
}

struct Reader<'a> {
    source: &'a Source,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn new(source: &'a Source, at: usize) -> Self {
        Self { source, at, depth: 0 }
    }

    fn rest(&self) -> &'a str {
        self.source.text().get(self.at..).unwrap_or("")
    }

    fn looking_at(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.looking_at(text);
        if found {
            self.at += text.len();
        }
        found
    }

    fn token(&mut self) -> Span {
        let start = self.at;
        self.at = token_end(self.source.text(), start);
        self.source.span(start, self.at)
    }

    /// Skips blanks and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            let comment = comment_length(&rest[blank..]).unwrap_or(0);
            if blank + comment == 0 {
                return;
            }
            self.at += blank + comment;
        }
    }

    /// Reads an expression up to the `,` `;` or bracket that ends it.
    fn expression(&mut self) -> Node {
        self.skip_blank();
        let start = self.at;
        let parts = if self.depth >= DEPTH {
            Parts::Opaque
        } else if self.looking_at("[") {
            Parts::Items(self.list('[', ']'))
        } else if self.looking_at("#{") {
            self.at += 1;
            Parts::Entries(self.entries())
        } else {
            Parts::Opaque
        };
        let literal_end = self.at;
        let end = self.skip_expression();
        // `[1] + x` and `#{…}.a` are more than the literal that they begin with.
        let parts = if end > literal_end { Parts::Opaque } else { parts };
        Node { span: self.source.span(start, end), parts }
    }

    /// Skips to the end of an expression and returns where its text ends, without trailing blanks.
    fn skip_expression(&mut self) -> usize {
        let mut end = self.at;
        let mut open = 0u32;
        while let Some(c) = self.rest().chars().next() {
            if let Some(length) = comment_length(self.rest()) {
                self.at += length;
                continue;
            }
            match c {
                ',' | ';' if open == 0 => break,
                ')' | ']' | '}' if open == 0 => break,
                '(' | '[' | '{' => open += 1,
                ')' | ']' | '}' => open -= 1,
                _ => {}
            }
            self.at += skipped(self.rest()).unwrap_or(c.len_utf8());
            if !c.is_whitespace() {
                end = self.at;
            }
        }
        end
    }

    /// Reads expressions between brackets. Reads nothing where no such bracket stands.
    fn list(&mut self, open: char, close: char) -> Vec<Node> {
        let mut items = Vec::new();
        if !self.rest().starts_with(open) {
            return items;
        }
        self.at += open.len_utf8();
        self.depth += 1;
        loop {
            self.skip_blank();
            let before = self.at;
            if self.rest().is_empty() || self.rest().starts_with(close) {
                break;
            }
            items.push(self.expression());
            self.take(",");
            if self.at == before {
                break;
            }
        }
        self.depth -= 1;
        if self.rest().starts_with(close) {
            self.at += close.len_utf8();
        }
        items
    }

    /// Reads `{ key: value, … }`.
    fn entries(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        if !self.take("{") {
            return entries;
        }
        self.depth += 1;
        loop {
            self.skip_blank();
            let before = self.at;
            if self.rest().is_empty() || self.looking_at("}") {
                break;
            }
            let key_span = self.token();
            let key = self.source.text()[before..self.at].trim_matches('"').to_owned();
            self.skip_blank();
            if !self.take(":") {
                break;
            }
            let value = self.expression();
            entries.push(Entry { key, key_span, value });
            self.take(",");
        }
        self.depth -= 1;
        self.take("}");
        entries
    }
}

/// The length of the comment that the text begins with.
fn comment_length(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0u32;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    Some(text.len())
}

/// The length of the string or character literal that the text begins with.
fn skipped(text: &str) -> Option<usize> {
    let quote = match text.chars().next()? {
        quote @ ('"' | '\'' | '`') => quote,
        '#' => return raw_string(text),
        _ => return None,
    };
    let mut characters = text.char_indices().skip(1).peekable();
    let mut holes = 0u32;
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' if quote != '`' => {
                characters.next();
            }
            '$' if quote == '`' && characters.peek().is_some_and(|(_, next)| *next == '{') => {
                characters.next();
                holes += 1;
            }
            '{' if holes > 0 => holes += 1,
            '}' if holes > 0 => holes -= 1,
            c if c == quote && holes == 0 => return Some(at + c.len_utf8()),
            _ => {}
        }
    }
    Some(text.len())
}

/// The length of `#"…"#`.
fn raw_string(text: &str) -> Option<usize> {
    let hashes = text.len() - text.trim_start_matches('#').len();
    let body = text[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(hashes + 1 + end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a node and of its parts, one level deep.
    fn show(source: &Source, node: &Node) -> String {
        let text = |span: &Span| {
            let line = source.text().lines().nth(span.line as usize - 1).expect("a line");
            line.chars()
                .skip(span.column as usize - 1)
                .take((span.end_column - span.column) as usize)
                .collect::<String>()
        };
        match &node.parts {
            Parts::Opaque => text(&node.span),
            Parts::Items(items) => {
                let items: Vec<_> = items.iter().map(|item| text(&item.span)).collect();
                format!("[{}]", items.join("|"))
            }
            Parts::Entries(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| format!("{}={}", text(&entry.key_span), text(&entry.value.span)))
                    .collect();
                format!("{{{}}}", entries.join("|"))
            }
        }
    }

    fn check(text: &str, expect: &str) {
        let source = Source::new(text.to_owned());
        let dot = text.find('.').expect("a dot");
        let access = access(&source, dot).expect("an access");
        let shown = match &access.change {
            Change::Set(node) => show(&source, node),
            Change::Append(nodes) => {
                format!("+{}", nodes.iter().map(|node| show(&source, node)).collect::<Vec<_>>().join("+"))
            }
            Change::Other => "other".to_owned(),
        };
        assert_eq!(shown, expect, "{text}");
    }

    #[test]
    fn shapes_of_assignments() {
        check("ts.name = \"a;b\"; x", "\"a;b\"");
        check("ts.name = a + \"_net\" /* c */ ; x", "a + \"_net\"");
        check("ts . name\n= 1", "1");
        check("ts.tests = [\"a\", f(1, 2), 'x'];", "[\"a\"|f(1, 2)|'x']");
        check("ts.tests = [\"a\", // , ]\n];", "[\"a\"]");
        check("ts.tests = [\"a\"] + more;", "[\"a\"] + more");
        check("ts.tags = #{ a: 1, \"b c\": [2, 3], };", "{a=1|\"b c\"=[2, 3]}");
        check("ts.tests += \"b\"; ", "+\"b\"");
        check("ts.tests += [1, 2]; ", "+1+2");
        check("ts.tests.push(#{a: 1})", "+{a=1}");
        check("ts.name == 1", "other");
        check("ts.name = `a${f(\"}\")};`;", "`a${f(\"}\")};`");
        check("ts.name = #\"raw \" ;\"# ;", "#\"raw \" ;\"#");
    }

    #[test]
    fn shapes_of_calls() {
        let source = Source::new("Disk( \"disk1\" , \"20G\", #{ cache: false })".to_owned());
        let (name, arguments) = call(&source, 0);
        assert_eq!(name, Span::on_line(1, 1, 4));
        let shown: Vec<_> = arguments.iter().map(|node| show(&source, node)).collect();
        assert_eq!(shown, ["\"disk1\"", "\"20G\"", "{cache=false}"]);
    }

    #[test]
    fn broken_text_ends() {
        for text in [".a = [", ".a = #{", ".a = #{ b", ".a = \"", ".a = [[[[", ".a = #{a: #{", "."] {
            let source = Source::new(text.to_owned());
            assert!(access(&source, 0).is_some(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_ends(text in "[.=+#{}\\[\\]()\"'`$/*:;,a-zé\\\\ \n]{0,80}", at in 0usize..80) {
            let source = Source::new(text.clone());
            if text.is_char_boundary(at.min(text.len())) {
                let at = at.min(text.len());
                access(&source, at);
                call(&source, at);
                assert!(token_end(&text, at) <= text.len());
            }
        }
    }
}
