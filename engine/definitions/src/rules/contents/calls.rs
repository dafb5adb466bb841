//! What scripts give to functions of `functions.sh` whose arguments are names of something: `role` and `fetch`.

use brush_parser::Token;
use xrdtest_model::Span;

use super::tokens::{Positioned, Tokens, positioned, span};

/// A function of `functions.sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Role,
    Fetch,
}

/// An argument as it is written out: no variable, tag or pattern is part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) function: Function,
    /// Without the quotes around it.
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// More than this in one script are not looked at.
const MOST: usize = 100;

/// The arguments of a script's calls. Only scripts that source `functions.sh` have any, and none of a function that they
/// define themselves. A `fetch` that may fail, as its failure is asked for, has none either.
pub(crate) fn arguments(text: &str) -> Vec<Argument> {
    let may = text.contains("functions.sh") && (text.contains("role") || text.contains("fetch"));
    if !may || super::shell_syntax::is_beyond_the_parser(text) {
        return Vec::new();
    }
    let Tokens::Read(tokens) = Tokens::of(text) else { return Vec::new() };
    let mut script = Reader::default();
    for at in positioned(&tokens) {
        script.take(&at);
        if script.found.len() > MOST {
            break;
        }
    }
    let own = script.own;
    script.found.retain(|argument| !own.contains(&argument.function));
    script.found
}

#[derive(Default)]
struct Reader {
    found: Vec<Argument>,
    /// The function whose arguments come now, and how many have come.
    call: Option<(Function, usize)>,
    /// Whether a failure is asked for: between `if` and `then`, `while` and `do`; behind `!`.
    in_condition: bool,
    negated: bool,
    /// Where the arguments of this list of commands begin: `||` behind some of them asks for their failure.
    list: usize,
    /// Functions of these names that the script has itself.
    own: Vec<Function>,
    before: String,
}

impl Reader {
    fn take(&mut self, at: &Positioned<'_>) {
        let text = at.token.to_str();
        match at.token {
            Token::Operator(..) => self.operator(text),
            Token::Word(..) if self.before == "function" => self.own.extend(function(text)),
            Token::Word(..) if at.begins => match text {
                "if" | "elif" | "while" | "until" => self.in_condition = true,
                "then" | "do" => self.in_condition = false,
                "!" => self.negated = true,
                _ => self.call = function(text).map(|function| (function, 0)),
            },
            Token::Word(..) => self.argument(at.token),
        }
        text.clone_into(&mut self.before);
    }

    fn operator(&mut self, text: &str) {
        match text {
            "(" => self.own.extend(self.call.filter(|(_, count)| *count == 0).map(|(function, _)| function)),
            "||" => {
                let asked = self.list.min(self.found.len());
                let kept = self.found.split_off(asked).into_iter();
                self.found.extend(kept.filter(|argument| argument.function != Function::Fetch));
            }
            "&&" => {}
            _ => {
                self.list = self.found.len();
                self.negated = false;
            }
        }
        self.call = None;
    }

    fn argument(&mut self, token: &Token) {
        let Some((function, count)) = &mut self.call else { return };
        *count += 1;
        let looked_at = match function {
            Function::Role => true,
            Function::Fetch => *count == 1 && !self.in_condition && !self.negated,
        };
        if let Some(text) = literal(token.to_str()).filter(|_| looked_at) {
            self.found.push(Argument { function: *function, text: text.to_owned(), span: span(token) });
        }
    }
}

fn function(word: &str) -> Option<Function> {
    match word {
        "role" => Some(Function::Role),
        "fetch" => Some(Function::Fetch),
        _ => None,
    }
}

/// What a word is, where that is certain.
fn literal(word: &str) -> Option<&str> {
    let quoted = ['\'', '"'].iter().find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
    let text = quoted.unwrap_or(word);
    let is_plain = |c: char| c.is_alphanumeric() || "._-+/:,=%".contains(c) || c == ' ' && quoted.is_some();
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_written_out() {
        for (text, expect) in [
            ("role a 'b.c' \"d\" 'e*' $f @g@ h$i && fetch lib/x /etc/ # role no", "a b.c d lib/x"),
            ("fetch 'a b' <<EOF\nrole no\nEOF\n  ! role c; x=1 role d", "a b c d"),
            ("if role a; then fetch b; elif fetch no; then role c; else fetch d; fi", "a b c d"),
            ("fetch no || fetch a; ! fetch no; while fetch no; do fetch b; done", "a b"),
            ("fetch no && echo || true; role a || exit 0\nfetch b", "a b"),
            ("x=(role no); echo role no; for role in no; do role a; done", "a"),
            ("case role in role) role a ;; b) fetch c; esac; (role d) | { role e; }", "a c d e"),
            ("role() { true; }; role no; fetch a; function fetch2 { fetch b; }", "a b"),
            ("function fetch { true; }; fetch no; role a >/x fetch", "a"),
            ("assert_fail fetch no; run fetch no; $(role no) \"$(fetch no)\"", ""),
            ("fetch 'it''s'; fetch --x; fetch /y", "--x /y"),
            ("fetch 'x", ""),
        ] {
            let script = format!("source /etc/XrdTest/utils/functions.sh\n{text}\n");
            let found = arguments(&script);
            let words: Vec<_> = found.iter().map(|argument| argument.text.as_str()).collect();
            assert_eq!(words.join(" "), expect, "{text}");
            assert!(arguments(text).is_empty(), "no functions.sh, no functions of it: {text}");
        }
        assert_eq!(arguments("source functions.sh\nä && role 'b'\n")[0].span, Span::on_line(2, 11, 3));
    }
}
