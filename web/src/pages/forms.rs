//! The forms of pages, for those who may. What has to be filled in or confirmed is folded until it is wanted, and while
//! it is open the page is not brought up to date beneath it (`page.js`).

use maud::{Markup, html};
use xrdtest_model::api::{InstanceInfo, Role, RunRequest, RunSummary, ScheduledSuite};
use xrdtest_model::definition::SuiteDefinition;
use xrdtest_model::event::InstanceOwner;
use xrdtest_model::{Hold, RunId, Verdict};

use super::parts::ago;
use crate::access::{Visitor, form};

/// A button by itself, with what it says to the engine.
fn press(action: &str, (name, value): (&str, &str), word: &str) -> Markup {
    form(Role::Operator, action, &html! { button name=(name) value=(value) { (word) } })
}

/// A form that is folded.
fn folded(word: &str, action: &str, content: &Markup) -> Markup {
    html! {
        @if Visitor::current().may(Role::Operator) {
            details.act { summary { (word) } (form(Role::Operator, action, content)) }
        }
    }
}

/// All that can be done here, beside each other; nothing for those who may not.
fn acts(content: &Markup) -> Markup {
    html! { @if Visitor::current().may(Role::Operator) { div.acts { (content) } } }
}

fn reason() -> Markup {
    html! { label { "Why" input name="reason" maxlength="500" placeholder="for the record"; } }
}

/// On the page of a suite.
pub(super) fn of_suite(
    name: &str,
    definition: Option<&SuiteDefinition>,
    schedule: Option<&ScheduledSuite>,
) -> Markup {
    let address = |what: &str| format!("/testsuites/{name}/{what}");
    acts(&html! {
        @if let Some(definition) = definition.filter(|it| !it.source.broken) {
            (folded("Run …", &address("run"), &run_form(definition)))
        }
        @if let Some(schedule) = schedule {
            @match schedule.paused {
                Some(_) => (press(&address("pause"), ("paused", "false"), "Resume its schedule")),
                None => (press(&address("pause"), ("paused", "true"), "Pause its schedule")),
            }
        }
    })
}

fn run_form(definition: &SuiteDefinition) -> Markup {
    let mut cases: Vec<&str> = Vec::new();
    for case in &definition.tests {
        if !cases.contains(&case.name.as_str()) {
            cases.push(&case.name);
        }
    }
    html! {
        fieldset {
            legend { "Cases" }
            @for case in cases { label.tick { input type="checkbox" name="case" value=(case); (case) } }
            p.quiet { "None ticked: all of them." }
        }
        @if !definition.tags.is_empty() {
            fieldset {
                legend { "Tags" }
                @for (tag, value) in &definition.tags {
                    label {
                        code { "@" (tag) "@" }
                        @if value.contains('\n') {
                            textarea name={ "tag." (tag) } rows="4" { "\n" (value) }
                        } @else {
                            input name={ "tag." (tag) } value=(value);
                        }
                    }
                }
            }
        }
        label { "Runs" input type="number" name="repeat" value="1" min="1" max=(RunRequest::MOST); }
        label.tick {
            input type="checkbox" name="keep_on_failure" value="true";
            "Leave the machines as they are where it does not pass"
        }
        (reason())
        button.main { "Run" }
    }
}

/// On the page of a run.
pub(super) fn of_run(run: &RunSummary) -> Markup {
    let address = |what: &str| format!("/runs/{}/{what}", run.run);
    let Some(verdict) = run.verdict else {
        let content = html! {
            (reason())
            label.tick { input type="checkbox" name="force" value="true"; "At once, without finalize stages" }
            button.main { "Cancel this run" }
        };
        return acts(&folded("Cancel …", &address("cancel"), &content));
    };
    acts(&html! {
        (press(&address("rerun"), ("failed", "false"), "Run again"))
        @if verdict != Verdict::Passed { (press(&address("rerun"), ("failed", "true"), "Run failed cases again")) }
        @if run.pinned {
            (press(&address("pin"), ("pinned", "false"), "Unpin"))
        } @else {
            (press(&address("pin"), ("pinned", "true"), "Pin: keep it for good"))
            (folded("Delete …", &address("delete"), &html! {
                p { "Its record, outputs and logs are gone then. " @if run.archive.is_some() { "Its archive stays." } }
                button.main { "Delete this run" }
            }))
        }
    })
}

/// On the page of a cluster.
pub(super) fn of_cluster(name: &str, startable: bool) -> Markup {
    acts(&html! {
        @if startable {
            (folded("Start …", &format!("/clusters/{name}/start"), &html! {
                label { "Stop it after" input name="keep" placeholder="2h; else as the engine says"; }
                label { "Hypervisor or label" input name="hypervisor" placeholder="wherever it fits"; }
                button.main { "Start" }
            }))
        }
    })
}

/// Beside an instance: one that belongs to a run ends with it.
pub(super) fn of_instance(instance: &InstanceInfo) -> Markup {
    match instance.owner {
        InstanceOwner::Run { .. } => html! {},
        InstanceOwner::Hand { .. } | InstanceOwner::Kept { .. } => folded(
            "Stop …",
            &format!("/instances/{}/stop", instance.instance),
            &html! { p { "Its machines are gone then." } button.main { "Stop it" } },
        ),
    }
}

/// On the overview: who has paused the queue, and what can be done about it.
pub(super) fn of_queue(hold: Option<&Hold>) -> Markup {
    html! {
        @if let Some(hold) = hold { p.held { "The queue is paused by " (hold) ", " (ago(hold.since)) "." } }
        (acts(&match hold {
            Some(_) => press("/queue/pause", ("paused", "false"), "Resume the queue"),
            None => folded("Pause the queue …", "/queue/pause", &html! {
                input type="hidden" name="paused" value="true";
                (reason())
                button.main { "Pause: no run gets a place" }
            }),
        }))
    }
}

/// On the overview: all schedules.
pub(super) fn of_schedules(paused: bool) -> Markup {
    acts(&match paused {
        true => press("/schedule/pause", ("paused", "false"), "Resume all schedules"),
        false => press("/schedule/pause", ("paused", "true"), "Pause all schedules"),
    })
}

/// On the page of a hypervisor: who holds it, and what can be done about it.
pub(super) fn of_hypervisor(name: &str, hold: Option<&Hold>) -> Markup {
    let address = format!("/hypervisors/{name}/hold");
    html! {
        (held(hold))
        (acts(&match hold {
            Some(_) => press(&address, ("held", "false"), "Release it"),
            None => folded("Hold it …", &address, &html! {
                input type="hidden" name="held" value="true";
                (reason())
                button.main { "Hold: nothing new is made on it" }
            }),
        }))
    }
}

/// Who holds a hypervisor; nothing where nobody does.
pub(super) fn held(hold: Option<&Hold>) -> Markup {
    html! { @if let Some(hold) = hold { p.held { "Held by " (hold) ", " (ago(hold.since)) "." } } }
}

/// The command that does once more what a run did.
pub(super) fn command_again(run: &RunId) -> Markup {
    html! { code { "xrdtest rerun " (run) } }
}
