//! `xrdtest run --local`, from definitions to exit codes, on real sandboxes.

mod common;

use std::fs;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Ran, Repository, output_of, send, start_command_until, start_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xrdtest_model::{Outcome, Verdict};

const NOTHING: &str = "#!/bin/sh\ntrue\n";

#[test]
fn where_suite_initialize_fails_no_case_runs() {
    let repository = Repository::new(3);
    let initialize = "#!/bin/bash\ncase @slavename@ in m2*) echo no disk; exit 3 ;; esac\n";
    repository.suite("s", initialize, &[("first", NOTHING), ("second", NOTHING)], "");
    let ran = repository.run(&["s"]);
    let run = ran.record();
    assert_eq!((ran.code, run.verdict), (Some(1), Some(Verdict::Failed)));
    assert!(run.reason.contains("m2.xrd.test") && run.reason.contains("no case was run"), "{}", run.reason);
    let stage = ran.stage(None, "initialize", "m2.xrd.test");
    assert_eq!(
        (stage.outcome, stage.exit_code, stage.output.as_str()),
        (Outcome::Failed, Some(3), "no disk\n")
    );
    assert_eq!(ran.stage(None, "initialize", "m1.xrd.test").outcome, Outcome::Passed);
    assert!(run.cases.iter().all(|case| case.verdict.is_none()), "{:?}", run.cases);

    let text = repository.xrdtest(&["run", "s", "--local"]).output().unwrap();
    let summary = String::from_utf8_lossy(&text.stdout).into_owned();
    for part in ["m2.xrd.test", "exit code 3", "| no disk", "no case was run", "xrdtest run s --local"] {
        assert!(summary.contains(part), "{part}: {summary}");
    }
}

#[test]
fn a_case_that_never_ends_is_timed_out_and_gone() {
    let repository = Repository::new(2);
    let cases = [("endless", "#!/bin/sh\nexec sleep 1000003\n"), ("next", NOTHING)];
    repository.suite("s", NOTHING, &cases, "ts.stage_timeout = \"2s\";");
    let begin = Instant::now();
    let ran = repository.run(&["s"]);
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    let run = ran.record();
    assert_eq!((ran.code, run.verdict), (Some(1), Some(Verdict::Failed)));
    assert_eq!(run.cases[0].verdict, Some(Verdict::TimedOut));
    assert_eq!(run.cases[1].verdict, Some(Verdict::Passed));
    assert!(ran.stderr.contains("timed out"), "{}", ran.stderr);
    let left = std::process::Command::new("pgrep").args(["-f", "sleep 1000003"]).output().unwrap();
    assert!(left.stdout.is_empty(), "{left:?}");
}

/// Which hypervisor an engine is asked for does not matter where there is no choice.
#[test]
fn a_local_run_makes_clusters_that_ask_for_another_hypervisor() {
    let repository = Repository::new(1);
    let path = "clusters/cluster.rhai";
    let cluster = fs::read_to_string(repository.root().join(path)).unwrap();
    let asking = "cluster.hypervisor = \"elsewhere\"; cluster.defaultHost.vcpus = 2;\n    cluster\n}";
    let cluster = cluster.replace("cluster\n}", asking);
    assert!(cluster.contains("elsewhere"), "{cluster}");
    repository.write(path, &cluster);
    repository.suite("s", NOTHING, &[("only", NOTHING)], "");
    let ran = repository.run(&["s"]);
    assert_eq!((ran.code, ran.record().verdict), (Some(0), Some(Verdict::Passed)), "{}", ran.stderr);
}

#[test]
fn a_misspelt_field_is_named_at_its_place() {
    let repository = Repository::new(1);
    repository.suite("s", NOTHING, &[("c", NOTHING)], "ts.alert_emial = [];");
    repository.suite("good", NOTHING, &[("c", NOTHING)], "");
    let check = repository.xrdtest(&["check", "--format", "concise"]).output().unwrap();
    let findings = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(1));
    assert!(findings.starts_with("suites/s/s.rhai:6:8: error[XT"), "{findings}");
    assert!(
        findings.contains("`alert_emial`") && findings.contains("did you mean `alert_emails`?"),
        "{findings}"
    );
    let ran = repository.run(&["s"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("alert_emails"), "{}", ran.stderr);
    // The mistake is none of the other suite's business.
    assert_eq!(repository.run(&["good"]).code, Some(0));
    let ran = repository.run(&["goood"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`good`"), "{}", ran.stderr);
}

#[test]
fn machines_know_and_reach_each_other_and_files_come_by_download() {
    let repository = Repository::new(2);
    let initialize = "#!/bin/bash\nset -e\n\
        [ \"$(hostname)\" = @slavename@ ]\n\
        getent hosts m1.xrd.test m2 master.xrd.test\n\
        curl -sSf -O @proto@://master.xrd.test:@port@/downloadScript/clusters/x.cf\n\
        cat x.cf\n\
        curl -s -o /dev/null -w '%{http_code}\\n' @proto@://master.xrd.test:@port@/downloadScript/none\n\
        curl -s -o /dev/null -w '%{http_code}\\n' --path-as-is @proto@://master.xrd.test:@port@/showScript/../x\n";
    let run = "#!/bin/bash\necho @slavename@ >> /var/log/app.log\nbash -c 'echo > /dev/tcp/master/@port@'\n";
    repository.write("clusters/x.cf", "one\ntwo\n");
    repository.suite("s", initialize, &[("c", run)], "ts.logs = [\"/var/log/app.log\", \"/none\"];");
    let ran = repository.run(&["s"]);
    assert_eq!(ran.code, Some(0), "{:#?}\n{}", ran.runs, ran.stderr);
    let stage = ran.stage(None, "initialize", "m1.xrd.test");
    for part in ["192.168.200.11", "192.168.200.12", "192.168.200.1 ", "one\ntwo\n404\n40"] {
        assert!(stage.output.contains(part), "{part}: {}", stage.output);
    }
    let logs = &ran.stage(Some("c"), "run", "m2.xrd.test").logs;
    assert_eq!(
        (logs[0].path.as_str(), logs[0].length, logs[1].note.as_str()),
        ("/var/log/app.log", 12, "missing")
    );
    let log = Path::new(ran.record().directory.as_ref().unwrap()).join(&logs[0].file);
    assert_eq!(fs::read_to_string(log).unwrap(), "m2.xrd.test\n");
}

#[test]
fn scripts_use_the_shell_functions_of_their_machine() {
    let repository = Repository::new(2);
    repository.write("clusters/a b.cfg", "one\ntwo\n");
    let path = "clusters/cluster.rhai";
    let cluster = fs::read_to_string(repository.root().join(path)).unwrap();
    let cluster = cluster.replace("    cluster\n}", "    m2.aliases = [\"multi.xrd.test\"];\n    cluster\n}");
    repository.write(path, &cluster);
    let script = "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\n\
        fetch 'clusters/a b.cfg' /root/x.cfg\nfetch clusters/none || log \"code $?\"\n\
        artifact /root/x.cfg\nrm /root/x.cfg\nmetric copy.rate 81.5 MB/s\nrun echo unseen\n\
        role multi && log 'one of several'\n";
    repository.suite("s", NOTHING, &[("c", script)], "");
    let ran = repository.run(&["s"]);
    assert_eq!(ran.code, Some(0), "{:#?}\n{}", ran.runs, ran.stderr);
    for (machine, has_alias) in [("m1.xrd.test", false), ("m2.xrd.test", true)] {
        let stage = ran.stage(Some("c"), "run", machine);
        let output = &stage.output;
        assert_eq!(output.contains("one of several"), has_alias, "{output}");
        assert!(output.contains("`clusters/none` is not in the repository (status 404)"), "{output}");
        assert!(output.contains("code 1") && !output.contains("unseen"), "{output}");
        assert_eq!(
            stage.metrics.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["copy.rate 81.5 MB/s"]
        );
        let [kept] = &stage.artifacts[..] else { panic!("{stage:?}") };
        assert_eq!((kept.path.as_str(), kept.length), ("/root/x.cfg", 8));
        let file = Path::new(ran.record().directory.as_ref().unwrap()).join(&kept.file);
        assert_eq!(fs::read_to_string(file).unwrap(), "one\ntwo\n");
    }
}

#[test]
fn an_agent_that_is_killed_costs_nothing() {
    let repository = Repository::new(2);
    // The script kills the agent of its own machine, which init starts again.
    let script = "#!/bin/bash\n\
        echo before >> /root/ran\n\
        head -c 3000000 /dev/zero | tr '\\0' x\n\
        for process in /proc/[0-9]*; do\n\
            if tr '\\0' ' ' < \"$process/cmdline\" | grep -q 'xrdtest-slave --config'; then\n\
                kill -KILL \"${process#/proc/}\" && echo killed\n\
            fi\n\
        done\n\
        head -c 3000000 /dev/zero | tr '\\0' y\n\
        wc -l < /root/ran\n\
        exit 5\n";
    repository.suite("s", NOTHING, &[("c", script)], "");
    let ran = repository.run(&["s"]);
    for machine in ["m1.xrd.test", "m2.xrd.test"] {
        let stage = ran.stage(Some("c"), "run", machine);
        assert_eq!((stage.outcome, stage.exit_code), (Outcome::Failed, Some(5)), "{stage:?}");
        let mut expected = vec![b'x'; 3_000_000];
        expected.extend_from_slice(b"killed\n");
        expected.extend_from_slice(&[b'y'; 3_000_000]);
        expected.extend_from_slice(b"1\n");
        assert!(output_of(ran.record(), stage) == expected, "{} bytes", stage.output_length);
    }
}

#[test]
fn a_machine_that_dies_is_an_error_and_the_others_finalize() {
    let repository = Repository::new(3);
    let cases = [("c", "#!/bin/sh\nexec sleep 1000005\n"), ("d", NOTHING)];
    let more = "ts.finalize = \"#!/bin/sh\\necho bye\\n\"; ts.stage_timeout = \"20s\";";
    repository.suite("s", NOTHING, &cases, more);
    let (child, said, stderr) = start_until(&repository, "s", "suite initialize: passed");
    drop(std::thread::spawn(move || stderr.lines().for_each(drop)));
    // `s (RUN)`, as it says first.
    let run = said.split(['(', ')']).nth(1).unwrap();
    let pid = fs::read_to_string(format!("/run/xrdtest-sandbox/{run}.0/pids/m2.xrd.test")).unwrap();
    kill(Pid::from_raw(pid.trim().parse().unwrap()), Signal::SIGKILL).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    let run = ran.record();
    assert_eq!((ran.code, run.verdict), (Some(2), Some(Verdict::Error)));
    assert!(run.reason.contains("m2.xrd.test"), "{}", run.reason);
    let stage = ran.stage(Some("c"), "run", "m2.xrd.test");
    assert_eq!(stage.outcome, Outcome::Lost, "{stage:?}");
    assert!(stage.reason.contains("signal 9"), "{stage:?}");
    assert_eq!(ran.stage(None, "finalize", "m1.xrd.test").output, "bye\n");
    assert_eq!((run.cases[0].verdict, run.cases[1].verdict), (Some(Verdict::Error), None));
}

#[test]
fn the_same_suite_runs_twice_at_the_same_time() {
    let repository = Repository::new(4);
    let script =
        "#!/bin/bash\nping -c 1 -W 5 m1.xrd.test > /dev/null || getent hosts m1.xrd.test\nhostname -I\n";
    repository.suite("s", script, &[("c", script)], "");
    let children: Vec<_> = (0..2)
        .map(|_| {
            let mut command = repository.run_command(&["s"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    for child in children {
        let ran = Ran::of(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{:#?}\n{}", ran.runs, ran.stderr);
    }
}

#[test]
fn thirty_two_machines_work() {
    let repository = Repository::new(32);
    repository.suite("s", NOTHING, &[("c", "#!/bin/sh\nhostname\n")], "");
    let ran = repository.run(&["s"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ran.stage(Some("c"), "run", "m32.xrd.test").output, "m32.xrd.test\n");
}

#[test]
fn reports_are_written_and_cases_chosen() {
    let repository = Repository::new(1);
    repository.suite("s", NOTHING, &[("good", NOTHING), ("bad", "#!/bin/sh\necho '<&>'\nexit 1\n")], "");
    let file = repository.root().join("junit.xml");
    let ran = repository.run(&["s", "--junit", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(1));
    let xml = fs::read_to_string(file).unwrap();
    for part in ["<testsuite name=\"s\" tests=\"3\"", "failures=\"1\"", "name=\"bad\"", "&lt;&amp;&gt;"] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    let ran = repository.run(&["s", "--case", "good"]);
    assert_eq!((ran.code, ran.record().cases.len()), (Some(0), 1));
    let ran = repository.run(&["s", "--case", "god"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("did you mean `good`?"), "{}", ran.stderr);
}

#[test]
fn machines_of_a_run_that_fails_are_kept_until_the_user_goes() {
    let repository = Repository::new(2);
    let leave = "#!/bin/sh\necho @slavename@ > /root/left\nexit 3\n";
    repository.suite("s", NOTHING, &[("good", NOTHING), ("bad", leave)], "");
    let ran = repository.run(&["s", "--case", "good", "--keep-on-failure"]);
    assert_eq!(ran.code, Some(0), "of what passes nothing is kept: {}", ran.stderr);

    let arguments = ["s", "--keep-on-failure"];
    let (child, said, stderr) =
        start_command_until(repository.run_command(&arguments), "Ctrl-C removes them");
    let rest = std::thread::spawn(move || stderr.lines().map(Result::unwrap).collect::<Vec<_>>());
    let shell = said.lines().find_map(|line| line.trim().strip_prefix("m2.xrd.test: ")).unwrap();
    let words: Vec<_> = shell.split(' ').filter(|word| *word != "--tty").collect();
    let (program, arguments) = words.split_first().unwrap();
    let mut look = std::process::Command::new(program);
    look.args(arguments).args(["-c", "cat /root/left"]);
    assert_eq!(String::from_utf8(look.output().unwrap().stdout).unwrap(), "m2.xrd.test\n", "{shell}");
    send(&child, Signal::SIGINT);
    let ran = Ran::of(child.wait_with_output().unwrap());
    let rest = rest.join().unwrap();
    assert_eq!((ran.code, ran.record().verdict), (Some(1), Some(Verdict::Failed)), "{rest:?}");
    let run = ran.record().id.to_string();
    assert!(common::traces(&run).iter().all(|trace| !trace.contains(&run)), "left behind");
}

#[test]
fn programs_may_lie_anywhere_and_nobody_but_root_may_start() {
    let repository = Repository::new(1);
    repository.suite("s", NOTHING, &[("c", NOTHING)], "");
    let folder = tempfile::Builder::new().prefix("xrdtest programs ").tempdir_in("/root").unwrap();
    let slave = folder.path().join("xrdtest-slave");
    let built = Path::new(env!("CARGO_BIN_EXE_xrdtest"));
    fs::copy(built.with_file_name("xrdtest-slave"), &slave).unwrap();
    fs::copy(built, folder.path().join("xrdtest")).unwrap();
    let runs = folder.path().join("runs");
    let output = std::process::Command::new(folder.path().join("xrdtest"))
        .args(["run", "s", "--local", "--output"])
        .arg(&runs)
        .current_dir(repository.root())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let missing =
        repository.xrdtest(&["run", "s", "--local", "--slave", "/no/such/program"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("/no/such/program"));
}

/// The acceptance of evidence of crashes: what a machine's kernel does with core dumps is the host's setting.
#[test]
fn what_crashes_leaves_its_core_dump_and_its_back_trace() {
    let pattern = fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    let to_program = pattern.starts_with(['|', '@']);
    let repository = Repository::new(2);
    let initialize = "#!/bin/bash\nset -e\ncat > boom.c <<'C'\n\
        static void innermost(int *p) { *p = 7; }\nint main(void) { innermost((int *) 8); return 0; }\nC\n\
        gcc -g -O0 -o boom boom.c\n";
    let run = "#!/bin/bash\nmkdir -p a b\n\
        case @slavename@ in m1*) for d in a b; do (cd $d; ../boom); done ;; esac\nexit 0\n";
    let cases = [("boom", run)];
    repository.suite("marked", initialize, &cases, "");
    repository.suite("failing", initialize, &cases, "ts.core_dumps = \"FAIL\";");
    repository.suite("off", initialize, &cases, "ts.core_dumps = \"OFF\";");
    let ran = repository.run(&["marked"]);
    assert_eq!(ran.code, Some(0), "{:#?}\n{}", ran.runs, ran.stderr);
    let stage = ran.stage(Some("boom"), "run", "m1.xrd.test");
    let first = ran.stage(None, "initialize", "m1.xrd.test");
    if to_program {
        assert!(first.no_cores.contains("kernel.core_pattern"), "{first:?}");
        assert!(stage.crashes.is_empty() && stage.no_cores.is_empty(), "said once: {stage:?}");
        return;
    }
    assert_eq!((first.no_cores.as_str(), stage.crashes.len()), ("", 2), "{stage:?}");
    let folder = Path::new(ran.record().directory.as_ref().unwrap());
    for crash in &stage.crashes {
        assert_eq!(crash.to_string(), "boom (SIGSEGV) in innermost", "{crash:?}");
        let trace = stage.logs.iter().find(|log| log.path == crash.text).unwrap();
        let trace = fs::read_to_string(folder.join(&trace.file)).unwrap();
        assert!(trace.contains("boom.c:1") && trace.contains("main ()"), "{trace}");
        let core = stage.artifacts.iter().find(|file| file.path == crash.core).unwrap();
        assert_eq!(
            fs::read(folder.join(&core.file)).unwrap()[..4],
            [0x28, 0xb5, 0x2f, 0xfd],
            "packed by zstd"
        );
    }
    assert!(ran.stage(Some("boom"), "run", "m2.xrd.test").crashes.is_empty());
    assert!(ran.stderr.contains("crashed: boom (SIGSEGV)"), "{}", ran.stderr);

    let failed = repository.run(&["failing"]);
    assert_eq!(failed.code, Some(1), "{}", failed.stderr);
    let stage = failed.stage(Some("boom"), "run", "m1.xrd.test");
    assert_eq!((stage.outcome, stage.exit_code), (Outcome::Failed, Some(0)));
    let off = repository.run(&["off"]);
    let stage = off.stage(Some("boom"), "run", "m1.xrd.test");
    assert_eq!((off.code, stage.crashes.len(), stage.artifacts.len()), (Some(0), 0, 0), "{stage:?}");
}
