//! The dashboard in a headless Chromium: what people see of real runs of real suites, and whether all of them can. In a
//! program of its own, so that no other trial takes the processor meanwhile.

mod common;

use common::trial;

#[test]
fn people_see_what_happens() {
    trial("browser.py", &[]);
}
