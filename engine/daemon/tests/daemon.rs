//! The daemon as a process: how it starts, is asked, is told, and ends.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A configuration with everything below a temporary folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(more: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.path("definitions/suites")).unwrap();
        place.configure(more);
        place
    }

    fn configure(&self, more: &str) {
        let config = format!(
            "state = '{}'\nlisten = '127.0.0.1:0'\nsocket = '{}'\nlog = '{}'\npid_file = '{}'\n{more}\n\
             [[repository]]\npath = '{}'\n",
            self.path("state").display(),
            self.path("engine.sock").display(),
            self.path("engine.log").display(),
            self.path("run/engine.pid").display(),
            self.path("definitions").display(),
        );
        fs::write(self.path("engine.toml"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest-engine"));
        command.arg("--config").arg(self.path("engine.toml")).args(arguments).stdin(Stdio::null());
        command
    }

    /// Exit code, standard output and standard error of a command.
    fn ask(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn background(&self) -> Pid {
        let (code, said, errors) = self.ask(&["--background"]);
        assert_eq!(code, 0, "{errors}");
        let pid = said.trim().strip_prefix("the engine runs (process ").unwrap().strip_suffix(')').unwrap();
        let pid = pid.parse().unwrap();
        assert_eq!(fs::read_to_string(self.path("run/engine.pid")).unwrap(), format!("{pid}\n"));
        Pid::from_raw(pid)
    }

    fn stop(&self) {
        let (code, _, errors) = self.ask(&["stop"]);
        assert_eq!(code, 0, "{errors}");
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("engine.log")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Only where a test has failed there is something to be stopped.
        let _ = self.command(&["stop"]).output();
    }
}

#[test]
fn in_the_background_it_is_ready_when_the_command_comes_back() {
    let place = Place::new("");
    assert_eq!(place.ask(&["status"]).0, 1, "nothing runs yet");
    place.background();
    let (code, said, _) = place.ask(&["status"]);
    assert_eq!(code, 0);
    assert!(said.contains("0 runs have a place, 0 wait"), "{said}");
    assert!(said.contains("0 suites, 0 clusters, 0 errors in definitions"), "{said}");
    place.stop();
    assert_eq!(place.ask(&["status"]).0, 1);
    assert!(!place.path("run/engine.pid").exists(), "the pid file goes with the engine");
    assert!(place.log().contains("the engine stops; machines and their scripts go on"), "{}", place.log());
    let (code, _, errors) = place.ask(&["stop"]);
    assert_eq!(code, 2);
    assert!(errors.contains("no engine runs with the state in"), "{errors}");
}

#[test]
fn a_second_engine_on_the_same_state_is_refused_in_words() {
    let place = Place::new("");
    let pid = place.background();
    for arguments in [&[][..], &["--background"]] {
        let (code, _, errors) = place.ask(arguments);
        assert_eq!(code, 2);
        // In the background its words are in the terminal too, until it is ready.
        assert!(errors.contains("another engine uses") && errors.contains(&pid.to_string()), "{errors}");
    }
    place.stop();
}

#[test]
fn killed_and_started_again_it_takes_its_place() {
    let place = Place::new("");
    let pid = place.background();
    kill(pid, Signal::SIGKILL).unwrap();
    // The lock goes with the process, whoever reaps it, but not before all its files are closed.
    while xrdtest_engine::lock::holder(&place.path("state")).unwrap().is_some() {
        std::thread::yield_now();
    }
    assert!(place.path("engine.sock").exists(), "the socket of the dead one lies there");
    assert_ne!(place.background(), pid);
    assert_eq!(place.ask(&["status"]).0, 0);
    place.stop();
}

#[test]
fn definitions_and_configuration_are_read_again() {
    let place = Place::new("");
    place.background();
    let suite = "fn getTestSuite() { let ts = TestSuite(\"ts_new\"); ts.clusters = [\"none\"]; ts }";
    fs::write(place.path("definitions/suites/ts_new.rhai"), suite).unwrap();
    assert_eq!(place.ask(&["reload"]).0, 0);
    let (_, said, _) = place.ask(&["status"]);
    assert!(said.contains("1 suite, 0 clusters, "), "{said}");
    assert!(!said.contains(" 0 errors"), "its cluster does not exist: {said}");

    place.configure("unheard_of = 1");
    let (code, _, errors) = place.ask(&["reload"]);
    // The command itself reads the configuration, to find the engine.
    assert_eq!(code, 2);
    assert!(errors.contains("unknown field `unheard_of`") && errors.contains("line 6, column 1"), "{errors}");
    place.configure("log_level = 'debug'");
    assert_eq!(place.ask(&["reload"]).0, 0);
    assert!(place.ask(&["status"]).1.contains("log level debug"));
    place.stop();
}

#[test]
fn bounds_of_definitions_are_taken_over_and_limits_of_agents_wait_for_the_next_start() {
    let place = Place::new("");
    let suite = "fn getTestSuite() { for i in 0..600000 { } TestSuite(\"ts_long\") }";
    fs::write(place.path("definitions/suites/ts_long.rhai"), suite).unwrap();
    place.background();
    assert!(place.ask(&["status"]).1.contains("\n0 suites, "), "it takes too many operations");
    place.configure("[definitions]\noperations = 2000000\ntime = '10s'\n[limits]\nfetched_file = '1M'");
    assert_eq!(place.ask(&["reload"]).0, 0);
    assert!(place.ask(&["status"]).1.contains("\n1 suite, "), "now it may");
    assert!(!place.log().contains("wait for its next start"), "{}", place.log());
    place.configure("[limits]\nframe = '1M'");
    assert_eq!(place.ask(&["reload"]).0, 0);
    assert!(place.log().contains("wait for its next start"), "{}", place.log());
    place.stop();
}

#[test]
fn the_level_of_the_log_changes_while_it_runs() {
    let place = Place::new("log_format = 'json'");
    place.background();
    assert_eq!(place.ask(&["log-level", "info,xrdtest_engine=trace"]).0, 0);
    assert!(place.ask(&["status"]).1.contains("log level info,xrdtest_engine=trace"));
    let (code, _, errors) = place.ask(&["log-level", "loud=very"]);
    assert_eq!(code, 2);
    assert!(errors.contains("loud=very"), "{errors}");
    place.stop();
    let log = place.log();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
}

#[test]
fn a_log_file_that_was_moved_away_is_opened_anew() {
    let place = Place::new("");
    let pid = place.background();
    fs::rename(place.path("engine.log"), place.path("engine.log.1")).unwrap();
    kill(pid, Signal::SIGHUP).unwrap();
    while !place.path("engine.log").exists() {
        std::thread::yield_now();
    }
    place.stop();
    assert!(place.log().contains("the engine stops"));
    assert!(fs::read_to_string(place.path("engine.log.1")).unwrap().contains("the engine is ready"));
}

/// An engine in the foreground whose log is read here.
struct Foreground {
    process: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Foreground {
    fn start(place: &Place) -> Self {
        let text = fs::read_to_string(place.path("engine.toml")).unwrap();
        let without_log: Vec<_> = text.lines().filter(|line| !line.starts_with("log =")).collect();
        fs::write(place.path("engine.toml"), without_log.join("\n")).unwrap();
        let mut process = place.command(&[]).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut engine = Self { process, lines };
        engine.until("the engine is ready");
        engine
    }

    fn until(&mut self, words: &str) {
        let found = self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(words));
        assert!(found.is_some(), "it never said: {words}");
    }
}

#[test]
fn in_the_foreground_it_logs_to_the_terminal_and_ends_at_ctrl_c() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let place = Place::new("");
        let mut engine = Foreground::start(&place);
        kill(Pid::from_raw(i32::try_from(engine.process.id()).unwrap()), signal).unwrap();
        engine.until("the engine stops; machines and their scripts go on");
        assert_eq!(engine.process.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn what_stands_in_the_way_of_a_start_is_said() {
    let place = Place::new("");
    let cases: [(&str, &[&str], &str); 7] = [
        ("listen = 'somewhere'", &["check-config"], "line 1, column 10"),
        ("state = '/proc/nowhere'\nlisten = '127.0.0.1:0'", &[], "/proc/nowhere"),
        ("[contact]\nlate = '1m'", &["check-config"], "contact.late must be shorter than contact.lost"),
        (
            "log_level = 'warning'",
            &["check-config"],
            "`warning` is not a level or filter of the log: levels are off",
        ),
        ("log_level = ''", &["check-config"], "levels are off, error, warn"),
        ("[web]\nkey = '/k.pem'", &["check-config"], "web.certificate and web.key are given together"),
        ("socket_group = 'no such group'", &["check-config"], "there is no group `no such group`"),
    ];
    for (config, arguments, words) in cases {
        fs::write(place.path("engine.toml"), config).unwrap();
        let (code, _, errors) = place.ask(arguments);
        assert_eq!(code, 2, "{config}");
        assert!(errors.contains(words), "{config}: {errors}");
    }
    fs::remove_file(place.path("engine.toml")).unwrap();
    let (code, _, errors) = place.ask(&["--background"]);
    assert_eq!(code, 2);
    assert!(errors.contains("cannot read the configuration"), "{errors}");
}

/// An engine of another state does not take the first one's socket, nor anybody's file.
#[test]
fn what_is_at_the_place_of_the_socket_or_the_pid_file_stays() {
    let (place, other) = (Place::new(""), Place::new(""));
    let pid = place.background();
    let of_other = fs::read_to_string(other.path("engine.toml")).unwrap();
    let socket = |path: PathBuf| {
        let own = other.path("engine.sock").display().to_string();
        fs::write(other.path("engine.toml"), of_other.replace(&own, &path.display().to_string())).unwrap();
    };
    socket(place.path("engine.sock"));
    let (code, _, errors) = other.ask(&["--background"]);
    assert_eq!(code, 2);
    assert!(errors.contains("another program listens there; stop it, or change `socket`"), "{errors}");
    assert!(!other.path("state/store.sqlite").exists(), "it has begun nothing");
    let (code, said, _) = place.ask(&["status"]);
    assert!(code == 0 && said.contains(&format!("process {pid}")), "{said}");

    fs::write(other.path("notes"), "dear diary\n").unwrap();
    socket(other.path("notes"));
    let (code, _, errors) = other.ask(&["--background"]);
    assert!(code == 2 && errors.contains("a file is there that is no socket"), "{errors}");
    fs::write(other.path("engine.toml"), of_other.replace("run/engine.pid", "notes")).unwrap();
    let (code, _, errors) = other.ask(&["--background"]);
    assert!(
        code == 2 && errors.contains("holds something else; remove it, or change `pid_file`"),
        "{errors}"
    );
    assert_eq!(fs::read_to_string(other.path("notes")).unwrap(), "dear diary\n");

    // Of a killed engine the socket and the file are left, and replaced.
    kill(pid, Signal::SIGKILL).unwrap();
    xrdtest_engine::lock::wait_until_free(&place.path("state")).unwrap();
    place.background();
    place.stop();
}

#[test]
fn an_engine_that_hangs_is_not_waited_for_for_ever() {
    let place = Place::new("");
    let pid = place.background();
    kill(pid, Signal::SIGSTOP).unwrap();
    let (code, _, errors) = place.ask(&["status"]);
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!(code, 2);
    assert!(errors.contains("does not answer on") && errors.contains("within 5 s"), "{errors}");
    place.stop();
}

/// Root is the administrator of an engine that runs as a user of its own.
#[test]
fn what_root_does_in_the_folder_of_another_user_is_that_users() {
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    // A user that no machine knows by name.
    let (user, group) = (61_234, 61_235);
    let place = Place::new("");
    for path in ["state", "run"] {
        fs::create_dir(place.path(path)).unwrap();
        std::os::unix::fs::chown(place.path(path), Some(user), Some(group)).unwrap();
    }
    std::os::unix::fs::chown(place.folder.path(), Some(user), Some(group)).unwrap();
    let (code, _, errors) = place.ask(&["user", "add", "alice", "--role", "viewer", "--generate"]);
    assert_eq!(code, 0, "{errors}");
    let engine = place.background();
    let (code, accounts, errors) = place.ask(&["user", "list"]);
    assert_eq!((code, accounts.contains("alice")), (0, true), "{errors}");
    let owner = |path: PathBuf| {
        let known = fs::metadata(path).unwrap();
        (known.uid(), known.gid())
    };
    assert_eq!(owner(format!("/proc/{engine}").into()), (user, group));
    for file in fs::read_dir(place.path("state")).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(owner(path.clone()), (user, group), "{}", path.display());
    }
    place.stop();
}
