//! Tags that have another value in one run.

#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

mod support;

use support::{Repository, SUITE};
use xrdtest_definitions::{Selection, SnapshotOptions, snapshot};

#[test]
fn a_run_may_have_other_values_for_the_tags_of_its_suite() {
    let repository = Repository::base();
    repository.add_lines(SUITE, "    ts.tags = #{ version: \"5.7\", user: \"a\" };\n");
    let catalogue = repository.load();
    let plan = |tags: &[(&str, &str)]| {
        let tags = tags.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        snapshot(
            &catalogue,
            "ts_base",
            &Selection { tags, ..Selection::default() },
            &SnapshotOptions::default(),
        )
    };
    let as_defined = plan(&[]).expect("a plan");
    assert!(as_defined.overridden.is_empty());
    let other = plan(&[("version", "5.8")]).expect("a plan");
    let values: Vec<&str> = other.tags.values().map(String::as_str).collect();
    assert_eq!(values, ["a", "5.8"]);
    assert_eq!(other.overridden.into_iter().collect::<Vec<_>>(), ["version"]);
    let error = plan(&[("vresion", "5.8")]).expect_err("a slip");
    assert_eq!(error.to_string(), "suite `ts_base` has no tag `vresion`");
    assert!(error.help().expect("help").contains("did you mean `version`"), "{:?}", error.help());
}
