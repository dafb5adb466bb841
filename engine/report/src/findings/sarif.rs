//! Findings as SARIF 2.1.0, the format of code scanning services.

use serde_json::{Value, json};
use xrdtest_model::{Diagnostic, Severity, Span};

/// What SARIF tells about a rule.
#[derive(Clone, Copy, Debug)]
pub struct RuleInfo<'a> {
    /// `XT1003`.
    pub code: &'a str,
    /// `unknown-cluster`.
    pub name: &'a str,
    /// How bad its findings are, if nothing else is said.
    pub severity: Severity,
    /// What it reports, in a sentence or two.
    pub summary: &'a str,
    /// Its manual page, Markdown.
    pub page: &'a str,
}

/// A SARIF log with one run. It tells of those rules that have findings.
pub fn sarif(findings: &[Diagnostic], rules: &[RuleInfo<'_>], version: &str) -> String {
    let used: Vec<_> =
        rules.iter().filter(|rule| findings.iter().any(|finding| finding.code == rule.code)).collect();
    let results: Vec<_> = findings
        .iter()
        .map(|finding| result(finding, used.iter().position(|rule| rule.code == finding.code)))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "xrdtest",
                "version": version,
                "rules": used.into_iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // Serialising strings and numbers into a string can't fail.
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

fn rule(rule: &RuleInfo<'_>) -> Value {
    json!({
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.name.replace('-', " ")},
        "fullDescription": {"text": rule.summary},
        "help": {"text": rule.page, "markdown": rule.page},
        "defaultConfiguration": {"level": level(rule.severity)},
    })
}

fn result(finding: &Diagnostic, rule: Option<usize>) -> Value {
    let text = match &finding.help {
        Some(help) => format!("{}. Help: {help}", finding.message),
        None => finding.message.clone(),
    };
    let mut result = json!({
        "ruleId": finding.code,
        "level": level(finding.severity),
        "message": {"text": text},
        "locations": [{"physicalLocation": place(&finding.file, finding.span)}],
    });
    let related = finding.related.iter().zip(1..).map(|(related, id)| {
        let message = json!({"text": related.message});
        json!({"id": id, "message": message, "physicalLocation": place(&related.file, related.span)})
    });
    if !finding.related.is_empty() {
        result["relatedLocations"] = related.collect();
    }
    if let Some(index) = rule {
        result["ruleIndex"] = json!(index);
    }
    result
}

fn place(file: &str, span: Span) -> Value {
    json!({
        "artifactLocation": {"uri": uri(file)},
        // All of them are at least 1 there.
        "region": {
            "startLine": span.line.max(1),
            "startColumn": span.column.max(1),
            "endLine": span.end_line.max(1),
            "endColumn": span.end_column.max(1),
        },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A relative path stays a relative reference; an absolute one becomes a `file:` URI.
fn uri(file: &str) -> String {
    let scheme = if file.starts_with('/') { "file://" } else { "" };
    file.bytes().fold(scheme.to_owned(), |mut uri, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
        uri
    })
}

#[cfg(test)]
mod tests {
    use xrdtest_model::Related;

    use super::*;
    use crate::findings::tests::finding;

    const RULES: [RuleInfo<'static>; 2] = [
        RuleInfo {
            code: "XT0010",
            name: "unknown-field",
            severity: Severity::Error,
            summary: "Reports an unknown field.",
            page: "# unknown-field (XT0010)",
        },
        RuleInfo {
            code: "XT1001",
            name: "missing-field",
            severity: Severity::Error,
            summary: "Reports a missing field.",
            page: "# missing-field (XT1001)",
        },
    ];

    /// The properties that the schema of SARIF 2.1.0 asks for, and the types of those that are written.
    #[test]
    fn the_shape_is_that_of_the_schema() {
        let other = Related {
            file: "clusters/a.rhai".into(),
            span: Span::on_line(3, 4, 5),
            message: "it is here too".to_owned(),
        };
        let findings = [
            finding(Span::on_line(2, 32, 11), Some("did you mean `alert_emails`?")),
            Diagnostic { related: vec![other], ..finding(Span::on_line(4, 1, 1), None) },
            finding(Span { line: 0, column: 0, end_line: 0, end_column: 0 }, None),
        ];
        let text = sarif(&findings, &RULES, "1.2.3");
        let log: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        assert!(run["tool"]["driver"]["name"].is_string());
        assert_eq!(rules.len(), 1, "only those with findings");
        let results = run["results"].as_array().expect("results");
        assert_eq!(results.len(), 3);
        assert!(results[0].get("relatedLocations").is_none());
        assert_eq!(results[1]["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 3);
        for result in results {
            assert!(
                ["none", "note", "warning", "error"].contains(&result["level"].as_str().expect("a level"))
            );
            assert!(result["message"]["text"].is_string());
            let index = result["ruleIndex"].as_u64().expect("an index");
            assert_eq!(rules[usize::try_from(index).expect("small")]["id"], result["ruleId"]);
            let location = &result["locations"][0]["physicalLocation"];
            assert!(location["artifactLocation"]["uri"].is_string());
            for place in ["startLine", "startColumn", "endLine", "endColumn"] {
                assert!(location["region"][place].as_u64().expect("a number") >= 1);
            }
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn files_are_uris() {
        assert_eq!(uri("suites/a b/ä%.rhai"), "suites/a%20b/%C3%A4%25.rhai");
        assert_eq!(uri("/srv/x.rhai"), "file:///srv/x.rhai");
    }
}
