//! A script's text as the shell's words and operators.

use std::panic::catch_unwind;

use brush_parser::{Token, TokenizerError, TokenizerOptions, uncached_tokenize_str};
use xrdtest_model::Span;

/// The words and operators of a script, or why there are none.
pub(super) enum Tokens {
    Read(Vec<Token>),
    Unreadable(TokenizerError),
    /// A mistake of the tokenizer, which must not keep the definitions from loading.
    Failed,
}

impl Tokens {
    pub(super) fn of(text: &str) -> Self {
        match catch_unwind(|| uncached_tokenize_str(text, &TokenizerOptions::default())) {
            Ok(Ok(tokens)) => Self::Read(tokens),
            Ok(Err(problem)) => Self::Unreadable(problem),
            Err(_) => Self::Failed,
        }
    }
}

/// Words behind which a command may begin.
const BEFORE_COMMANDS: [&str; 10] = ["if", "then", "elif", "else", "while", "until", "do", "!", "{", "time"];

/// A token, and whether a command may begin with it.
pub(super) struct Positioned<'a> {
    pub(super) token: &'a Token,
    pub(super) begins: bool,
}

/// Which tokens may begin a command. Words of arrays, names in `function NAME` and what stands behind a redirection do
/// not.
pub(super) fn positioned(tokens: &[Token]) -> impl Iterator<Item = Positioned<'_>> {
    let (mut begins, mut in_array, mut before) = (true, false, "");
    tokens.iter().map(move |token| {
        let (text, at) = (token.to_str(), begins && !in_array);
        match token {
            Token::Operator(..) if text.starts_with(['<', '>']) => begins = false,
            Token::Operator(..) => {
                in_array = match text {
                    "(" => in_array || is_assignment(before) && before.ends_with('='),
                    ")" => false,
                    _ => in_array,
                };
                begins = true;
            }
            Token::Word(..) => {
                let goes_on = BEFORE_COMMANDS.contains(&text) || is_assignment(text);
                begins = at && goes_on || before == "function";
            }
        }
        before = text;
        Positioned { token, begins: at }
    })
}

/// `NAME=…`, `NAME+=…`.
fn is_assignment(word: &str) -> bool {
    let Some((name, _)) = word.split_once('=') else { return false };
    let name = name.trim_end_matches('+');
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// Where a token stands; its first line where it has several.
pub(super) fn span(token: &Token) -> Span {
    let start = &token.location().start;
    let text = token.to_str().trim_end_matches('\n');
    on_line(start.line, start.column, super::chars(text.split('\n').next().unwrap_or_default()))
}

/// Characters of a line, counted as the tokenizer counts.
pub(super) fn on_line(line: usize, column: usize, length: u32) -> Span {
    let small = |number: usize| u32::try_from(number.max(1)).unwrap_or(u32::MAX);
    Span::on_line(small(line), small(column), length.max(1))
}
