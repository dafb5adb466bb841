//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write};

/// What is answered to a scrape.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A document in the making.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl Text {
    /// Begins a metric; `kind`: `gauge`, `counter`, `histogram`.
    pub(super) fn about(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// One number of it.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    /// A metric that is one number.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.about(name, "gauge", help);
        self.sample(name, &[], value);
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.sample("x", &[("a", "b\\c\"d\ne"), ("f", "")], 1.5);
        assert_eq!(text.finish(), "x{a=\"b\\\\c\\\"d\\ne\",f=\"\"} 1.5\n");
    }
}
