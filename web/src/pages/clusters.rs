//! `/clusters`, `/clusters/NAME`.

use axum::extract::{Path, State};
use maud::{Markup, html};
use xrdtest_model::api::{ClusterInfo, InstanceInfo};
use xrdtest_model::definition::{ClusterDefinition, Forward, HostDefinition};
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::utc;

use super::failure::PageAnswer;
use super::parts::{self, ago, cluster_link, hypervisor_link, run_link};
use super::shell::Shell;
use super::topology;
use crate::api::{Shared, clusters};

/// States that are told of a cluster.
const STATES: u32 = 50;

pub(super) async fn list(State(engine): State<Shared>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let clusters = clusters::all(&engine).await?;
    let content = html! {
        h1 { "Clusters" }
        @if clusters.is_empty() {
            (parts::empty("There are no clusters.", "They are clusters/NAME.rhai in the repositories of the engine."))
        } @else {
            div.scroll {
                table {
                    thead { tr { th { "Cluster" } th { "State" } th { "Hosts" } th { "Instances" } } }
                    tbody {
                        @for cluster in &clusters {
                            tr {
                                td { (cluster_link(&cluster.name)) }
                                td { (parts::state(&cluster.state)) (flaws(cluster)) }
                                td.words { (short_names(&cluster.hosts)) }
                                td { @for instance in &cluster.instances { (of_instance(instance)) " " } }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(Shell::new("Clusters").area("/clusters").live(last_event, None).render(&content))
}

fn flaws(cluster: &ClusterInfo) -> Markup {
    html! {
        @if cluster.external { " " span.badge { "physical machines" } }
        @if cluster.broken { " " a.badge.error href="/definitions" { "broken" } }
        @if !cluster.defined { " " span.badge.cancelled { "not defined any more" } }
    }
}

fn short_names(hosts: &[String]) -> String {
    let names: Vec<_> = hosts.iter().map(|host| host.split('.').next().unwrap_or(host)).collect();
    names.join(", ")
}

/// Whose an instance is, and where.
fn of_instance(instance: &InstanceInfo) -> Markup {
    html! {
        @match &instance.run {
            Some(run) => (run_link(run)),
            None => span.id { (instance.instance) },
        }
        " on " (hypervisor_link(instance.hypervisor.as_str()))
    }
}

pub(super) async fn page(State(engine): State<Shared>, Path(name): Path<String>) -> PageAnswer<Markup> {
    let last_event = *engine.last_event().borrow();
    let cluster = clusters::one(&engine, &name, STATES).await?;
    let catalogue = engine.catalogue();
    let definition = catalogue.clusters.get(&name).map(|definition| &**definition);
    let content = html! {
        header.title {
            h1 { (name) }
            (parts::state(&cluster.state)) (flaws(&cluster))
            @if let Some(info) = definition.and_then(|it| it.info.as_ref()) { p.quiet { (info) } }
        }
        @if let Some(definition) = definition {
            section.panel { h2 { "Network" } (topology::drawing(definition)) (network(definition)) }
            section.panel { h2 { "Hosts" } (hosts(&definition.hosts)) }
        }
        section.panel { h2 { "Instances" } (instances(&cluster.instances, &name)) }
        section.panel { h2 { "Activity" } (parts::activity(&cluster.history)) }
    };
    Ok(Shell::new(&name).area("/clusters").live(last_event, None).render(&content))
}

fn network(cluster: &ClusterDefinition) -> Markup {
    let net = &cluster.network;
    html! {
        dl.facts {
            dt { "Network" } dd { (net.name) }
            dt { "Address" } dd { (net.ip) " / " (net.netmask) }
            @if let Some((first, last)) = &net.dhcp_range { dt { "DHCP" } dd { (first) " – " (last) } }
            @if let Some(alias) = &net.lb_alias { dt { "Balanced name" } dd { (alias) ": " (net.lb_hosts.join(", ")) } }
            dt { "Way out" }
            dd { @match net.forward { Forward::Nat => "address translation", Forward::Isolated => "none" } }
            @if let Some(hypervisor) = &cluster.hypervisor { dt { "Hypervisor" } dd { (hypervisor) } }
        }
    }
}

fn hosts(hosts: &[HostDefinition]) -> Markup {
    html! {
        div.scroll {
            table {
                thead {
                    tr { th { "Host" } th { "Address" } th { "Other names" } th.number { "Memory" } th.number { "Cores" }
                        th { "Boots" } th { "Disks" } }
                }
                tbody {
                    @for host in hosts {
                        tr {
                            td { (host.name) }
                            td { (host.ip) }
                            td.words { (host.aliases.join(", ")) }
                            td.number { (human_bytes(host.ram_kib.saturating_mul(1024))) }
                            td.number { (host.vcpus) }
                            td { (host.boot_image.as_deref().or(host.kernel.as_deref()).unwrap_or("–")) }
                            td.words {
                                @for disk in &host.disks {
                                    (disk.name) " " (disk.size) " at " (disk.mount_point)
                                    @if !disk.cache { " (fresh each time)" }
                                    br;
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn instances(instances: &[InstanceInfo], name: &str) -> Markup {
    if instances.is_empty() {
        return parts::empty(
            "None is there now.",
            &format!("Start one by hand: xrdtest cluster start {name}"),
        );
    }
    html! {
        ul.cards {
            @for instance in instances {
                li.card {
                    (parts::state(&instance.state)) " " (of_instance(instance))
                    p.quiet {
                        "since " (ago(instance.since))
                        @if let Some(until) = instance.until { ", until " (utc(until)) }
                        @else { ", until its run is over" }
                    }
                }
            }
        }
    }
}
