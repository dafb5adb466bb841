//! The part of a plan that says whether and where the clusters fit.

use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::plan_document::{PlanDocument, PlannedSite};
use xrdtest_model::size::human_bytes;

use super::cluster::room;
use super::page::{BAD, GOOD, Page};
use crate::findings::plural;

pub(super) fn place(page: &mut Page, plan: &PlanDocument) {
    let placement = &plan.effective.placement;
    page.heading("Place", "");
    if plan.effective.clusters.len() > 1 {
        page.wrapped(
            2,
            &format!("all clusters together need {}, at the same time", room(&plan.effective.room)),
        );
    }
    if !placement.asked {
        return page.wrapped(2, &format!("not asked: {}", placement.engine));
    }
    match placement.fits {
        Some(true) => {
            let places = placement.places.iter().map(|place| match place.hypervisor.as_str() {
                EXTERNAL => format!("{} on its physical machines", place.cluster),
                hypervisor => format!("{} on {hypervisor}", place.cluster),
            });
            let places = places.collect::<Vec<_>>().join(", ");
            page.styled_item("  ", &format!("fits now: {places}"), GOOD);
        }
        Some(false) => page.styled_item("  ", &format!("does not fit now: {}", placement.reason), BAD),
        None => page.wrapped(2, &format!("not known: {}", placement.reason)),
    }
    if placement.fits == Some(true) && !placement.reason.is_empty() {
        page.wrapped(2, &placement.reason);
    }
    if placement.waiting > 0 {
        page.wrapped(2, &format!("before it come {}, which wait already", plural(placement.waiting, "run")));
    }
    let rows: Vec<Vec<String>> = placement.hypervisors.iter().map(row).collect();
    page.table(&["HYPERVISOR", "BY", "FREE MEMORY", "CORES", "DISK", ""], &rows);
    page.wrapped(2, &format!("asked: the engine at {}", placement.engine));
}

/// What is free, and what is in the way.
fn row(site: &PlannedSite) -> Vec<String> {
    let mut row = vec![site.name.to_string(), site.provider.clone()];
    match &site.free {
        Some(free) => row.extend([
            human_bytes(free.memory_kib.saturating_mul(1024)),
            free.cores.to_string(),
            human_bytes(free.disk_bytes),
        ]),
        None => row.extend([String::new(), String::new(), String::new()]),
    }
    let mut obstacles: Vec<&str> = site.obstacles.values().map(String::as_str).collect();
    obstacles.dedup();
    row.push(match (site.connected, obstacles.as_slice()) {
        (false, _) => "not in contact".to_owned(),
        (true, []) => "has room".to_owned(),
        (true, obstacles) => obstacles.join("; "),
    });
    row
}
