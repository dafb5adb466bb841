//! Words of Python, in which the manual's definitions are written, and what takes their place.

/// What stands at the place of an error, and the help.
const INSTEAD: [(&str, &str); 17] = [
    ("True", "write `true`"),
    ("False", "write `false`"),
    ("None", "write `()`"),
    ("null", "write `()`"),
    ("elif", "write `else if condition { … }`"),
    ("and", "write `&&`"),
    ("or", "write `||`"),
    ("not", "write `!`"),
    ("is", "compare with `==`"),
    ("def", "a function is written `fn name() { … }`"),
    ("lambda", "a closure is written `|x| x + 1`"),
    ("pass", "an empty block is written `{ }`"),
    ("from", "another file is brought in with `import \"…\" as name;`"),
    ("f\"", "text with values in it stands in backquotes: `ds${number}.xrd.test`"),
    ("f'", "text with values in it stands in backquotes: `ds${number}.xrd.test`"),
    ("#", "a comment begins with `//`"),
    (":", "a block stands in braces: `if condition { … }`, `for x in 1..4 { … }`"),
];

/// What to write instead of what begins a text.
pub(crate) fn instead(text: &str) -> Option<&'static str> {
    let is_letter = |c: char| c.is_alphanumeric() || c == '_';
    let word = text.find(|c| !is_letter(c)).unwrap_or(text.len());
    let stands = |python: &str| match python.chars().all(is_letter) {
        true => text[..word] == *python,
        false => text.starts_with(python),
    };
    INSTEAD.iter().find(|(python, _)| stands(python)).map(|(_, help)| *help)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::load::{LoadOptions, load};

    #[test]
    fn python_in_definitions_gets_the_form_of_rhai() {
        for (line, column, help) in [
            ("let x = True;", 13, "write `true`"),
            ("let x = False;", 13, "write `false`"),
            ("let x = None;", 13, "write `()`"),
            ("let x = null;", 13, "write `()`"),
            ("if 1 == 1 { } elif true { }", 19, "write `else if condition { … }`"),
            ("if true and false { }", 13, "write `&&`"),
            ("if true or false { }", 13, "write `||`"),
            ("if not true { }", 8, "write `!`"),
            ("let x = ts is None;", 16, "compare with `==`"),
            ("def f() { }", 5, "a function is written `fn name() { … }`"),
            ("let x = lambda x: x;", 13, "a closure is written `|x| x + 1`"),
            ("pass", 5, "an empty block is written `{ }`"),
            ("from x import y", 5, "another file is brought in with `import \"…\" as name;`"),
            ("let x = f\"a{1}\";", 13, "text with values in it stands in backquotes: `ds${number}.xrd.test`"),
            ("# words", 5, "a comment begins with `//`"),
            ("for x in [1]: x;", 17, "a block stands in braces: `if condition { … }`, `for x in 1..4 { … }`"),
            ("let x = { \"a\": 1 };", 18, "an object map is written `#{ key: value }`"),
            // What only looks like it.
            (
                "let x = f;",
                13,
                "a function sees its own variables only; constants of the file are `global::NAME`",
            ),
            ("let x = 1 order", 15, "a statement ends with `;`"),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            fs::create_dir(folder.path().join("suites")).expect("a folder");
            let text =
                format!("fn getTestSuite() {{\n    let ts = TestSuite(\"s\");\n    {line}\n    ts\n}}\n");
            fs::write(folder.path().join("suites/s.rhai"), text).expect("written");
            let found = load(folder.path(), &LoadOptions::default()).diagnostics;
            let [found] = &found[..] else { panic!("{line}: {found:?}") };
            assert_eq!((found.span.line, found.span.column), (3, column), "{line}: {}", found.message);
            assert_eq!(found.help.as_deref(), Some(help), "{line}: {}", found.message);
        }
        assert_eq!(instead("Trueish"), None);
    }
}
