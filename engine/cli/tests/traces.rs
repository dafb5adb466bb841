//! Nothing is left on the machine, however a run ended. One test, as it looks at the whole machine.

mod common;

use std::io::BufRead;

use common::{Ran, Repository, send, start_until, traces};
use nix::sys::signal::Signal;
use xrdtest_model::{Outcome, Verdict};

const NOTHING: &str = "#!/bin/sh\ntrue\n";

#[test]
fn nothing_is_left() {
    let mark = format!("traces{}", std::process::id());
    let (suite, short) = (format!("{mark}_long"), format!("{mark}_short"));
    let repository = Repository::new(3);
    let endless = format!("#!/bin/bash\nsetsid bash -c 'sleep 1000004; : {mark}' &\nsleep 1000004\n");
    repository.suite(&suite, NOTHING, &[("c", &endless)], "ts.finalize = \"#!/bin/sh\\necho bye\\n\";");
    let daemon = format!("#!/bin/sh\nsetsid sh -c 'sleep 1000004; : {mark}' &\n");
    repository.suite(&short, NOTHING, &[("c", &daemon)], "");
    let before = traces(&mark);
    let same = |when: &str| {
        let after = traces(&mark);
        let new: Vec<_> = after.symmetric_difference(&before).collect();
        assert!(new.is_empty(), "{when}: {new:#?}");
    };

    assert_eq!(repository.run(&[&short]).code, Some(0));
    same("after a run that passed");

    let (child, _, stderr) = start_until(&repository, &suite, "suite initialize: passed");
    send(&child, Signal::SIGINT);
    drop(std::thread::spawn(move || stderr.lines().for_each(drop)));
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.record().verdict), (Some(130), Some(Verdict::Cancelled)));
    assert_eq!(ran.stage(Some("c"), "run", "m1.xrd.test").outcome, Outcome::Cancelled);
    assert_eq!(ran.stage(None, "finalize", "m1.xrd.test").output, "bye\n");
    same("after Ctrl-C");

    let (mut child, _, stderr) = start_until(&repository, &suite, "suite initialize: passed");
    assert!(traces(&mark).len() > before.len(), "a live run is seen");
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    drop(stderr);
    // Its machines die with it; what lies on disk is removed by the next run, which leaves a live one alone.
    let (other, _, other_stderr) = start_until(&repository, &suite, "suite initialize: passed");
    drop(std::thread::spawn(move || other_stderr.lines().for_each(drop)));
    assert_eq!(repository.run(&[&short]).code, Some(0));
    send(&other, Signal::SIGTERM);
    let ran = Ran::of(other.wait_with_output().unwrap());
    assert_eq!((ran.code, ran.record().verdict), (Some(130), Some(Verdict::Cancelled)));
    assert_eq!(ran.stage(Some("c"), "run", "m2.xrd.test").outcome, Outcome::Cancelled);
    same("after kill -9 and the next runs");
}
