//! Scripts that harm their machine: it lives on, the record is honest, and later stages take place.

mod common;

use common::{Repository, output_of};
use xrdtest_model::Outcome;

const CASES: &[(&str, &str)] = &[
    ("eats_memory", "#!/bin/bash\necho before\nexec python3 -c 'print(len(bytearray(3 << 30)))'\n"),
    (
        "fills_run",
        "#!/bin/bash\ndd if=/dev/zero of=/run/full bs=1M\ndd if=/dev/zero of=/dev/shm/full bs=1M\nrm /run/full /dev/shm/full\n",
    ),
    ("deletes_var", "#!/bin/bash\necho one\nrm -rf /var 2>/dev/null\necho two\n"),
    ("comes_after", "#!/bin/bash\necho on\n"),
    // What it leaves behind takes every process that there may be, so it is the last.
    ("breeds", "#!/bin/bash\nb() { b | b & }\nb\nwait\n"),
];

#[test]
fn a_machine_survives_its_scripts() {
    let repository = Repository::new(1);
    repository.suite("harm", "#!/bin/sh\ntrue\n", CASES, "ts.stage_timeout = \"10s\";");
    let ran = repository.run(&["harm"]);
    let stage = |case| ran.stage(Some(case), "run", "m1.xrd.test");
    let eats = stage("eats_memory");
    assert_eq!((eats.outcome, eats.signal), (Outcome::Killed, Some(9)), "{}", eats.reason);
    assert_eq!(output_of(ran.record(), eats), b"before\n");
    assert_eq!(stage("fills_run").outcome, Outcome::Passed);
    let deletes = stage("deletes_var");
    assert_eq!((deletes.outcome, deletes.reason.as_str()), (Outcome::Passed, ""));
    assert_eq!(output_of(ran.record(), deletes), b"one\ntwo\n");
    assert!(deletes.output_complete);
    let after = stage("comes_after");
    assert_eq!((after.outcome, after.reason.as_str()), (Outcome::Passed, ""));
    assert_eq!(output_of(ran.record(), after), b"on\n");
    let breeds = stage("breeds");
    assert_ne!(breeds.outcome, Outcome::Lost, "{}", breeds.reason);
}
