//! Plans of runs, and why there is none.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;

use support::{CLUSTER, Repository, SUITE, fixtures};
use xrdtest_definitions::{
    CheckOptions, ScriptPolicy, Selection, SnapshotError, SnapshotOptions, check, find_root, snapshot,
    snapshot_cluster,
};
use xrdtest_model::RunPlan;
use xrdtest_model::definition::Forward;
use xrdtest_model::plan::HostPlan;

fn plan(repository: &Repository) -> Result<RunPlan, SnapshotError> {
    cases(repository, &[])
}

fn cases(repository: &Repository, cases: &[&str]) -> Result<RunPlan, SnapshotError> {
    let selection = Selection { cases: cases.iter().map(|&it| it.into()).collect(), ..Default::default() };
    snapshot(&repository.load(), "ts_base", &selection, &SnapshotOptions::default())
}

#[test]
fn a_plan_is_complete() {
    let repository = Repository::base();
    repository.add_lines(CLUSTER, "    net.lbAlias = \"lb.xrd.test\";\n    net.lbHosts = [ds1];\n");
    repository.add_lines(SUITE, "    ts.stage_timeout = \"2s\";\n");
    let plan = plan(&repository).expect("a plan");
    assert_eq!(plan.machines, ["manager1.xrd.test", "ds1.xrd.test"]);
    assert_eq!(plan.limits.stage_ms, 2000);
    assert_eq!(plan.limits.run_ms, 3_600_000);
    let network = &plan.clusters[0].network;
    assert_eq!((network.prefix, network.bridge_name.as_str()), (24, "virbr_base"));
    let (alias, addresses) = network.lb_alias.as_ref().expect("an alias");
    assert_eq!((alias.as_str(), addresses.len()), ("lb.xrd.test", 1));
    assert_eq!(plan.initialize.origin, "suites/ts_base/suite_init.sh");
    assert_eq!(plan.initialize.text, "#!/bin/bash\necho suite_init.sh\n");
    assert_eq!(plan.initialize.digest.len(), 64);
    assert!(plan.finalize.is_none());
    assert_eq!(plan.cases.len(), 2);
    assert!(plan.cases[1].initialize.is_none() && plan.cases[1].finalize.is_none());
    assert_eq!(plan, self::plan(&repository).expect("a plan"), "the same again");
}

#[test]
fn a_plan_says_how_virtual_machines_are_made() {
    let repository = Repository::base();
    repository.add_lines(
        CLUSTER,
        r#"
    cluster.hypervisor = "big";
    net.forward = "isolated";
    cluster.defaultHost.vcpus = 2;
    ds1.kernel = "tiny.vmlinuz";
    ds1.initrd = "tiny.initrd";
    ds1.cmdline = "console=ttyS0";
"#,
    );
    let plan = plan(&repository).expect("a plan");
    let cluster = &plan.clusters[0];
    assert_eq!((cluster.hypervisor.as_deref(), cluster.network.forward), (Some("big"), Forward::Isolated));
    assert_eq!(cluster.room().cores, 4);
    let boots = |host: &HostPlan| [&host.kernel, &host.initrd, &host.cmdline].map(Clone::clone);
    assert_eq!(boots(&cluster.hosts[0]), [None, None, None]);
    assert_eq!(
        boots(&cluster.hosts[1]).map(Option::unwrap_or_default),
        ["tiny.vmlinuz", "tiny.initrd", "console=ttyS0"]
    );
}

#[test]
fn physical_machines_need_names_only() {
    let external = |lines: &str| {
        let repository = Repository::base();
        let cluster = format!(
            "fn getCluster() {{\n let cluster = Cluster(\"cluster_base\");\n cluster.external = true;\n \
             cluster.addHosts([Host(\"pc1.example.org\"), Host(\"pc2.example.org\", \"10.0.0.2\")]);\n\
             {lines} cluster\n}}\n"
        );
        repository.write(CLUSTER, cluster);
        repository
    };
    let repository = external("");
    assert_eq!(repository.load().diagnostics, []);
    let plan = plan(&repository).expect("a plan");
    assert_eq!(plan.machines, ["pc1.example.org", "pc2.example.org"]);
    let cluster = &plan.clusters[0];
    assert!(cluster.external);
    assert!(cluster.network.ip.is_unspecified());
    let addresses: Vec<_> = cluster.hosts.iter().map(|host| host.ip.to_string()).collect();
    assert_eq!(addresses, ["0.0.0.0", "10.0.0.2"]);

    // What would be wrong in a network that is made has no effect here, and is not in the way.
    let lines = " cluster.network.ip = \"nonsense\";\n cluster.hosts[0].ip = \"nonsense\";\n";
    assert!(self::plan(&external(lines)).is_ok());
    let twice = " cluster.addHosts([Host(\"pc1.example.org\")]);\n";
    let error = self::plan(&external(twice)).expect_err("two hosts of one name");
    assert!(error.to_string().contains("cluster_base"), "{error}");
}

#[test]
fn machines_are_chosen_by_short_names_in_the_order_of_the_cluster() {
    let repository = Repository::base();
    repository.add_lines(
        SUITE,
        "    ts.machines = [\"ds1\", \"manager1.xrd.test\"];\n    \
         ts.tests = [\"copy_to\", TestCase(\"copy_from\", #{ machines: [\"ds1\"] })];\n",
    );
    let plan = plan(&repository).expect("a plan");
    assert_eq!(plan.machines, ["manager1.xrd.test", "ds1.xrd.test"]);
    assert_eq!(plan.cases[0].machines, plan.machines);
    assert_eq!(plan.cases[1].machines, ["ds1.xrd.test"]);
}

#[test]
fn cases_are_selected_by_name() {
    let repository = Repository::base();
    repository.add_lines(SUITE, "    ts.tests.push(\"copy_to\");\n");
    let names = |cases: &[&str]| -> Vec<String> {
        let plan = self::cases(&repository, cases).expect("a plan");
        plan.cases.into_iter().map(|case| case.name).collect()
    };
    assert_eq!(names(&[]), ["copy_to", "copy_from", "copy_to"]);
    assert_eq!(names(&["copy_from"]), ["copy_from"]);
    assert_eq!(names(&["copy_to"]), ["copy_to", "copy_to"]);
    let error = self::cases(&repository, &["copy_too"]).expect_err("no such case");
    assert_eq!(error.to_string(), "suite `ts_base` has no case `copy_too`");
    assert_eq!(error.help().as_deref(), Some("did you mean `copy_to`? its cases are `copy_to`, `copy_from`"));
}

#[test]
fn an_unknown_suite_is_named_with_the_nearest() {
    let catalogue = Repository::base().load();
    let error = snapshot(&catalogue, "ts_bsae", &Selection::default(), &SnapshotOptions::default())
        .expect_err("no such suite");
    assert_eq!(error.to_string(), "there is no suite `ts_bsae`");
    assert_eq!(error.help().as_deref(), Some("did you mean `ts_base`?"));
}

#[test]
fn only_errors_of_its_own_keep_a_suite_from_being_run() {
    let repository = Repository::base();
    repository.write("suites/ts_other.rhai", "fn (").write("clusters/cluster_other.rhai", "fn (");
    assert!(plan(&repository).is_ok(), "other definitions do not matter");

    repository.add_lines(SUITE, "    ts.alert_emial = [];\n");
    let error = plan(&repository).expect_err("an error of its own");
    assert_eq!(error.to_string(), "suite `ts_base` can't be run: 1 error in `suites/ts_base/ts_base.rhai`");
    assert_eq!(error.diagnostics()[0].code, "XT0010");

    let repository = Repository::base();
    repository.add_lines(CLUSTER, "    net.colour = 1;\n");
    let error = plan(&repository).expect_err("an error of its cluster");
    assert!(error.to_string().contains(CLUSTER), "{error}");
    assert_eq!(error.diagnostics().len(), 1);
}

#[test]
fn a_suite_or_cluster_that_can_not_be_evaluated_is_broken_not_unknown() {
    for file in [SUITE, CLUSTER] {
        let repository = Repository::base();
        repository.write(file, "fn (");
        let error = plan(&repository).expect_err("a syntax error");
        assert!(matches!(error, SnapshotError::Broken { .. }), "{error}");
        assert_eq!(error.diagnostics()[0].code, "XT0001");
        assert_eq!(&*error.diagnostics()[0].file, file);
    }
}

/// A repository with a suite whose helpers import each other, and nothing else.
fn cycle() -> Repository {
    let repository = Repository::empty();
    repository
        .write(
            "suites/cycle/cycle.rhai",
            "import \"./h1\" as h1;\nfn getTestSuite() { TestSuite(\"cycle\") }\n",
        )
        .write("suites/cycle/h1.rhai", "import \"./h2\" as h2;\n")
        .write("suites/cycle/h2.rhai", "import \"./h1\" as h1;\n");
    repository
}

#[test]
fn what_is_wrong_in_helpers_is_said_about_the_suite() {
    let repository = cycle();
    repository.write("lib/other.rhai", "fn (");
    let suite = repository.path().join("suites/cycle/cycle.rhai");
    let checked = check(&[suite], &CheckOptions::default()).expect("checked");
    assert_eq!(checked[0].definitions, 1);
    let codes: Vec<_> = checked[0].diagnostics.iter().map(|finding| finding.code.as_str()).collect();
    assert_eq!(codes, ["XT0007"]);

    let catalogue = repository.load();
    let take = |name| {
        snapshot(&catalogue, name, &Selection::default(), &SnapshotOptions::default()).expect_err("no plan")
    };
    let error = take("cycle");
    assert_eq!(
        error.to_string(),
        "suite `cycle` can't be run: 2 errors in `suites/cycle/cycle.rhai` and `suites/cycle/h2.rhai`"
    );
    assert_eq!(error.help().as_deref(), Some("`xrdtest rule XT0007` explains it"));
    let error = take("cycel");
    assert_eq!(error.to_string(), "there is no suite `cycel`");
    assert_eq!(error.help().as_deref(), Some("did you mean `cycle`?"));
}

#[test]
fn errors_in_imported_files_of_lib_are_among_those_of_the_suite() {
    let repository = Repository::base();
    repository.write("lib/bad.rhai", "throw \"not ready\";").write("lib/good.rhai", "");
    let import = |name: &str| {
        let text = fs::read_to_string(fixtures().join("base").join(SUITE)).expect("the suite");
        repository.write(SUITE, format!("import \"/lib/{name}\" as {name};\n{text}"));
    };
    import("bad");
    let error = plan(&repository).expect_err("a broken helper");
    let files: Vec<_> = error.diagnostics().iter().map(|finding| &*finding.file).collect();
    assert_eq!(files, ["lib/bad.rhai", SUITE]);
    import("good");
    assert!(plan(&repository).is_ok(), "nobody imports the broken helper");
}

#[test]
fn a_cluster_is_no_suite() {
    let repository = Repository::base();
    repository.write("clusters/broken.rhai", "fn (");
    let catalogue = repository.load();
    for (name, help) in
        [("cluster_base", "the suite that uses it is `ts_base`"), ("broken", "no suite uses it")]
    {
        let error = snapshot(&catalogue, name, &Selection::default(), &SnapshotOptions::default())
            .expect_err("no suite");
        assert_eq!(error.to_string(), format!("`{name}` is a cluster, not a suite"));
        assert_eq!(error.help().as_deref(), Some(help));
    }
}

#[test]
fn scripts_are_copied_within_limits() {
    let repository = Repository::base();
    let catalogue = repository.load();
    let script = repository.path().join("suites/ts_base/suite_init.sh");
    let take = || snapshot(&catalogue, "ts_base", &Selection::default(), &SnapshotOptions::default());
    for (content, expect) in [
        (vec![b'x'; 1 << 20], None),
        (vec![b'x'; (1 << 20) + 1], Some("larger than 1024 KiB")),
        (vec![0xff, 0xfe], Some("not UTF-8")),
    ] {
        fs::write(&script, content).expect("written");
        match (take(), expect) {
            (Ok(_), None) => {}
            (Err(error), Some(expect)) => {
                assert!(error.to_string().contains(expect), "{error}");
                assert!(error.to_string().contains("suites/ts_base/suite_init.sh"), "{error}");
            }
            (other, expect) => panic!("{expect:?}: {other:?}"),
        }
    }
    fs::remove_file(&script).expect("removed");
    assert!(take().expect_err("it is gone").to_string().contains("no such file"));
    std::os::unix::fs::symlink("/etc/passwd", &script).expect("a link");
    assert!(take().expect_err("it leads out").to_string().contains("outside the repository"));
}

#[test]
fn scripts_from_elsewhere_need_permission() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let path = elsewhere.path().join("setup.sh");
    fs::write(&path, "#!/bin/sh\n").expect("a script");
    let repository = Repository::base();
    repository.add_lines(SUITE, &format!("    ts.initialize = \"file://{}\";\n", path.display()));
    let error = plan(&repository).expect_err("not allowed");
    assert!(error.to_string().contains("configured roots"), "{error}");

    let scripts =
        ScriptPolicy { roots: vec![elsewhere.path().to_owned()], hosts: vec!["example.org".to_owned()] };
    let options = SnapshotOptions { scripts, ..SnapshotOptions::default() };
    let catalogue = repository.load();
    let plan = snapshot(&catalogue, "ts_base", &Selection::default(), &options).expect("allowed");
    assert_eq!(plan.initialize.text, "#!/bin/sh\n");

    repository.add_lines(SUITE, "    ts.initialize = \"https://example.com/x.sh\";\n");
    let error =
        snapshot(&repository.load(), "ts_base", &Selection::default(), &options).expect_err("another host");
    assert!(error.to_string().contains("`example.com` is none"), "{error}");
}

/// Answers one request with each of the given answers, in turn.
fn web_server(answers: Vec<String>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("a request");
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a whole request");
                request.push(byte[0]);
            }
            // Whoever has enough hangs up.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn scripts_are_fetched_from_hosts_that_are_allowed() {
    let answer = |status: &str, more: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n{more}\r\n{body}",
            body.len()
        )
    };
    let address = web_server(vec![
        answer("200 OK", "", "#!/bin/sh\necho hello\n"),
        answer("404 Not Found", "", "gone"),
        answer("302 Found", "Location: http://example.org/\r\n", ""),
        answer("200 OK", "", &"x".repeat(2 << 20)),
    ]);
    let repository = Repository::base();
    repository.add_lines(SUITE, &format!("    ts.initialize = \"http://{address}/x.sh\";\n"));
    let scripts = ScriptPolicy { roots: Vec::new(), hosts: vec!["127.0.0.1".to_owned()] };
    let options = SnapshotOptions { scripts, ..SnapshotOptions::default() };
    let catalogue = repository.load();
    let take = || snapshot(&catalogue, "ts_base", &Selection::default(), &options);
    let plan = take().expect("fetched");
    assert_eq!(plan.initialize.text, "#!/bin/sh\necho hello\n");
    for problem in ["404", "redirects", "larger than 1024 KiB", "could not be fetched"] {
        let error = take().expect_err(problem).to_string();
        assert!(error.contains(problem), "{problem}: {error}");
    }
    let address = web_server(vec![answer("200 OK", "", &"x".repeat(5000))]);
    repository.add_lines(SUITE, &format!("    ts.initialize = \"http://{address}/x.sh\";\n"));
    let options = SnapshotOptions { fetched_file: 4096, ..options };
    let taken = snapshot(&repository.load(), "ts_base", &Selection::default(), &options);
    assert!(taken.expect_err("larger").to_string().contains("larger than 4 KiB (key limits.fetched_file)"));
}

#[test]
fn roots_are_found_from_below() {
    let repository = Repository::base();
    let root = repository.path().canonicalize().expect("a path");
    for below in ["", "suites", "suites/ts_base/tc/copy_to/run.sh", "lib"] {
        let path = repository.path().join(below);
        fs::create_dir_all(repository.path().join("lib")).expect("a folder");
        assert_eq!(find_root(&path).expect("a root"), root, "{below}");
    }
    assert!(find_root(&PathBuf::from("/proc/self")).is_err());
    assert!(find_root(&PathBuf::from("/no/such/path")).is_err());
}

#[test]
fn check_is_about_the_paths_asked_for() {
    let repository = Repository::base();
    repository.add_lines(SUITE, "    ts.alert_emial = [];\n");
    repository.add_lines(CLUSTER, "    net.colour = 1;\n");
    let count = |paths: &[&str]| {
        let paths: Vec<PathBuf> = paths.iter().map(|path| repository.path().join(path)).collect();
        let checked = check(&paths, &CheckOptions::default()).expect("checked");
        assert_eq!(checked.len(), 1, "one repository");
        (checked[0].diagnostics.len(), checked[0].definitions)
    };
    assert_eq!(count(&[""]), (2, 2));
    assert_eq!(count(&["suites"]), (1, 1));
    assert_eq!(count(&["suites/ts_base/ts_base.rhai", "clusters"]), (2, 2));
    assert_eq!(count(&["suites/ts_base/tc"]), (0, 0));
    repository.write(SUITE, "fn (");
    assert_eq!(count(&["suites"]), (1, 1), "it is there, although nothing can be read");
    assert!(check(&[PathBuf::from("/no/such")], &CheckOptions::default()).is_err());
}

#[test]
fn a_cluster_has_a_plan_of_its_own() {
    let repository = Repository::base();
    let of_run = plan(&repository).expect("a plan");
    let (cluster, root) = snapshot_cluster(&repository.load(), "cluster_base").expect("a plan");
    assert_eq!((&cluster, &root), (&of_run.clusters[0], &of_run.repository));
    let refused = |name: &str, words: [&str; 2]| {
        let error = snapshot_cluster(&repository.load(), name).expect_err(name);
        assert_eq!([error.to_string().as_str(), error.help().expect("help").as_str()], words);
        error.diagnostics().len()
    };
    refused("cluster_bass", ["there is no cluster `cluster_bass`", "did you mean `cluster_base`?"]);
    refused("ts_base", ["there is no cluster `ts_base`", "it is a suite, on `cluster_base`"]);
    repository.add_lines(CLUSTER, "    net.colour = 1;\n");
    let file = "cluster `cluster_base` can't be started: 1 error in clusters/cluster_base/cluster_base.rhai";
    assert_eq!(refused("cluster_base", [file, "`xrdtest rule XT0010` explains it"]), 1);
    repository.write(CLUSTER, "fn (");
    refused("cluster_base", [file, "`xrdtest rule XT0001` explains it"]);
}
