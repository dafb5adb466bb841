//! What a script opens and does not close: where the mistake is, which the shell itself notices at the end only.

use brush_parser::{Token, TokenizerError};
use xrdtest_model::Span;

use super::tokens::{Tokens, on_line, positioned, span};

/// So many places that may begin an expansion are tried, from the last one.
const MOST: usize = 50;

/// What is open at a script's end, where it begins, and what about it.
pub(super) fn at_end(text: &str) -> Option<(Span, String)> {
    let Tokens::Read(tokens) = Tokens::of(text) else { return None };
    let last = tokens.iter().rev().find(|token| token.to_str() != "\n")?;
    if let Token::Operator(operator, _) = last
        && ["&&", "||", "|", "|&"].contains(&operator.as_str())
    {
        return Some((span(last), format!("behind `{operator}` a command is missing")));
    }
    let (opener, close) = open(&tokens)?;
    let message = format!("`{}` is not closed: the script ends before its `{close}`", opener.to_str());
    Some((span(opener), message))
}

/// The innermost construct that is open at the end, and what would close it.
fn open(tokens: &[Token]) -> Option<(&Token, &'static str)> {
    let mut open: Vec<(&Token, &'static str)> = Vec::new();
    for at in positioned(tokens) {
        let text = at.token.to_str();
        let close = match at.token {
            Token::Operator(..) if text == "(" => Some(")"),
            Token::Word(..) if at.begins => match text {
                "if" => Some("fi"),
                "for" | "while" | "until" | "select" => Some("done"),
                "case" => Some("esac"),
                "{" => Some("}"),
                "[[" => Some("]]"),
                _ => None,
            },
            _ => None,
        };
        match (close, open.last()) {
            (Some(close), _) => open.push((at.token, close)),
            (None, Some((_, close))) if *close == text && (at.begins || [")", "]]"].contains(close)) => {
                open.pop();
            }
            _ => {}
        }
    }
    open.pop()
}

/// Where something begins that keeps the text from being read as words, and what it is.
pub(super) fn of_words(text: &str, problem: &TokenizerError) -> Option<(Span, String)> {
    use TokenizerError as E;
    let (line, column, what) = match problem {
        E::UnterminatedSingleQuote(at) => (at.line, at.column, "a single quote is never closed"),
        E::UnterminatedAnsiCQuote(at) => (at.line, at.column, "a quote `$'` is never closed"),
        E::UnterminatedDoubleQuote(at) => (at.line, at.column, "a double quote is never closed"),
        E::UnterminatedBackquote(at) => (at.line, at.column, "a backquote is never closed"),
        E::UnterminatedHereDocuments(tags, places) => {
            let mut numbers = places.split(',').map(|number| number.trim().parse::<usize>());
            let (Some(Ok(line)), Some(Ok(end))) = (numbers.next(), numbers.next()) else { return None };
            // The place is the one behind the tag.
            let tag = tags.split(',').next().unwrap_or_default();
            let length = super::chars(tag);
            let column = end.saturating_sub(tag.chars().count());
            return Some((on_line(line, column, length), format!("no line `{tag}` ends this text")));
        }
        E::UnterminatedVariable | E::UnterminatedExpansion | E::UnterminatedCommandSubstitution => {
            return of_expansion(text);
        }
        _ => return None,
    };
    Some((on_line(line, column, 1), what.to_owned()))
}

/// The last expansion that does not end. The tokenizer does not say where it is: what begins there is read by itself.
fn of_expansion(text: &str) -> Option<(Span, String)> {
    let openers = text.char_indices().rev().filter(|(at, _)| {
        ["$(", "${", "$[", "<(", ">("].iter().any(|opener| text[*at..].starts_with(opener))
    });
    let never_ends = |at: &usize| {
        use TokenizerError as E;
        matches!(
            Tokens::of(&text[*at..]),
            Tokens::Unreadable(
                E::UnterminatedVariable | E::UnterminatedExpansion | E::UnterminatedCommandSubstitution
            )
        )
    };
    let at = openers.take(MOST).map(|(at, _)| at).find(never_ends)?;
    let (line, before) = (text[..at].matches('\n').count() + 1, text[..at].rsplit('\n').next()?);
    let opener = &text[at..at + 2];
    Some((on_line(line, before.chars().count() + 1, 2), format!("`{opener}` is never closed")))
}
