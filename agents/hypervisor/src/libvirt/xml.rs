//! XML that can't be wrong: elements, attributes and text, escaped where they are written.

use std::fmt::Write as _;

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Element(Element),
    Text(String),
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), content: Vec::new() }
    }

    /// With an attribute.
    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    /// With an element in it.
    pub(super) fn of(mut self, element: Self) -> Self {
        self.content.push(Content::Element(element));
        self
    }

    /// With these elements in it.
    pub(super) fn of_all(mut self, elements: impl IntoIterator<Item = Self>) -> Self {
        self.content.extend(elements.into_iter().map(Content::Element));
        self
    }

    /// With text in it.
    pub(super) fn text(mut self, text: impl ToString) -> Self {
        self.content.push(Content::Text(text.to_string()));
        self
    }

    /// The document of which this is the root.
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        self.write(&mut text, 0);
        text.push('\n');
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let _ = write!(text, "{:1$}<{2}", "", depth * 2, self.name);
        for (name, value) in &self.attributes {
            let _ = write!(text, " {name}='{}'", escaped(value));
        }
        if self.content.is_empty() {
            text.push_str("/>");
            return;
        }
        text.push('>');
        let mut inline = true;
        for content in &self.content {
            match content {
                Content::Text(content) => text.push_str(&escaped(content)),
                Content::Element(element) => {
                    inline = false;
                    text.push('\n');
                    element.write(text, depth + 1);
                }
            }
        }
        if !inline {
            let _ = write!(text, "\n{:1$}", "", depth * 2);
        }
        let _ = write!(text, "</{}>", self.name);
    }
}

/// What XML 1.0 can't carry at all is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", u32::from(character));
            }
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_indented_and_escaped() {
        let root = Element::new("a")
            .with("b", "it's <\"&\n")
            .of(Element::new("c"))
            .of(Element::new("d").text("x < y \u{7}").of_all([]));
        assert_eq!(
            root.document(),
            "<a b='it&apos;s &lt;&quot;&amp;&#10;'>\n  <c/>\n  <d>x &lt; y </d>\n</a>\n"
        );
    }
}
