//! The outcome table, and what else a supervisor promises, through the real program.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod outcome_table;

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outcome_table::{CANCEL_REASON, Case};
use xrdtest_model::order::{EndCause, FinishedReport, StageOrder};
use xrdtest_model::plan::Script;
use xrdtest_model::{AttemptId, Limits, MachineId, Outcome, StageId, StageKind};
use xrdtest_slave::stage::wire::{self, News};
use xrdtest_slave::stage::{Assignment, StageFolder};
use xrdtest_slave::tags::Tags;

const HOST: &str = "ds1.xrd.test";
/// Nothing here takes longer.
const LIMIT: Duration = Duration::from_secs(60);

fn assignment(case: &Case, work: PathBuf) -> Assignment {
    let functions = concat!(env!("CARGO_MANIFEST_DIR"), "/../../stdlib/shell/functions.sh");
    let owned = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let tags = Tags::new(&owned(case.tags), &owned(&[("slavename", HOST)]));
    let text = tags.replace(case.script).replace("/etc/XrdTest/utils/functions.sh", functions);
    let order = StageOrder {
        attempt: AttemptId {
            run: case.name.into(),
            stage: StageId::of_case(0, StageKind::Run),
            machine: MachineId::new("i".into(), HOST),
            number: 1,
        },
        boot_id: "boot".to_owned(),
        suite: "table".to_owned(),
        case: Some(case.name.to_owned()),
        script: Arc::new(Script {
            origin: "suites/table/tc/c/run.sh".to_owned(),
            digest: String::new(),
            text,
        }),
        tags: BTreeMap::new(),
        timeout_ms: case.timeout_ms,
        output_limit: case.output_limit.unwrap_or(Limits::default().output_bytes),
        logs: Vec::new(),
        log_limit: 1000,
        aliases: Vec::new(),
        cores: None,
    };
    Assignment { order, work, files: String::new() }
}

/// A supervisor, and this side of its first connection.
struct Supervised {
    folder: StageFolder,
    process: Child,
    stream: UnixStream,
}

fn supervise(folder: &StageFolder, more: &[&str]) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(LIMIT)).unwrap();
    let process = Command::new(env!("CARGO_BIN_EXE_xrdtest-slave"))
        .arg("supervise")
        .args(more)
        .arg(folder.path())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stderr(Stdio::from(fs::File::create(folder.path().join("complaints")).unwrap()))
        .spawn()
        .unwrap();
    (process, ours)
}

fn start(base: &Path, case: &Case) -> Supervised {
    let folder = StageFolder::at(base.join("stages").join(case.name));
    folder.create(&assignment(case, base.join("work").join(case.name))).unwrap();
    let (process, stream) = supervise(&folder, &[]);
    Supervised { folder, process, stream }
}

impl Supervised {
    /// Follows the news to the outcome, cancelling where the case says so.
    fn outcome(&self, case: &Case) -> FinishedReport {
        let mut cancelled = false;
        for line in BufReader::new(&self.stream).lines() {
            match serde_json::from_str(&line.unwrap()).unwrap() {
                News::Over { outcome, .. } => return *outcome,
                News::Running { .. } if !cancelled && self.must_cancel(case) => {
                    cancelled = true;
                    self.command(EndCause::Cancelled, CANCEL_REASON);
                }
                _ => {}
            }
        }
        panic!("{}: the supervisor went away: {}", case.name, self.complaints());
    }

    fn must_cancel(&self, case: &Case) -> bool {
        let output = fs::read_to_string(self.folder.output()).unwrap_or_default();
        case.cancel_at.is_some_and(|text| output.contains(text))
    }

    fn command(&self, why: EndCause, reason: &str) {
        let command = wire::Command::End { why, reason: reason.to_owned() };
        let mut line = serde_json::to_vec(&command).unwrap();
        line.push(b'\n');
        (&self.stream).write_all(&line).unwrap();
    }

    fn complaints(&self) -> String {
        fs::read_to_string(self.folder.path().join("complaints")).unwrap_or_default()
    }

    /// Waits for the end of the supervisor's own process.
    fn join(mut self) {
        let status = self.process.wait().unwrap();
        assert!(status.success(), "{}", self.complaints());
    }
}

/// Living processes whose environment says that they belong to this run.
fn processes_of(run: &str) -> Vec<i32> {
    let mark = format!("XRDTEST_RUN={run}\0");
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.windows(mark.len()).any(|window| window == mark.as_bytes())
        })
        .collect()
}

fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

fn check(base: &Path, case: &Case) -> Result<(), String> {
    let supervised = start(base, case);
    let report = supervised.outcome(case);
    // There is a file where there is a byte.
    assert_eq!(supervised.folder.output().exists(), report.output_length > 0, "{}", case.name);
    let output = fs::read(supervised.folder.output()).unwrap_or_default();
    let daemons: Vec<i32> = String::from_utf8_lossy(&output[..output.len().min(4096)])
        .lines()
        .filter_map(|line| line.strip_prefix("daemon ")?.parse().ok())
        .collect();
    let living = processes_of(case.name);
    for pid in &daemons {
        kill(*pid);
    }
    if living != daemons {
        return Err(format!("processes {living:?} live, not {daemons:?}"));
    }
    case.check_end(report.outcome, report.exit_code, report.signal, &report.reason, &report.leftovers)?;
    case.check_output(&output)?;
    if report.output_length != output.len() as u64 {
        return Err(format!("{} bytes were reported, {} are there", report.output_length, output.len()));
    }
    let folder = supervised.folder.clone();
    supervised.join();
    let written = folder.outcome().unwrap();
    if written.as_ref() != Some(&report) {
        return Err(format!("the journal says {written:?}"));
    }
    Ok(())
}

#[test]
fn outcome_table() {
    let base = tempfile::tempdir().unwrap();
    let cases: Mutex<VecDeque<Case>> = Mutex::new(Case::all().into());
    let wrong: Mutex<Vec<String>> = Mutex::new(Vec::new());
    assert!(cases.lock().unwrap().len() > 60);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().unwrap().pop_front() else { break };
                    if let Err(words) = check(base.path(), &case) {
                        wrong.lock().unwrap().push(format!("{}: {words}", case.name));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn passing(name: &'static str, script: &'static str) -> Case {
    let any = Case::all().into_iter().find(|case| case.name == "exit_0").unwrap();
    Case { name, script, ..any }
}

#[test]
fn where_memory_runs_out_the_script_goes_first() {
    let base = tempfile::tempdir().unwrap();
    let script = "#!/bin/bash\ncat /proc/self/oom_score_adj /proc/$PPID/oom_score_adj\n";
    let case = passing("expendable", script);
    let supervised = start(base.path(), &case);
    assert_eq!(supervised.outcome(&case).outcome, Outcome::Passed);
    let own: i32 = fs::read_to_string("/proc/self/oom_score_adj").unwrap().trim().parse().unwrap();
    let output = fs::read_to_string(supervised.folder.output()).unwrap();
    assert_eq!(output, format!("{}\n{own}\n", own.max(300)));
    supervised.join();
}

#[test]
fn of_two_supervisors_one_starts_the_script() {
    let base = tempfile::tempdir().unwrap();
    let case = passing("two_supervisors", "#!/bin/bash\necho run >> ran\n");
    let folder = StageFolder::at(base.path().join("stages").join(case.name));
    let work = base.path().join("work");
    folder.create(&assignment(&case, work.clone())).unwrap();
    let mut started: Vec<_> = (0..8).map(|_| supervise(&folder, &[])).collect();
    let told: usize = started
        .iter_mut()
        .map(|(process, stream)| {
            assert!(process.wait().unwrap().success());
            usize::from(BufReader::new(&*stream).lines().next().is_some())
        })
        .sum();
    assert_eq!(told, 1, "all but one go away without a word");
    assert_eq!(fs::read_to_string(work.join("ran")).unwrap(), "run\n");
    assert_eq!(folder.outcome().unwrap().unwrap().outcome, Outcome::Passed);
}

/// The news until a stage is over, and whether the supervisor takes another one.
fn over(stream: &UnixStream) -> (FinishedReport, bool) {
    let mut lines = BufReader::new(stream).lines();
    loop {
        let line = lines.next().unwrap().unwrap();
        if let News::Over { outcome, free } = serde_json::from_str(&line).unwrap() {
            return (*outcome, free);
        }
    }
}

/// A stage of this name whose folder is ready.
fn ordered(base: &Path, name: &'static str, script: &'static str) -> StageFolder {
    let folder = StageFolder::at(base.join("stages").join(name));
    folder.create(&assignment(&passing(name, script), base.join("work"))).unwrap();
    folder
}

fn take_over(mut stream: &UnixStream, folder: &StageFolder) {
    let command = wire::Command::Supervise { folder: folder.path().to_owned() };
    let mut line = serde_json::to_vec(&command).unwrap();
    line.push(b'\n');
    stream.write_all(&line).unwrap();
}

#[test]
fn it_stays_until_something_is_left_of_a_stage() {
    let base = tempfile::tempdir().unwrap();
    let first = ordered(base.path(), "first", "#!/bin/bash\necho $PPID\n");
    let second = ordered(base.path(), "second", "#!/bin/bash\necho $PPID\n");
    let third = ordered(base.path(), "third", "#!/bin/bash\nsleep 100 > /dev/null 2>&1 &\necho $PPID $!\n");
    let (mut process, stream) = supervise(&first, &["--stay"]);
    assert!(over(&stream).1);
    for (folder, free) in [(&second, true), (&third, false)] {
        take_over(&stream, folder);
        let (report, said) = over(&stream);
        assert_eq!((report.outcome, said), (Outcome::Passed, free));
        assert_eq!(folder.outcome().unwrap(), Some(report));
    }
    assert!(first.connect().unwrap().is_none(), "nobody speaks for it any more");
    assert!(process.wait().unwrap().success());
    let output = [&first, &second, &third].map(|folder| fs::read_to_string(folder.output()).unwrap());
    let pid = format!("{}\n", process.id());
    assert_eq!(output[..2], [pid.clone(), pid.clone()]);
    let (supervisor, daemon) = output[2].split_once(' ').unwrap();
    assert_eq!(supervisor, pid.trim());
    kill(daemon.trim().parse().unwrap());
}

#[test]
fn an_end_that_comes_with_the_next_stage_is_that_stages() {
    let base = tempfile::tempdir().unwrap();
    let first = ordered(base.path(), "before", "#!/bin/bash\ntrue\n");
    let second = ordered(base.path(), "ended", "#!/bin/bash\nexec sleep 100\n");
    let (mut process, mut stream) = supervise(&first, &["--stay"]);
    assert!(over(&stream).1);
    let next = wire::Command::Supervise { folder: second.path().to_owned() };
    let end = wire::Command::End { why: EndCause::Cancelled, reason: CANCEL_REASON.to_owned() };
    let lines = [next, end].map(|command| serde_json::to_string(&command).unwrap() + "\n").concat();
    stream.write_all(lines.as_bytes()).unwrap();
    let (report, free) = over(&stream);
    assert_eq!((report.outcome, report.reason.as_str(), free), (Outcome::Cancelled, CANCEL_REASON, true));
    drop(stream);
    assert!(process.wait().unwrap().success());
}

#[test]
fn it_goes_with_the_agent_that_may_have_more() {
    let base = tempfile::tempdir().unwrap();
    let first = ordered(base.path(), "only", "#!/bin/bash\ntrue\n");
    let (mut process, stream) = supervise(&first, &["--stay"]);
    assert!(over(&stream).1);
    drop(stream);
    assert!(process.wait().unwrap().success());
    // A stage that somebody else has taken is not started again.
    let taken = ordered(base.path(), "taken", "#!/bin/bash\necho run >> ran\n");
    let again = ordered(base.path(), "again", "#!/bin/bash\ntrue\n");
    let (mut process, stream) = supervise(&again, &["--stay"]);
    assert!(over(&stream).1);
    let (mut other, others) = supervise(&taken, &[]);
    assert!(!over(&others).1);
    assert!(other.wait().unwrap().success());
    take_over(&stream, &taken);
    assert!(process.wait().unwrap().success());
    assert_eq!(fs::read_to_string(base.path().join("work/ran")).unwrap(), "run\n");
}

#[test]
fn a_left_over_goes_on_writing_unharmed() {
    let base = tempfile::tempdir().unwrap();
    // The left-over writes more than a pipe holds before it reports; with a broken or a full pipe it never would.
    let script = "#!/bin/bash\nmkfifo go done\n\
                  (read -r _ < go; head -c 1000000 /dev/zero; echo alive > done) &\necho bye\n";
    let case = Case { leftovers: &["run.sh (pid "], ..passing("left_over", script) };
    let work = base.path().join("work").join(case.name);
    let supervised = start(base.path(), &case);
    let report = supervised.outcome(&case);
    case.check_end(report.outcome, report.exit_code, report.signal, &report.reason, &report.leftovers)
        .unwrap();
    // A restarted agent finds the supervisor and the outcome.
    let again = supervised.folder.connect().unwrap().unwrap();
    again.set_read_timeout(Some(LIMIT)).unwrap();
    let line = BufReader::new(again).lines().next().unwrap().unwrap();
    assert_eq!(
        serde_json::from_str::<News>(&line).unwrap(),
        News::Over { outcome: Box::new(report), free: false }
    );
    fs::write(work.join("go"), "go\n").unwrap();
    assert_eq!(fs::read_to_string(work.join("done")).unwrap(), "alive\n");
    assert_eq!(fs::read(supervised.folder.output()).unwrap(), b"bye\n");
    supervised.join();
}

#[test]
fn the_limit_holds_without_an_agent() {
    let base = tempfile::tempdir().unwrap();
    let case = Case { timeout_ms: 300, ..passing("no_agent", "#!/bin/bash\nsleep 100\n") };
    let mut supervised = start(base.path(), &case);
    supervised.stream.shutdown(std::net::Shutdown::Both).unwrap();
    assert!(supervised.process.wait().unwrap().success());
    assert_eq!(supervised.folder.outcome().unwrap().unwrap().outcome, Outcome::TimedOut);
    assert!(supervised.folder.connect().unwrap().is_none(), "nobody answers any more");
}

#[test]
fn a_script_keeps_files_and_states_numbers() {
    let base = tempfile::tempdir().unwrap();
    let script = "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\n\
                  echo one > a; artifact a; echo two >> a; mkdir sub; echo b > sub/b; artifact sub/../sub/b; rm -r sub\n\
                  metric rate 81.5 MB/s; metric n -3\n\
                  artifact /none || log code $?; artifact . || log code $?; metric 'a b' 1 || log code $?\n\
                  head -c 1001 /dev/zero > large; artifact large || log code $?\n\
                  mkfifo pipe; artifact pipe || log code $?\n\
                  (sleep 0.3; $XRDTEST_AGENT measure late 1 > late 2>&1 || true; echo > done) > /dev/null 2>&1 &\n\
                  artifact a\n";
    let case = passing("noted", script);
    let work = base.path().join("work").join(case.name);
    let supervised = start(base.path(), &case);
    let report = supervised.outcome(&case);
    let output = fs::read_to_string(supervised.folder.output()).unwrap_or_default();
    assert_eq!(report.outcome, Outcome::Passed, "{output}");
    let path = |name: &str| work.join(name).to_str().unwrap().to_owned();
    let kept: Vec<_> =
        report.logs.iter().map(|file| (file.path.clone(), file.length, file.artifact)).collect();
    assert_eq!(kept, [(path("a"), 8, true), (path("sub/b"), 2, true)]);
    let kept = [0, 1].map(|index| fs::read_to_string(supervised.folder.log(index)).unwrap());
    assert_eq!(kept, ["one\ntwo\n", "b\n"]);
    let metrics: Vec<String> = report.metrics.iter().map(ToString::to_string).collect();
    assert_eq!(metrics, ["rate 81.5 MB/s", "n -3"]);
    let mut rest = output.as_str();
    for part in [
        "artifact: /none: No such file",
        "artifact: .: is a folder; pack it into one file",
        "metric: `a b` can't be the name of a metric",
        "artifact: large: has 1001 B, more than the limit of 1000 B for one file (key limits.log of the engine)",
        "artifact: pipe: not a regular file",
    ] {
        let at = rest.find(part);
        assert!(at.is_some(), "{part}: {output}");
        rest = &rest[at.unwrap()..];
    }
    assert_eq!(fs::read_dir(supervised.folder.logs()).unwrap().count(), 2, "nothing else is left");
    let folder = supervised.folder.clone();
    supervised.join();
    assert_eq!(folder.outcome().unwrap(), Some(report));
    // A left-over speaks when the stage is over.
    let begin = std::time::Instant::now();
    while !work.join("done").exists() && begin.elapsed() < LIMIT {
        std::thread::yield_now();
    }
    let late = fs::read_to_string(work.join("late")).unwrap();
    assert!(late.contains("the stage is over, or its supervisor is gone"), "{late}");
}
