//! One run's events, and the files that it left.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use xrdtest_engine::RunFiles;
use xrdtest_model::event::{InstanceState, Placement, StageResult};
use xrdtest_model::{
    EventBody, InstanceId, MachineId, Metric, Origin, Outcome, RunId, RunPlan, StageId, StageKind, Timestamp,
    Verdict,
};

use crate::random::Random;

/// How a suite behaves.
#[derive(Clone, Copy, Debug)]
enum Character {
    /// It fails so many times in a thousand.
    Fails(u64),
    /// So many runs of all suites before the end something was broken.
    BrokenSince(u64),
}

/// A suite with its character.
#[derive(Debug)]
pub(crate) struct Suite {
    plan: RunPlan,
    character: Character,
    /// Milliseconds of one stage.
    stage_ms: u64,
}

impl Suite {
    pub(crate) fn new(plan: RunPlan, index: usize, seed: u64) -> Self {
        let mut random = Random::new(seed ^ (index as u64).wrapping_mul(0x9e37_79b9));
        let character = match random.below(100) {
            0..80 => Character::Fails(15),
            80..92 => Character::Fails(200),
            _ => Character::BrokenSince(200 + random.below(8000)),
        };
        Self { plan, character, stage_ms: 500 + random.below(9_000) }
    }
}

/// Where outputs go.
#[derive(Debug)]
pub(crate) struct Files {
    runs: PathBuf,
}

impl Files {
    pub(crate) fn new(runs: PathBuf) -> Self {
        Self { runs }
    }
}

/// What a run is made of.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) bodies: Vec<(Timestamp, EventBody)>,
}

/// Makes one run.
#[derive(Debug)]
pub(crate) struct Maker<'a> {
    suite: &'a Suite,
    random: &'a mut Random,
    run: RunId,
    instance: InstanceId,
    now: u64,
    bodies: Vec<(Timestamp, EventBody)>,
    files: Option<&'a Files>,
    /// Lines of the one long output.
    lines: u64,
    /// What goes wrong, in which case, on which machine.
    trouble: Option<(Outcome, u32, usize)>,
    left: u64,
    all: u64,
}

impl<'a> Maker<'a> {
    /// `left`: runs up to the end, this one too, of `all`.
    pub(crate) fn new(
        suite: &'a Suite,
        random: &'a mut Random,
        begin: Timestamp,
        all: u64,
        left: u64,
    ) -> Self {
        let millis = i64::try_from(begin.as_millis()).unwrap_or(0);
        let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
        let stamp = time.strftime("%Y%m%d-%H%M%S");
        let run = format!("{stamp}-{}-{:08x}", suite.plan.suite, random.number() >> 32);
        let cases = suite.plan.cases.len();
        let fails = match suite.character {
            Character::Fails(often) => random.happens(often),
            Character::BrokenSince(since) => left < since || random.happens(10),
        };
        let place =
            (u32::try_from(random.index(cases)).unwrap_or(0), random.index(suite.plan.machines.len()));
        let outcome = match random.below(100) {
            _ if random.happens(3) => Some(Outcome::Cancelled),
            _ if random.happens(4) => Some(Outcome::Lost),
            0..90 if fails => Some(Outcome::Failed),
            _ if fails => Some(Outcome::TimedOut),
            _ => None,
        };
        Self {
            suite,
            random,
            instance: InstanceId::new(format!("{run}.0")),
            run: RunId::new(run),
            now: begin.as_millis(),
            bodies: Vec::new(),
            files: None,
            lines: 0,
            trouble: outcome.map(|outcome| (outcome, place.0, place.1)),
            left,
            all,
        }
    }

    /// It leaves outputs; one of them has so many lines.
    pub(crate) fn leaves(&mut self, files: &'a Files, lines: u64) {
        self.files = Some(files);
        self.lines = lines;
    }

    /// From the beginning to the end.
    pub(crate) fn make(mut self) -> io::Result<Made> {
        self.begin();
        let plan = &self.suite.plan;
        let mut cancelled = false;
        for stage in plan.stages().filter(|stage| plan.script(*stage).is_some()) {
            cancelled = cancelled || self.stage(stage)?;
            if cancelled {
                break;
            }
            if let (Some(case), StageKind::Run) = (stage.case, stage.kind) {
                let verdict = match self.trouble {
                    Some((outcome, of, _)) if of == case => verdict_of(outcome),
                    _ => Verdict::Passed,
                };
                let reason = reason_of(verdict, &plan.case_title(case));
                let run = self.run.clone();
                self.say(EventBody::CaseFinished { run, case, verdict, reason });
            }
        }
        self.end();
        Ok(Made { bodies: self.bodies })
    }

    fn say(&mut self, body: EventBody) {
        self.bodies.push((Timestamp::from_millis(self.now), body));
    }

    fn begin(&mut self) {
        let mut plan = Box::new(self.suite.plan.clone());
        // Somebody commits every few hundred runs.
        let commits = (self.all - self.left) / 300;
        plan.origin = Some(Origin {
            repository: "definitions".to_owned(),
            branch: Some("main".to_owned()),
            commit: Some(format!("{:016x}{:024x}", Random::new(commits).number(), commits)),
            author: Some("A. Author <author@example.org>".to_owned()),
            dirty: Some(false),
        });
        let trigger = if self.random.happens(800) { "schedule" } else { "alice: before the release" };
        self.say(EventBody::RunQueued { run: self.run.clone(), plan, trigger: trigger.to_owned() });
        self.now += 5;
        let clusters = &self.suite.plan.clusters;
        let placed = clusters.iter().map(|cluster| Placement {
            instance: self.instance.clone(),
            cluster: cluster.name.clone(),
            hypervisor: "hv1".into(),
        });
        let instances = placed.collect();
        self.say(EventBody::RunPlaced { run: self.run.clone(), instances });
        self.now += self.random.around(1500);
        self.instance(InstanceState::WaitingSlaves);
        for host in &self.suite.plan.machines {
            self.now += self.random.below(100);
            let machine = MachineId::new(self.instance.clone(), host.clone());
            self.say(EventBody::MachineConnected { machine, boot_id: "6f1c".to_owned() });
        }
        self.instance(InstanceState::Active);
    }

    fn instance(&mut self, state: InstanceState) {
        let instance = self.instance.clone();
        self.say(EventBody::InstanceChanged { instance, state, detail: String::new(), step: None });
    }

    /// Carries a stage out; whether it was cancelled.
    fn stage(&mut self, stage: StageId) -> io::Result<bool> {
        let begin = self.now;
        let hosts = self.suite.plan.machines_of(stage);
        let machines =
            hosts.iter().map(|host| (MachineId::new(self.instance.clone(), host.clone()), 1)).collect();
        self.say(EventBody::StageStarted { run: self.run.clone(), stage, machines });
        let trouble =
            self.trouble.filter(|(_, case, _)| stage.kind == StageKind::Run && stage.case == Some(*case));
        let cancelled = matches!(trouble, Some((Outcome::Cancelled, ..)));
        if cancelled {
            self.now += self.random.around(self.suite.stage_ms);
            let (by, reason) = ("alice".to_owned(), "seen enough".to_owned());
            self.say(EventBody::CancelRequested { run: self.run.clone(), by, reason, force: false });
        }
        let mut took = Vec::new();
        for (index, host) in hosts.iter().enumerate() {
            let outcome = match trouble {
                Some((outcome, _, at)) if cancelled || at == index => outcome,
                _ => Outcome::Passed,
            };
            let duration = self.random.around(self.suite.stage_ms);
            took.push((duration, self.result(stage, host, index, outcome, begin, duration)?));
        }
        took.sort_by_key(|(duration, _)| *duration);
        for (duration, result) in took {
            self.now = self.now.max(begin + duration);
            self.say(EventBody::StageFinished { run: self.run.clone(), result: Box::new(result) });
        }
        self.now += 10;
        Ok(cancelled)
    }

    fn result(
        &mut self,
        stage: StageId,
        host: &str,
        index: usize,
        outcome: Outcome,
        begin: u64,
        duration_ms: u64,
    ) -> io::Result<StageResult> {
        let text_lines = if stage.kind == StageKind::Run { 20 + self.random.below(60) } else { 2 };
        let long = index == 0 && stage == StageId::of_case(0, StageKind::Run);
        let lines = if long { text_lines.max(self.lines) } else { text_lines };
        let output_length = match self.files {
            Some(files) => {
                let path = self.suite.plan.output_path(stage, host, 1);
                let path = RunFiles::new(&files.runs, &self.run).path(Path::new(&path));
                write_output(&path, lines, outcome)?
            }
            None => lines * 78,
        };
        let metrics = match long {
            // It has become better over the time, apart from what is broken.
            true => {
                let share = (self.all - self.left) * 40 / self.all.max(1);
                let value = (600 + share * 10 + self.random.below(80)).to_string();
                Metric::parse("copy.rate", &value, "MB/s").into_iter().collect()
            }
            false => Vec::new(),
        };
        Ok(StageResult {
            stage,
            machine: MachineId::new(self.instance.clone(), host.to_owned()),
            attempt: 1,
            outcome,
            exit_code: match outcome {
                Outcome::Passed => Some(0),
                Outcome::Failed => Some(1),
                _ => None,
            },
            signal: None,
            reason: String::new(),
            started: Timestamp::from_millis(begin),
            duration_ms,
            output_length,
            output_lost: 0,
            output_complete: true,
            leftovers: Vec::new(),
            logs: Vec::new(),
            crashes: Vec::new(),
            no_cores: String::new(),
            metrics,
        })
    }

    fn end(&mut self) {
        let verdict = self.trouble.map_or(Verdict::Passed, |(outcome, ..)| match outcome {
            // A case that hit a limit of its own fails the run.
            Outcome::TimedOut => Verdict::Failed,
            outcome => verdict_of(outcome),
        });
        let case = self.trouble.map(|(_, case, _)| self.suite.plan.case_title(case)).unwrap_or_default();
        let reason = reason_of(verdict, &case);
        self.say(EventBody::RunFinished { run: self.run.clone(), verdict, reason });
        self.instance(InstanceState::Stopping);
        self.now += self.random.around(800);
        self.instance(InstanceState::Stopped);
    }
}

fn verdict_of(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Passed => Verdict::Passed,
        Outcome::TimedOut => Verdict::TimedOut,
        Outcome::Lost => Verdict::Error,
        Outcome::Cancelled => Verdict::Cancelled,
        _ => Verdict::Failed,
    }
}

fn reason_of(verdict: Verdict, case: &str) -> String {
    match verdict {
        Verdict::Passed => String::new(),
        Verdict::Cancelled => "cancelled by alice: seen enough".to_owned(),
        Verdict::Error => format!("{case}: a machine was lost"),
        verdict => format!("{case} {verdict}"),
    }
}

/// Writes an output; answers its length.
fn write_output(path: &Path, lines: u64, outcome: Outcome) -> io::Result<u64> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = io::BufWriter::with_capacity(1 << 20, std::fs::File::create(path)?);
    let mut length = 0;
    for line in 1..=lines {
        let text = match (line % 1000, outcome) {
            (500, _) => format!("[10:00:00] warning: server ds1 answered late, attempt {line} is repeated\n"),
            _ if line == lines && outcome == Outcome::Failed => {
                "xrdcp: [ERROR] Server responded with an error: [3011] no such file\n".to_owned()
            }
            _ => format!(
                "{line:9} read 1048576 bytes at offset {:14} of /data/file, all is well\n",
                line << 20
            ),
        };
        length += text.len() as u64;
        file.write_all(text.as_bytes())?;
    }
    file.flush()?;
    Ok(length)
}
