//! Git remotes: real ones, over file, ssh and what never answers.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use xrdtest_engine::EngineHandle;
use xrdtest_model::EventBody;
use xrdtest_model::api::{RepositoryState, RunRequest};
use xrdtest_web::engine::Engine;

use crate::support::{Place, Sshd, failing, good, suites, write_suite};

fn checkouts(place: &Place) -> Vec<String> {
    let entries = fs::read_dir(place.path("state/repositories/r/checkouts")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Asks for a run; answers its plan.
async fn plan(engine: &EngineHandle, suite: &str) -> xrdtest_model::RunPlan {
    let mut events = engine.events().await;
    let request = RunRequest { suite: suite.to_owned(), ..RunRequest::default() };
    Engine::submit(engine, request, "a test".to_owned()).await.unwrap();
    loop {
        if let EventBody::RunQueued { plan, .. } = &events.recv().await.unwrap().body {
            return (**plan).clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_becomes_the_catalogue() {
    let place = Place::new();
    let copy = place.remote();
    let engine = place.engine(&place.table("")).await;
    let info = good(&engine).await;
    assert_eq!((info.branch.as_deref(), info.dirty, info.suites), (Some("main"), Some(false), 1));
    let commit = info.commit.unwrap();
    assert_eq!((commit.id, commit.author.as_str()), (copy.head(), "Ann <ann@example.org>"));
    let before = plan(&engine, "first").await;
    let origin = before.origin.clone().unwrap();
    assert_eq!((origin.commit, origin.branch.as_deref()), (Some(copy.head()), Some("main")));

    for number in 0..5 {
        write_suite(&copy.folder, &format!("s{number}"));
        fs::write(copy.folder.join("suites/first/init.sh"), format!("#!/bin/sh\n# {number}\n")).unwrap();
        copy.push("more");
        assert_eq!(good(&engine).await.commit.unwrap().id, copy.head());
        assert_eq!(suites(&engine).len(), number + 2);
    }
    let after = plan(&engine, "first").await;
    assert_eq!(after.initialize.text, "#!/bin/sh\n# 4\n");
    // The first run's files are as they were.
    let old = Path::new(&before.repository).join("suites/first/init.sh");
    assert_eq!(fs::read_to_string(old).unwrap(), before.initialize.text);
    assert_ne!(before.repository, after.repository);
    let same = engine.catalogue().generation;
    good(&engine).await;
    assert_eq!(engine.catalogue().generation, same, "nothing new, nothing loaded");
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_needs_no_remote_and_leaves_no_rubbish() {
    let place = Place::new();
    let copy = place.remote();
    let engine = place.engine(&place.table("")).await;
    good(&engine).await;
    let running = plan(&engine, "first").await;
    for number in 0..3 {
        write_suite(&copy.folder, &format!("s{number}"));
        copy.push("more");
        good(&engine).await;
    }
    engine.stop().await;
    fs::create_dir(place.path("state/repositories/r/checkouts/.new-x")).unwrap();
    fs::rename(place.path("remote.git"), place.path("gone")).unwrap();

    let engine = place.engine(&place.table("")).await;
    assert_eq!(suites(&engine).len(), 4, "what was fetched before is there at once");
    failing(&engine, "there is no repository at file://").await;
    assert_eq!(suites(&engine).len(), 4);
    let used = Path::new(&running.repository).file_name().unwrap().to_str().unwrap().to_owned();
    let there = checkouts(&place);
    assert!(there.len() == 2 && there.contains(&used), "the waiting run's and the newest: {there:?}");
    let info = engine.repositories().remove(0);
    assert_eq!(info.commit.unwrap().id, copy.head());
    fs::rename(place.path("gone"), place.path("remote.git")).unwrap();
    assert_eq!(good(&engine).await.failures, 0);
    engine.stop().await;

    // Another address is another repository: nothing of the old one is shown.
    let engine = place.engine("[[repository]]\nname = 'r'\nurl = 'file:///no/such'\n").await;
    assert!(suites(&engine).is_empty());
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_remote_can_do_to_us() {
    let place = Place::new();
    let copy = place.remote();
    let engine = place.engine(&place.table("branch = 'main'\nsize = '1M'")).await;
    good(&engine).await;
    let begin = copy.head();

    // The branch is deleted, and comes back.
    place.another_copy("other").git(&["push", "--quiet", "origin", "HEAD:keep"]);
    let bare = place.path("remote.git");
    crate::support::git(&bare, &["update-ref", "-d", "refs/heads/main"]);
    let info =
        failing(&engine, "branch `main` is not there; git says: fatal: couldn't find remote ref").await;
    assert_eq!((info.commit.unwrap().id, suites(&engine)), (begin.clone(), vec!["first".to_owned()]));

    // A force-push is followed, and told.
    copy.git(&["commit", "--quiet", "--amend", "-m", "another beginning"]);
    write_suite(&copy.folder, "second");
    copy.push("second");
    let info = good(&engine).await;
    assert_eq!(suites(&engine), ["first", "second"]);
    assert!(info.notes[0].contains(&format!("rewritten: the commit before, {}", &begin[..12])), "{info:?}");
    write_suite(&copy.folder, "third");
    copy.push("third");
    assert_eq!(good(&engine).await.notes, Vec::<String>::new());
    let mut before = copy.head();

    // A file that is too large, once packed small, once not.
    for (huge, words) in
        [(vec![0_u8; 2 << 20], "`huge` alone has 2 MiB"), (noise(2 << 20), "larger than 1 MiB")]
    {
        fs::write(copy.folder.join("suites/huge"), huge).unwrap();
        copy.push("huge");
        let info = failing(&engine, words).await;
        assert_eq!(info.commit.unwrap().id, before);
        assert_eq!(suites(&engine).len(), 3);
        copy.git(&["reset", "--quiet", "--hard", &before]);
        copy.push("without it");
        before = copy.head();
        good(&engine).await;
    }

    // A submodule is left out, and told.
    let entry = format!("160000,{begin},suites/module");
    copy.git(&["update-index", "--add", "--cacheinfo", &entry]);
    copy.git(&["commit", "--quiet", "-m", "module"]);
    copy.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let info = good(&engine).await;
    assert!(
        info.notes.contains(&"`suites/module` is a submodule: its files are not fetched".to_owned()),
        "{info:?}"
    );
    engine.stop().await;
}

/// What no packing makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh() {
    let place = Place::new();
    let copy = place.remote();
    let sshd = Sshd::start(&place);
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    let url = format!("ssh://{user}@127.0.0.1:{}{}", sshd.port, place.path("remote.git").display());
    let table = |key: &str, more: &str| {
        let key = sshd.key(key).display().to_string();
        format!("[[repository]]\nname = 'r'\nurl = '{url}'\ninterval = '1h'\nkey_file = '{key}'\n{more}")
    };
    let engine = place.engine(&table("good", "")).await;
    good(&engine).await;
    for number in 0..3 {
        write_suite(&copy.folder, &format!("s{number}"));
        copy.push("more");
        assert_eq!(good(&engine).await.commit.unwrap().id, copy.head());
    }
    assert_eq!(suites(&engine).len(), 4);
    engine.stop().await;

    // A key that is not let in: what was fetched before stays in use.
    let engine = place.engine(&table("bad", "")).await;
    let info = failing(&engine, "does not let the engine in; git says:").await;
    assert!(info.help.contains("key_file") && info.problem.contains("Permission denied"), "{info:?}");
    assert_eq!(suites(&engine).len(), 4);
    engine.stop().await;

    // A host with another key than the known one.
    let known = place.path("known");
    let other = fs::read_to_string(sshd.key("bad.pub")).unwrap();
    fs::write(&known, format!("[127.0.0.1]:{} {other}", sshd.port)).unwrap();
    let engine = place.engine(&table("good", &format!("known_hosts = '{}'", known.display()))).await;
    failing(&engine, "is not the one that is known").await;
    engine.stop().await;

    // Nobody listens any more.
    let text = table("good", "");
    drop(sshd);
    let engine = place.engine(&text).await;
    failing(&engine, "can't be reached; git says:").await;
    assert_eq!(suites(&engine).len(), 4);
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_that_says_nothing() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("git://{}/x", silent.local_addr().unwrap());
    let table = format!(
        "[[repository]]\nname = 'r'\nurl = '{url}'\nbranch = 'main'\ninterval = '1h'\ntimeout = '300ms'\n"
    );
    let engine = place.engine(&table).await;
    failing(&engine, "did not answer within 300 ms").await;
    let infos = engine.repositories();
    assert!(infos[0].state == RepositoryState::Failing && infos[0].loaded.is_none(), "{infos:?}");
    engine.stop().await;
}
