//! What passes and what fails, with everybody in contact.

use xrdtest_model::{Outcome, RunPlan};
use xrdtest_orchestrator::InstanceReport;

use crate::common::{case, cluster, script, suite};
use crate::lab::scenario;

/// Two machines, one case.
pub(crate) fn pair() -> RunPlan {
    let mut plan = suite(&[cluster("pair", 1, &["a", "b"])]);
    plan.cases = vec![case("copy", &plan.machines)];
    plan
}

#[test]
fn everything_passes() {
    scenario(|lab| {
        lab.hypervisor("hv1", crate::common::ability(100, false));
        lab.submit("r1", &pair());
        lab.expect(
            "* r1 queued
             * r1 placed on hv1
             start r1.0 on hv1",
        );
        lab.connect("a");
        lab.made("r1.0");
        lab.expect(
            "* a connected, boot 0
             * r1.0 waits for slaves",
        );
        lab.connect("b");
        lab.expect(
            "* b connected, boot 0
             * r1.0 active
             * suite-initialize begins on a, b
             order a: suite-initialize
             order b: suite-initialize",
        );
        lab.passes("a");
        lab.expect(
            "* suite-initialize a reports passed
             * suite-initialize a passed
             forget a: suite-initialize",
        );
        lab.passes("b");
        lab.expect(
            "* suite-initialize b reports passed
             * suite-initialize b passed
             * 0-initialize begins on a, b
             forget b: suite-initialize
             order a: 0-initialize
             order b: 0-initialize",
        );
        lab.pass_until("suite-finalize");
        lab.passes("b");
        lab.skip();
        lab.passes("a");
        lab.expect(
            "* suite-finalize a reports passed
             * suite-finalize a passed
             * r1 passed
             * r1.0 stopping
             forget a: suite-finalize
             stop r1.0 on hv1",
        );
        assert!(!lab.core.is_idle());
        lab.says("r1.0", InstanceReport::Stopped);
        lab.expect("* r1.0 stopped");
        assert!(lab.core.is_idle());
        lab.verdict("r1", "passed");
    });
}
