//! A cluster's network as a drawing.

use maud::{Markup, html};
use xrdtest_model::definition::{ClusterDefinition, Forward, HostDefinition};
use xrdtest_report::findings::plural;

/// Widths and heights in the drawing's units.
const HOST: (usize, usize) = (150, 64);
const GAP: usize = 24;
const PER_ROW: usize = 5;
const TOP: usize = 96;

/// The engine, the network's own address, and the hosts at a line.
pub(super) fn drawing(cluster: &ClusterDefinition) -> Markup {
    let hosts = &cluster.hosts;
    let rows = hosts.len().div_ceil(PER_ROW).max(1);
    let columns = hosts.len().div_ceil(rows).max(1);
    let width = columns * (HOST.0 + GAP) + GAP;
    let height = TOP + rows * (HOST.1 + 2 * GAP) - GAP;
    let way_out = match cluster.network.forward {
        Forward::Nat => "nat",
        Forward::Isolated => "isolated",
    };
    html! {
        div.scroll tabindex="0" {
            svg.topology viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img"
                aria-label={ "The network " (cluster.network.name) " with " (plural(hosts.len(), "host")) } {
                g.gate {
                    rect x=(width / 2 - 100) y="8" width="200" height="44" rx="8" {}
                    text x=(width / 2) y="27" { "master.xrd.test" }
                    text.small x=(width / 2) y="43" { (cluster.network.ip) " · " (way_out) }
                }
                path.wire d={ "M" (width / 2) " 52V" (TOP - GAP) } {}
                @for row in 0..rows {
                    @let y = TOP - GAP + row * (HOST.1 + 2 * GAP);
                    path.wire.bus d={ "M" (GAP / 2) " " (y) "H" (width - GAP / 2) } {}
                    @if row > 0 { path.wire.bus d={ "M" (GAP / 2) " " (y - HOST.1 - 2 * GAP) "V" (y) } {} }
                }
                @for (index, host) in hosts.iter().enumerate() {
                    @let x = GAP + index % columns * (HOST.0 + GAP);
                    @let y = TOP + index / columns * (HOST.1 + 2 * GAP);
                    (machine(host, x, y, cluster.network.lb_hosts.contains(&host.name)))
                }
            }
        }
    }
}

fn machine(host: &HostDefinition, x: usize, y: usize, balanced: bool) -> Markup {
    let middle = x + HOST.0 / 2;
    html! {
        g.host {
            path.wire d={ "M" (middle) " " (y - GAP) "V" (y) } {}
            rect class=(if balanced { "balanced" } else { "" }) x=(x) y=(y) width=(HOST.0) height=(HOST.1) rx="8" {}
            text x=(middle) y=(y + 24) { (host.short_name()) }
            text.small x=(middle) y=(y + 41) { (host.ip) }
            @if !host.disks.is_empty() {
                text.small x=(middle) y=(y + 56) { (plural(host.disks.len(), "disk")) }
            }
            title { (host.name) @for alias in &host.aliases { ", " (alias) } }
        }
    }
}
