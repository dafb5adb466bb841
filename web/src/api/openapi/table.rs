//! What each route takes and answers.

use xrdtest_model::api::{
    ApiTokenCreated, ApiTokenRequest, ArchiveRequest, Archived, AuditEntry, AuditFilter, CancelRequest,
    ClusterInfo, ClusterRequest, Comparison, DefinitionsInfo, EngineInfo, HoldRequest, HypervisorInfo,
    InstanceDetails, InstanceInfo, LogLevel, OutputEntry, PauseRequest, PinRequest, QueueEntry, QueuePause,
    QueuePauseRequest, ReportFormat, RepositoryInfo, RerunRequest, RevocationInfo, RevocationRequest,
    RunCreated, RunRequest, RunSummary, SchedulesInfo, SlaveInfo, SuiteInfo, SuiteTrends, SuiteTurn,
    TokenCreated, TokenInfo, TokenRequest, UserChange, UserInfo, UserRequest,
};
use xrdtest_model::document::RunsDocument;
use xrdtest_model::{Event, RunPlan};

use super::super::{comparison, events, outputs, queue, report, runs, slaves, turns};
use super::operation::Operation;

fn get(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("get", path, summary)
}

fn post(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("post", path, summary)
}

fn put(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("put", path, summary)
}

fn delete(path: &'static str, summary: &'static str) -> Operation {
    Operation::new("delete", path, summary)
}

/// All of them.
pub(super) fn operations() -> Vec<Operation> {
    [of_engine(), of_runs(), of_files(), of_definitions(), of_machines(), of_access()]
        .into_iter()
        .flatten()
        .collect()
}

fn of_engine() -> Vec<Operation> {
    vec![
        get("/openapi.json", "This document").answers::<serde_json::Value>(200),
        get("/status", "The engine itself").answers::<EngineInfo>(200),
        get("/definitions", "What is loaded, and what is wrong in it").answers::<DefinitionsInfo>(200),
        post("/reload", "Reads configuration and definitions again")
            .answers::<DefinitionsInfo>(200)
            .or(&[409, 422]),
        get("/repositories", "Where definitions come from").answers::<Vec<RepositoryInfo>>(200),
        get("/repositories/{name}", "One repository").answers::<RepositoryInfo>(200),
        post("/repositories/{name}/fetch", "Looks at a repository now").answers::<RepositoryInfo>(200),
        post("/stop", "Ends the engine; machines and scripts go on").answers::<EngineInfo>(202).or(&[409]),
        get("/log-level", "The filter of the engine's log").answers::<LogLevel>(200),
        put("/log-level", "Changes the filter of the engine's log")
            .takes::<LogLevel>()
            .answers::<LogLevel>(200)
            .or(&[409]),
        get("/events", "What happened; with `Accept: text/event-stream` also what happens")
            .query::<events::Which>()
            .answers::<Vec<Event>>(200)
            .sends("text/event-stream"),
    ]
}

fn of_runs() -> Vec<Operation> {
    vec![
        get("/queue", "The runs that wait, in the order in which they get a place")
            .answers::<Vec<QueueEntry>>(200),
        get("/queue/pause", "Who has paused the queue").answers::<QueuePause>(200),
        put("/queue/pause", "Pauses the queue, or lets it go on")
            .takes::<QueuePauseRequest>()
            .answers::<QueuePause>(200),
        delete("/queue/{run}", "Takes a run out of the queue")
            .query::<queue::Removal>()
            .answers::<RunSummary>(200)
            .or(&[409]),
        get("/runs", "Runs, newest first; the header Link leads to older ones")
            .query::<runs::Filter>()
            .answers::<Vec<RunSummary>>(200),
        post("/runs", "Asks for runs of a suite")
            .takes::<RunRequest>()
            .answers::<RunCreated>(201)
            .or(&[404, 409]),
        post("/runs/archive", "Packs runs into files, and frees their outputs and logs")
            .takes::<ArchiveRequest>()
            .answers::<Archived>(200),
        get("/runs/{run}", "How each stage of a run ended on each machine").answers::<RunsDocument>(200),
        delete("/runs/{run}", "Removes a run that is over with all that it left")
            .answers::<RunSummary>(200)
            .or(&[409]),
        get("/runs/{run}/plan", "The definition as it was").answers::<RunPlan>(200),
        of_report(),
        get("/runs/{run}/comparison", "What is different between two runs")
            .query::<comparison::With>()
            .answers::<Comparison>(200),
        post("/runs/{run}/cancel", "Gives a run up")
            .may_take::<CancelRequest>()
            .answers::<RunSummary>(202)
            .or(&[409]),
        post("/runs/{run}/rerun", "Does what a run did, or what of it failed, once more")
            .may_take::<RerunRequest>()
            .answers::<RunCreated>(201)
            .or(&[409]),
        put("/runs/{run}/pin", "Keeps a run for good, or does not any more")
            .takes::<PinRequest>()
            .answers::<RunSummary>(200),
        get("/runs/{run}/events", "The events of a run; as a stream they end with the run")
            .query::<events::Which>()
            .answers::<Vec<Event>>(200)
            .sends("text/event-stream"),
    ]
}

/// Each format has its own kind of answer.
fn of_report() -> Operation {
    let told = get("/runs/{run}/report", "A run in the formats of other programs");
    let told = told.query::<report::Wanted>().answers::<RunsDocument>(200);
    let others = ReportFormat::ALL.into_iter().filter(|format| *format != ReportFormat::Json);
    others.fold(told, |told, format| told.sends(format.content_type()))
}

fn of_files() -> Vec<Operation> {
    let text = "text/plain; charset=utf-8";
    vec![
        get("/runs/{run}/outputs", "The files that a run left").answers::<Vec<OutputEntry>>(200),
        get("/runs/{run}/outputs/{stage}/{machine}", "What a script wrote, also while it writes")
            .query::<outputs::Part>()
            .sends(text)
            .or(&[409, 410]),
        get("/runs/{run}/logs/{stage}/{machine}/{*path}", "A log file that was collected")
            .sends(text)
            .or(&[409, 410]),
        get("/runs/{run}/artifacts/{stage}/{machine}/{*path}", "A file that a script kept")
            .sends("application/octet-stream")
            .or(&[409, 410]),
        get("/runs/{run}/consoles/{host}", "What a virtual machine wrote to its serial console")
            .query::<outputs::From>()
            .sends(text)
            .or(&[409, 410]),
    ]
}

fn of_definitions() -> Vec<Operation> {
    vec![
        get("/suites", "Suites with their latest runs").answers::<Vec<SuiteInfo>>(200),
        get("/suites/{name}", "One suite with its history").answers::<SuiteInfo>(200),
        get("/suites/{name}/trends", "How its cases and numbers have done over its latest runs")
            .answers::<SuiteTrends>(200),
        put("/suites/{name}/schedule", "Pauses the schedule of a suite, or lets it go on")
            .takes::<PauseRequest>()
            .answers::<SchedulesInfo>(200),
        get("/turns", "Suites that passed before and do not now, and the other way round")
            .query::<turns::Which>()
            .answers::<Vec<SuiteTurn>>(200),
        get("/schedule", "When suites start by themselves").answers::<SchedulesInfo>(200),
        put("/schedule", "Pauses all schedules, or lets them go on")
            .takes::<PauseRequest>()
            .answers::<SchedulesInfo>(200),
        get("/clusters", "Clusters with their instances").answers::<Vec<ClusterInfo>>(200),
        get("/clusters/{name}", "One cluster with its history").answers::<ClusterInfo>(200),
    ]
}

fn of_machines() -> Vec<Operation> {
    vec![
        get("/instances", "What exists of clusters").answers::<Vec<InstanceInfo>>(200),
        post("/instances", "Starts a cluster by hand")
            .takes::<ClusterRequest>()
            .answers::<InstanceInfo>(201)
            .or(&[404, 409]),
        get("/instances/{instance}", "One instance with its machines").answers::<InstanceDetails>(200),
        delete("/instances/{instance}", "Stops an instance that belongs to no run")
            .answers::<InstanceInfo>(202)
            .or(&[409]),
        get("/instances/{instance}/events", "The events of an instance")
            .query::<events::Which>()
            .answers::<Vec<Event>>(200)
            .sends("text/event-stream"),
        get("/hypervisors", "Hypervisor agents").answers::<Vec<HypervisorInfo>>(200),
        get("/hypervisors/{name}", "One hypervisor agent with its history").answers::<HypervisorInfo>(200),
        put("/hypervisors/{name}/hold", "Holds a hypervisor, or lets go of it")
            .takes::<HoldRequest>()
            .answers::<HypervisorInfo>(200),
        get("/slaves", "Slave agents").query::<slaves::Which>().answers::<Vec<SlaveInfo>>(200),
        get("/slaves/{*name}", "One slave agent with its history").answers::<SlaveInfo>(200),
    ]
}

fn of_access() -> Vec<Operation> {
    vec![
        get("/tokens", "Tokens that are not expired, of agents and of programs")
            .answers::<Vec<TokenInfo>>(200),
        post("/tokens", "Makes a join token; the only time that it is told")
            .takes::<TokenRequest>()
            .answers::<TokenCreated>(201),
        post("/tokens/api", "Makes a token for a program; the only time that it is told")
            .takes::<ApiTokenRequest>()
            .answers::<ApiTokenCreated>(201),
        delete("/tokens/{id}", "Makes a token void").answers::<TokenInfo>(200).or(&[409]),
        get("/revocations", "Agents whose certificates are void").answers::<Vec<RevocationInfo>>(200),
        post("/revocations", "Makes the certificates void that an agent was given so far")
            .takes::<RevocationRequest>()
            .answers::<RevocationInfo>(201)
            .or(&[404]),
        get("/users", "Accounts").answers::<Vec<UserInfo>>(200),
        post("/users", "Makes an account").takes::<UserRequest>().answers::<UserInfo>(201).or(&[409]),
        put("/users/{name}", "Gives an account another role or password")
            .takes::<UserChange>()
            .answers::<UserInfo>(200)
            .or(&[409]),
        delete("/users/{name}", "Removes an account, and ends its sessions")
            .answers::<UserInfo>(200)
            .or(&[409]),
        get("/audit", "Who has changed something, newest first")
            .query::<AuditFilter>()
            .answers::<Vec<AuditEntry>>(200),
    ]
}
