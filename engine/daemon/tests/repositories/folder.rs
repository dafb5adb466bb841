//! Folders of this machine.

use std::fs;

use xrdtest_model::EventBody;
use xrdtest_model::api::{RepositoryState, RunRequest};
use xrdtest_web::engine::Engine;

use crate::support::{Place, failing, git, good, suites, until, write_suite};

fn table(place: &Place, name: &str, folder: &str) -> String {
    let path = place.path(folder);
    format!("[[repository]]\nname = '{name}'\npath = '{}'\ninterval = '1h'\n", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_noticed() {
    let place = Place::new();
    let root = place.path("r");
    write_suite(&root, "a");
    let engine = place.engine(&table(&place, "r", "r")).await;
    assert_eq!(suites(&engine), ["a"]);
    good(&engine).await;

    write_suite(&root, "b");
    until(&engine, "a new suite", |engine| suites(engine) == ["a", "b"]).await;

    // As editors save: a new file in the place of the old one.
    let file = root.join("suites/a/a.rhai");
    fs::write(root.join("suites/a/.a.swp"), fs::read_to_string(&file).unwrap() + "let x = ;").unwrap();
    fs::rename(root.join("suites/a/.a.swp"), &file).unwrap();
    until(&engine, "a mistake", |engine| {
        engine.catalogue().diagnostics.iter().any(|found| found.file.ends_with("a.rhai"))
    })
    .await;
    write_suite(&root, "a");
    until(&engine, "it is repaired", |engine| engine.catalogue().diagnostics.is_empty()).await;

    fs::remove_file(root.join("suites/a/tc/a/run.sh")).unwrap();
    until(&engine, "a script is missing", |engine| !engine.catalogue().diagnostics.is_empty()).await;
    fs::remove_dir_all(root.join("suites/a")).unwrap();
    until(&engine, "a suite is gone", |engine| suites(engine) == ["b"]).await;

    // The whole folder of suites is another one.
    fs::rename(root.join("suites"), root.join("old")).unwrap();
    write_suite(&root, "c");
    until(&engine, "other suites", |engine| suites(engine) == ["c"]).await;
    write_suite(&root, "d");
    until(&engine, "it is watched", |engine| suites(engine) == ["c", "d"]).await;
    engine.stop().await;
}

/// Only when schedules are noted a look that was asked for is over.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_of_what_was_found_are_in_force() {
    let place = Place::new();
    let root = place.path("r");
    write_suite(&root, "a");
    let engine = place.engine(&table(&place, "r", "r")).await;
    let scheduled = |engine: &xrdtest_engine::EngineHandle| {
        engine.schedules(0).suites.into_iter().map(|suite| (suite.suite, suite.words)).collect::<Vec<_>>()
    };
    assert!(scheduled(&engine).is_empty());
    let mut before = Vec::new();
    for (name, day) in [("a", 1), ("b", 2), ("b", 3), ("a", 4)] {
        write_suite(&root, name);
        let file = root.join(format!("suites/{name}/{name}.rhai"));
        let text = fs::read_to_string(&file).unwrap();
        // A year may be between the test and the next start.
        let line = format!("    ts.schedule = \"30 4 {day} 2 *\";\n    ts\n}}");
        fs::write(&file, text.replace("    ts\n}", &line)).unwrap();
        good(&engine).await;
        let now = scheduled(&engine);
        assert!(now.iter().any(|(suite, _)| suite == name) && now != before, "{now:?}");
        before = now;
    }
    fs::remove_dir_all(root.join("suites/a")).unwrap();
    good(&engine).await;
    assert_eq!(scheduled(&engine).len(), 1);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_of_many_files_is_one_change() {
    let place = Place::new();
    let root = place.path("r");
    fs::create_dir(&root).unwrap();
    git(&root, &["init", "--quiet", "--initial-branch=one"]);
    write_suite(&root, "a");
    let commit = |words: &str| {
        git(&root, &["add", "--all"]);
        git(&root, &["commit", "--quiet", "-m", words]);
    };
    commit("one");
    git(&root, &["checkout", "--quiet", "-b", "two"]);
    for number in 0..100 {
        write_suite(&root, &format!("s{number}"));
    }
    commit("two");
    git(&root, &["checkout", "--quiet", "one"]);
    let engine = place.engine(&table(&place, "r", "r")).await;
    for round in 0..5 {
        git(&root, &["checkout", "--quiet", "two"]);
        until(&engine, "two", |engine| suites(engine).len() == 101).await;
        let info = good(&engine).await;
        assert_eq!((info.branch.as_deref(), info.dirty), (Some("two"), Some(false)), "{round}");
        git(&root, &["checkout", "--quiet", "one"]);
        until(&engine, "one", |engine| suites(engine) == ["a"]).await;
    }
    let info = good(&engine).await;
    assert_eq!((info.branch.as_deref(), info.suites, info.errors), (Some("one"), 1, 0));
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_goes_and_comes_back() {
    let place = Place::new();
    write_suite(&place.path("r"), "a");
    let engine = place.engine(&table(&place, "r", "r")).await;
    good(&engine).await;
    fs::rename(place.path("r"), place.path("away")).unwrap();
    failing(&engine, "can't be read: No such file").await;
    assert_eq!(suites(&engine), ["a"], "the last good catalogue stays");
    engine.stop().await;

    // An engine that is started without it says so, and has it when it is there.
    let engine = place.engine(&table(&place, "r", "r")).await;
    failing(&engine, "can't be read: No such file").await;
    write_suite(&place.path("away"), "b");
    fs::rename(place.path("away"), place.path("r")).unwrap();
    until(&engine, "it is back", |engine| suites(engine) == ["a", "b"]).await;
    assert_eq!(good(&engine).await.failures, 0);
    engine.stop().await;
}

/// Files come and go all the time while they are read. Nothing dies, and when it is quiet all is as it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_never_quiet() {
    let place = Place::new();
    let root = place.path("r");
    for number in 0..20 {
        write_suite(&root, &format!("s{number:02}"));
    }
    let engine = place.engine(&table(&place, "r", "r")).await;
    let writing = root.clone();
    let writer = std::thread::spawn(move || {
        for round in 0..300 {
            let name = format!("s{:02}", round % 20);
            fs::remove_dir_all(writing.join("suites").join(&name)).unwrap();
            write_suite(&writing, &name);
        }
    });
    while !writer.is_finished() {
        assert_eq!(engine.fetch("r".to_owned()).await.unwrap().state, RepositoryState::Good);
    }
    writer.join().unwrap();
    until(&engine, "all are there", |engine| {
        let catalogue = engine.catalogue();
        catalogue.suites.len() == 20 && catalogue.diagnostics.is_empty()
    })
    .await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_with_one_name_the_first_counts() {
    let place = Place::new();
    for folder in ["one", "two"] {
        write_suite(&place.path(folder), "same");
    }
    write_suite(&place.path("two"), "other");
    let tables = table(&place, "one", "one") + &*table(&place, "two", "two");
    let engine = place.engine(&tables).await;
    let check = |engine: &xrdtest_engine::EngineHandle| {
        let catalogue = engine.catalogue();
        let found: Vec<_> = catalogue.diagnostics.iter().map(|found| (&*found.code, &*found.file)).collect();
        let file = |name: &str| place.path("two").canonicalize().unwrap().join(name).display().to_string();
        let (suite, cluster) = (file("suites/same/same.rhai"), file("clusters/c_same.rhai"));
        assert_eq!(found, [("XT0107", suite.as_str()), ("XT0107", cluster.as_str())]);
        assert!(catalogue.suites["same"].source.repository.ends_with("/one"));
    };
    check(&engine);
    // Whichever is loaded last.
    write_suite(&place.path("one"), "third");
    until(&engine, "a third", |engine| suites(engine) == ["other", "same", "third"]).await;
    check(&engine);
    fs::remove_dir_all(place.path("two/suites/same")).unwrap();
    fs::remove_file(place.path("two/clusters/c_same.rhai")).unwrap();
    until(&engine, "it is solved", |engine| engine.catalogue().diagnostics.is_empty()).await;
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_says_where_it_came_from() {
    let place = Place::new();
    let root = place.path("r");
    write_suite(&root, "a");
    git(&root, &["init", "--quiet", "--initial-branch=trunk"]);
    git(&root, &["add", "--all"]);
    git(&root, &["commit", "--quiet", "-m", "begin"]);
    let engine = place.engine(&table(&place, "r", "r")).await;
    let mut events = engine.events().await;
    for dirty in [false, true] {
        let request = RunRequest { suite: "a".to_owned(), ..RunRequest::default() };
        Engine::submit(&engine, request, "a test".to_owned()).await.unwrap();
        let origin = loop {
            let event = events.recv().await.unwrap();
            if let EventBody::RunQueued { plan, .. } = &event.body {
                break plan.origin.clone().unwrap();
            }
        };
        let head = git(&root, &["rev-parse", "HEAD"]);
        assert_eq!(origin.commit.as_deref(), Some(head.trim()));
        assert_eq!((origin.repository.as_str(), origin.branch.as_deref()), ("r", Some("trunk")));
        assert_eq!((origin.author.as_deref(), origin.dirty), (Some("Ann <ann@example.org>"), Some(dirty)));
        fs::write(root.join("suites/a/init.sh"), "#!/bin/sh\nfalse\n").unwrap();
    }
    engine.stop().await;
}
