//! What the small engine answers, and what it does when it is told.

use super::*;

fn done<T: Send + 'static>(result: Result<T, Refusal>) -> Answer<'static, T> {
    futures::future::ready(result).boxed()
}

impl Engine for TestEngine {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn access(&self) -> Arc<Access> {
        self.access.clone()
    }

    fn runs_folder(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    fn last_event(&self) -> watch::Receiver<u64> {
        let sender = self.last.lock().unwrap();
        sender.as_ref().map_or_else(|| watch::Sender::new(0).subscribe(), watch::Sender::subscribe)
    }

    fn output_arrived(&self) -> watch::Receiver<u64> {
        let sender = self.arrived.lock().unwrap();
        sender.as_ref().map_or_else(|| watch::Sender::new(0).subscribe(), watch::Sender::subscribe)
    }

    fn catalogue(&self) -> Arc<Catalogue> {
        self.catalogue.lock().unwrap().clone()
    }

    fn info(&self) -> EngineInfo {
        EngineInfo {
            version: "0.0.0".to_owned(),
            pid: 1,
            started: Timestamp::from_millis(1_795_342_500_000),
            agents_address: "127.0.0.1:4444".to_owned(),
            state: "/state".to_owned(),
            log_level: "info".to_owned(),
            last_event: 0,
            runs_running: 0,
            runs_waiting: 0,
            queue_paused: self.holds().remove(&Held::Queue),
            hypervisors: 0,
            slaves: 0,
            definitions: DefinitionsInfo { generation: 1, ..DefinitionsInfo::default() },
            mail: None,
            deliveries: vec![DeliveryInfo {
                target: "webhook/ci".to_owned(),
                waiting: 3,
                sent: 2,
                failed: 1,
                ..DeliveryInfo::default()
            }],
        }
    }

    fn waits(&self) -> Waits {
        let mut waits = Waits::default();
        self.told.lock().unwrap().iter().for_each(|event| waits.apply(event));
        waits
    }

    fn queue(&self) -> Vec<QueueEntry> {
        Vec::new()
    }

    fn phases(&self) -> Vec<(RunId, String)> {
        vec![("going".into(), "copy_to / run".to_owned())]
    }

    fn progress(&self) -> Vec<(RunId, RunProgress)> {
        vec![("going".into(), RunProgress { begun: true, done: 2, stages: 5 })]
    }

    fn instances(&self) -> Vec<InstanceInfo> {
        let mut instances = vec![InstanceInfo {
            instance: InstanceId::new("going.0"),
            cluster: "cluster_ds".to_owned(),
            hypervisor: HypervisorName::new("hv1"),
            run: Some("going".into()),
            state: StateWord::of_constant("S_ACTIVE"),
            owner: InstanceOwner::Run { run: "going".into() },
            since: Timestamp::from_millis(1_795_342_500_000),
            until: None,
            hosts: vec!["ds1.xrd.test".to_owned()],
        }];
        instances.extend(self.by_hand.lock().unwrap().clone());
        instances
    }

    fn hypervisors(&self) -> Vec<HypervisorInfo> {
        vec![HypervisorInfo {
            name: HypervisorName::new("hv1"),
            state: StateWord::of_constant("S_CONNECTED_IDLE"),
            since: None,
            connected: true,
            provider: "sandbox".to_owned(),
            room: None,
            free: None,
            labels: vec!["ssd".to_owned()],
            detail: "tcg: there is no /dev/kvm".to_owned(),
            load: Some(Load { load_1min_centi: 52, memory_free_kib: 1, disk_free_bytes: 2 }),
            clock_ahead_ms: None,
            held: self.holds().remove(&Held::Hypervisor("hv1".into())),
            revoked: None,
            instances: self.instances(),
            history: Vec::new(),
        }]
    }

    fn slaves(&self) -> Vec<MachineId> {
        self.machines.lock().unwrap().clone()
    }

    fn submit(&self, request: RunRequest, by: String) -> Answer<'_, Vec<RunId>> {
        let tags = if request.tags.is_empty() { String::new() } else { format!(" {:?}", request.tags) };
        let repeat = request.repeat.map(|count| format!(" {count} times")).unwrap_or_default();
        let keep = if request.keep_on_failure { " kept" } else { "" };
        self.ask(format!(
            "{by} submits {} {:?} {}{tags}{repeat}{keep}",
            request.suite, request.cases, request.reason
        ));
        let diagnostic = Diagnostic {
            file: "suites/broken/broken.rhai".into(),
            span: Span::on_line(3, 5, 4),
            code: "XT1001".to_owned(),
            severity: Severity::Error,
            message: "unknown field".to_owned(),
            help: None,
            related: Vec::new(),
        };
        match request.suite.as_str() {
            "nosuch" => done(Err(Refusal::Unknown(problem("there is no suite `nosuch`")))),
            "broken" => done(Err(Refusal::Invalid(Problem {
                diagnostics: vec![diagnostic],
                ..problem("suite `broken` can't be run")
            }))),
            "stopping" => done(Err(Refusal::Unavailable(problem("the engine is stopping")))),
            suite => {
                let story = Story::new("new", suite, 1);
                async move {
                    self.happen([story.queued()]).await;
                    Ok(vec![story.run])
                }
                .boxed()
            }
        }
    }

    fn delete_run(&self, run: RunId, by: String) -> Answer<'_, RunSummary> {
        self.ask(format!("{by} deletes {run}"));
        async move {
            match self.store.run(run.clone()).await.unwrap() {
                None => Err(Refusal::Unknown(problem("there is no such run"))),
                Some(known) if known.pinned => Err(Refusal::Conflict(problem("it is pinned"))),
                Some(known) => {
                    self.store.remove_run(run).await.unwrap();
                    Ok(known)
                }
            }
        }
        .boxed()
    }

    fn holds(&self) -> BTreeMap<Held, Hold> {
        self.held.lock().unwrap().clone()
    }

    fn hold(&self, on: Held, by: String, reason: Option<String>) -> Answer<'_, ()> {
        self.ask(format!("{by} holds {on}: {reason:?}"));
        if on == Held::Hypervisor("nosuch".into()) {
            return done(Err(Refusal::Unknown(problem("there is no such hypervisor"))));
        }
        let since = Timestamp::from_millis(1_795_342_500_000);
        match reason {
            Some(reason) => drop(self.held.lock().unwrap().insert(on, Hold { by, reason, since })),
            None => drop(self.held.lock().unwrap().remove(&on)),
        }
        done(Ok(()))
    }

    fn repositories(&self) -> Vec<RepositoryInfo> {
        vec![repositories::failing()]
    }

    fn fetch(&self, repository: String) -> Answer<'_, RepositoryInfo> {
        self.ask(format!("fetch {repository}"));
        match repository.as_str() {
            "suites" => done(Ok(self.repositories().remove(0))),
            _ => done(Err(Refusal::Unknown(problem("there is no such repository")))),
        }
    }

    fn cancel(&self, run: RunId, by: String, reason: String, force: bool) -> Answer<'_, ()> {
        self.ask(format!("{by} cancels {run} because {reason:?}, force: {force}"));
        match run.as_str() {
            "nosuch" => done(Err(Refusal::Unknown(problem("there is no run `nosuch`")))),
            "over" => done(Err(Refusal::Conflict(problem("run `over` is over")))),
            _ => done(Ok(())),
        }
    }

    fn dequeue(&self, run: RunId, by: String, reason: String) -> Answer<'_, ()> {
        self.ask(format!("{by} removes {run} because {reason:?}"));
        match run.as_str() {
            "going" => done(Err(Refusal::Conflict(problem("run `going` has a place")))),
            _ => done(Ok(())),
        }
    }

    fn start_cluster(&self, request: ClusterRequest, by: String) -> Answer<'_, InstanceId> {
        let on = request.hypervisor.map(|name| format!(" on {name}")).unwrap_or_default();
        self.ask(format!("{by} starts {} for {:?}{on}", request.cluster, request.keep_ms));
        match request.cluster.as_str() {
            "nosuch" => done(Err(Refusal::Unknown(problem("there is no cluster `nosuch`")))),
            "busy" => done(Err(Refusal::Conflict(problem("cluster `busy` has no place now")))),
            cluster => {
                let story = Story::new("hand", cluster, 1);
                let info = InstanceInfo {
                    instance: story.instance.clone(),
                    cluster: "cluster_ds".to_owned(),
                    hypervisor: HypervisorName::new("hv1"),
                    run: None,
                    state: StateWord::of_constant("S_STARTING_CLUSTER"),
                    owner: InstanceOwner::Hand { by },
                    since: Timestamp::from_millis(1_795_342_500_000),
                    until: Some(Timestamp::from_millis(1_795_428_900_000)),
                    hosts: story.plan.machines.clone(),
                };
                self.by_hand.lock().unwrap().push(info);
                async move {
                    self.happen(story.by_hand()).await;
                    Ok(story.instance)
                }
                .boxed()
            }
        }
    }

    fn stop_cluster(&self, instance: InstanceId, by: String) -> Answer<'_, ()> {
        self.ask(format!("{by} stops {instance}"));
        match instance.as_str() {
            "going.0" => done(Err(Refusal::Conflict(problem("it belongs to run going")))),
            _ => done(Ok(())),
        }
    }

    fn revoke(&self, request: RevocationRequest, by: String) -> Answer<'_, RevocationInfo> {
        self.ask(format!("{by} revokes {}: {}", request.agent, request.reason));
        if request.agent.to_string() == "hypervisor/nosuch" {
            return done(Err(Refusal::Unknown(problem("there is no such agent"))));
        }
        async move {
            let RevocationRequest { agent, reason } = request;
            let at = Timestamp::from_millis(1_795_342_500_000);
            let identity = format!("xrdtest:{agent}");
            let (joined, already) = (None, false);
            let (by_, reason_) = (by.clone(), reason.clone());
            let kept = Revocation { identity, at, void_until: at, by: by_, reason: reason_, joined };
            self.store.revoke(kept).await.unwrap();
            Ok(RevocationInfo { agent, at, by, reason, joined, already })
        }
        .boxed()
    }

    fn new_token(&self, request: TokenRequest, by: String) -> Answer<'_, TokenCreated> {
        self.ask(format!("{by} makes a token for {}", request.agent));
        async move {
            let created = Timestamp::from_millis(0);
            // Ids in the tests begin alike, so that one has to be told from another.
            let digest =
                format!("abcdef{}", if request.agent.to_string().contains("hv1") { "01" } else { "02" });
            let expires = Timestamp::from_millis(u64::MAX / 4);
            let identity = format!("xrdtest:{}", request.agent);
            let record = TokenRecord { digest: digest.clone(), identity, by, created, expires, used: None };
            self.store.add_tokens(vec![record]).await.unwrap();
            let (token, engine) = ("secret".to_owned(), "127.0.0.1:4444".to_owned());
            Ok(TokenCreated { id: digest, token, agent: request.agent, engine, expires })
        }
        .boxed()
    }

    fn archive(&self, request: ArchiveRequest) -> Answer<'_, Archived> {
        let archived = request.runs.iter().map(|run| (run.to_string(), format!("/archive/{run}.tar.zst")));
        done(Ok(Archived { archived: archived.collect(), ..Archived::default() }))
    }

    fn reload(&self) -> Answer<'_, ()> {
        self.ask("reload".to_owned());
        done(Ok(()))
    }

    fn stop(&self) -> Answer<'_, ()> {
        self.ask("stop".to_owned());
        done(Ok(()))
    }

    fn schedules(&self, starts: usize) -> SchedulesInfo {
        schedules::all(starts)
    }

    fn schedule(&self, suite: &str, starts: usize) -> Option<ScheduledSuite> {
        schedules::all(starts).suites.into_iter().find(|known| known.suite == suite)
    }

    fn pause(&self, suite: String, paused: bool, by: String) -> Answer<'_, ()> {
        self.ask(format!("{by} {} `{suite}`", if paused { "pauses" } else { "resumes" }));
        let unknown = Refusal::Unknown(problem("no schedule"));
        done(if suite == "unscheduled" { Err(unknown) } else { Ok(()) })
    }

    fn set_log_level(&self, level: String) -> Answer<'_, ()> {
        self.ask(format!("log {level}"));
        match level.as_str() {
            "loud" => done(Err(Refusal::Invalid(problem("`loud` is no filter")))),
            _ => done(Ok(())),
        }
    }
}
