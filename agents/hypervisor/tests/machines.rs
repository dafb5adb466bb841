//! Machines of the sandbox: up and down, names, network, files, disks.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::path::Path;

use support::{INIT, Lab, cluster, config, disk, eventually, instance, traces};
use xrdtest_hypervisor::provider::{Provider, Step};
use xrdtest_hypervisor::sandbox::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn machines_come_and_go_and_leave_nothing() {
    let lab = Lab::new().await;
    let id = instance("up");
    let steps = lab.start(&id, &cluster(3)).await.unwrap();
    assert!(steps.iter().any(|step| matches!(step, Step::Network(_))));
    assert_eq!(lab.sandbox.instances(), [(id.clone(), true)]);
    assert!(lab.start(&id, &cluster(3)).await.unwrap().is_empty(), "a repeated order changes nothing");
    drop(steps);
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.sandbox.instances(), []);
    assert_eq!(lab.left(&id), [""; 0]);
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_knows_the_names_and_reaches_the_others() {
    let lab = Lab::new().await;
    let id = instance("net");
    let mut cluster = cluster(3);
    cluster.hosts[2].aliases = vec!["data.xrd.test".to_owned()];
    cluster.network.lb_alias =
        Some(("lb.xrd.test".to_owned(), vec![cluster.hosts[0].ip, cluster.hosts[1].ip]));
    let _sockets = lab.start(&id, &cluster).await.unwrap();
    let m1 = "m1.xrd.test";
    assert_eq!(lab.good(&id, m1, "hostname; hostname -f; cat /etc/hostname"), [m1; 3].join("\n"));
    assert_eq!(lab.good(&id, m1, "cat /sys/class/net/eth0/address"), "52:54:00:00:00:01");
    assert_eq!(lab.good(&id, m1, "ip -br -4 addr show eth0 | awk '{print $3}'"), "192.168.127.11/24");
    for (name, expected) in [
        ("m2.xrd.test", "192.168.127.12"),
        ("m2", "192.168.127.12"),
        ("data.xrd.test", "192.168.127.13"),
        ("master.xrd.test", "192.168.127.1"),
        ("lb.xrd.test", "192.168.127.11 192.168.127.12"),
        ("localhost", "127.0.0.1"),
    ] {
        let script = format!("echo $(getent ahostsv4 {name} | awk '{{print $1}}' | sort -u)");
        assert_eq!(lab.good(&id, m1, &script), expected, "{name}");
    }
    assert_eq!(lab.good(&id, m1, "getent hosts 192.168.127.12 | awk '{print $2}'"), "m2.xrd.test");
    lab.bad(&id, m1, "getent hosts www.example.org");
    for target in ["127.0.0.1", "m1.xrd.test", "m2.xrd.test", "data.xrd.test", "master.xrd.test"] {
        assert!(lab.reaches(&id, m1, target), "{target}");
    }
    // The relay's socket is there before anybody reads it, and nothing else answers at the network's address.
    lab.good(&id, m1, "exec 3<>/dev/tcp/master.xrd.test/8080");
    lab.bad(&id, m1, "exec 3<>/dev/tcp/master.xrd.test/22");
    assert_eq!(
        lab.good(&id, m1, "ip route"),
        "192.168.127.0/24 dev eth0 proto kernel scope link src 192.168.127.11"
    );
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_talk_tcp() {
    let lab = Lab::new().await;
    let id = instance("tcp");
    lab.start(&id, &cluster(2)).await.unwrap();
    let server = "import socket; s = socket.create_server(('', 1094)); open('/run/ready', 'w'); c, a = s.accept(); \
                  c.sendall(c.recv(100) + b' from ' + a[0].encode())";
    let mut serving = lab
        .sandbox
        .enter(&id, "m1.xrd.test")
        .unwrap()
        .args(["python3", "-c", server])
        .stdin(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("the server listens", || lab.sh(&id, "m1.xrd.test", "test -e /run/ready").status.success());
    let said = lab.good(&id, "m2.xrd.test", "exec 3<>/dev/tcp/m1/1094; printf hello >&3; cat <&3");
    assert_eq!(said, "hello from 192.168.127.12");
    assert!(serving.wait().unwrap().success());
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_made_from_this_machines_files_and_keeps_its_own() {
    let lab = Lab::new().await;
    let id = instance("files");
    let here = tempfile::tempdir_in("/opt").unwrap();
    std::fs::write(here.path().join("seen"), "yes\n").unwrap();
    lab.start(&id, &cluster(2)).await.unwrap();
    let (m1, m2) = ("m1.xrd.test", "m2.xrd.test");
    let path = here.path().display();
    assert_eq!(lab.good(&id, m1, &format!("cat {path}/seen")), "yes");
    lab.good(&id, m1, &format!("echo changed > {path}/seen; echo new > {path}/new; rm -rf /usr/share/doc"));
    assert_eq!(lab.good(&id, m2, &format!("cat {path}/seen; ls {path}")), "yes\nseen");
    assert!(Path::new("/usr/share/doc").exists());
    assert_eq!(std::fs::read_to_string(here.path().join("seen")).unwrap(), "yes\n");
    for empty in
        ["/tmp", "/var/tmp", "/var/lib/xrdtest", "/var/log/XrdTest", &lab.folder.path().display().to_string()]
    {
        assert_eq!(
            lab.good(&id, m1, &format!("ls -A {empty} | grep -v '^runtime$\\|^state$\\|^slave$'; true")),
            "",
            "{empty}"
        );
    }
    // The machine's own, in memory.
    assert_eq!(lab.good(&id, m1, "find /var/lib/xrdtest/slave -mindepth 1"), "/var/lib/xrdtest/slave/stages");
    let state = lab.folder.path().join("state");
    assert_eq!(lab.good(&id, m1, &format!("ls -A {}", state.display())), "");
    assert_eq!(
        lab.good(&id, m1, "stat -c '%a %F' /tmp /var/tmp /dev/shm /run"),
        "1777 directory\n1777 directory\n1777 directory\n755 directory"
    );
    assert_eq!(lab.good(&id, m1, "stat -c %a /etc/xrdtest/slave.toml /etc/xrdtest/join-token"), "600\n600");
    assert_eq!(lab.good(&id, m1, "cat /etc/xrdtest/join-token"), "token-of-m1.xrd.test");
    assert_eq!(lab.good(&id, m1, "ls -A /etc/xrdtest"), "join-token\nslave.toml");
    assert_eq!(lab.good(&id, m1, "cat /etc/resolv.conf | wc -c"), "0");
    lab.good(&id, m1, "test -x /usr/lib/xrdtest/xrdtest-slave");
    lab.bad(&id, m1, "echo > /usr/lib/xrdtest/xrdtest-slave");
    // Another user can be taken on, and has files of its own.
    assert_eq!(
        lab.good(&id, m1, "su -s /bin/sh -c 'id -un; touch /tmp/mine' nobody; stat -c %U /tmp/mine"),
        "nobody\nnobody"
    );
    lab.good(&id, m1, "[ $(ulimit -n) -ge 4096 ] && : > /dev/null && head -c 8 /dev/urandom | wc -c");
    lab.sandbox.stop(&id).await.unwrap();
}

const MOUNT_POINT: &str = "XRDTEST_TEST_MOUNT_POINT";

/// No test of its own: run by the test below where a file system is mounted at the mount point.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn with_a_file_system_of_its_own() {
    let Ok(at) = std::env::var(MOUNT_POINT) else { return };
    let lab = Lab::with(|config| config.hidden = vec![Path::new(&at).join("hidden")]).await;
    let id = instance("mounted");
    let _sockets = lab.start(&id, &cluster(1)).await.unwrap();
    let m1 = "m1.xrd.test";
    assert_eq!(lab.good(&id, m1, &format!("cd {at}; cat seen; ls hidden; stat -c %a .")), "yes\n751");
    lab.good(&id, m1, &format!("echo changed > {at}/seen; rm -r {at}/hidden; touch {at}/new"));
    assert_eq!(std::fs::read_to_string(Path::new(&at).join("seen")).unwrap(), "yes\n");
    assert!(!Path::new(&at).join("new").exists());
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
}

#[test]
fn file_systems_below_the_root_are_there_with_layers_of_their_own() {
    let content = tempfile::tempdir_in("/var/lib").unwrap();
    let mount_point = tempfile::tempdir_in("/srv").unwrap();
    std::fs::create_dir(content.path().join("hidden")).unwrap();
    std::fs::write(content.path().join("hidden/secret"), "x").unwrap();
    std::fs::write(content.path().join("seen"), "yes\n").unwrap();
    std::fs::set_permissions(content.path(), std::os::unix::fs::PermissionsExt::from_mode(0o751)).unwrap();
    let output = std::process::Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c"])
        .arg("mount --bind \"$0\" \"$1\" && shift && exec \"$@\"")
        .args([content.path(), mount_point.path(), &std::env::current_exe().unwrap()])
        .args(["--exact", "with_a_file_system_of_its_own", "--ignored"])
        .env(MOUNT_POINT, mount_point.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", support::text(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_much_memory_is_killed_and_the_machine_lives() {
    let mut lab = Lab::new().await;
    let id = instance("memory");
    lab.start(&id, &cluster(1)).await.unwrap();
    let m1 = "m1.xrd.test";
    let full = "dd if=/dev/zero bs=1M of=";
    for place in ["/run/x", "/dev/shm/x"] {
        let said = lab.bad(&id, m1, &format!("{full}{place}"));
        assert!(said.contains("No space left"), "{place}: {said}");
    }
    // As a script is started by its supervisor, with all that memory may hold besides programs full.
    let eat = "python3 -c 'x = bytearray(1 << 30); print(len(x))'";
    let said = lab.good(&id, m1, &format!("(echo 300 > /proc/self/oom_score_adj; exec {eat}); echo $?"));
    assert_eq!(said, "137");
    let breed = "echo 300 > /proc/self/oom_score_adj; x=$(head -c 1M /dev/zero | tr '\\0' x); \
                 for _ in {1..400}; do (sleep 1; y=$x$x$x; sleep 1; :) & done; wait";
    lab.sh(&id, m1, breed);
    assert_eq!(lab.good(&id, m1, "echo alive"), "alive");
    assert!(lab.gone.try_recv().is_err());
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_are_mounted_fresh_with_user_attributes() {
    let lab = Lab::new().await;
    let mut cluster = cluster(1);
    cluster.hosts[0].disks = vec![disk("disk1", "/data"), disk("disk2", "/srv/deep/er data")];
    for _ in 0..2 {
        let id = instance("disks");
        lab.start(&id, &cluster).await.unwrap();
        for at in ["/data", "/srv/deep/er data"] {
            let script = format!(
                "cd '{at}' && mountpoint -q . && [ -z \"$(ls -A)\" ] && touch file && \
                 python3 -c 'import os; os.setxattr(\"file\", \"user.XrdCks.md5\", b\"x\"); \
                 print(os.getxattr(\"file\", \"user.XrdCks.md5\"))'"
            );
            assert_eq!(lab.good(&id, "m1.xrd.test", &script), "b'x'");
        }
        let mounts = lab.good(&id, "m1.xrd.test", "sed -n '/^diskmounts/,$p' /etc/xrdtest/slave.toml");
        assert!(mounts.contains("mountpoint -q '/data' ||"), "{mounts}");
        lab.good(&id, "m1.xrd.test", "echo x > /data/left");
        lab.sandbox.stop(&id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_of_one_subnet_live_side_by_side() {
    let lab = Lab::new().await;
    let (one, two) = (instance("one"), instance("two"));
    let (made_one, made_two) = {
        let cluster = cluster(2);
        tokio::join!(lab.start(&one, &cluster), lab.start(&two, &cluster))
    };
    let _sockets = (made_one.unwrap(), made_two.unwrap());
    lab.good(&one, "m1.xrd.test", "echo one > /etc/which");
    lab.good(&two, "m1.xrd.test", "echo two > /etc/which");
    assert_eq!(lab.good(&one, "m1.xrd.test", "cat /etc/which"), "one");
    lab.good(&two, "m1.xrd.test", "ip addr del 192.168.127.11/24 dev eth0");
    assert!(lab.reaches(&one, "m2.xrd.test", "m1.xrd.test"));
    assert!(!lab.reaches(&two, "m2.xrd.test", "m1.xrd.test"));
    lab.sandbox.stop(&two).await.unwrap();
    assert_eq!(lab.good(&one, "m1.xrd.test", "cat /etc/which"), "one");
    lab.sandbox.stop(&one).await.unwrap();
    assert_eq!([lab.left(&one), lab.left(&two)].concat(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_machine_is_reported_at_once() {
    let mut lab = Lab::with(|config| {
        config.init_arguments[1] = format!("echo starting; echo two; {INIT}");
    })
    .await;
    let id = instance("gone");
    lab.start(&id, &cluster(2)).await.unwrap();
    lab.sh(&id, "m2.xrd.test", "kill -KILL 1; kill -TERM 1; for f in /proc/1/fd/0; do :; done");
    // Signals to PID 1 from inside are ignored; from outside they are not.
    let pid = lab.pid_of(&id, "m2.xrd.test");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    let gone =
        tokio::time::timeout(std::time::Duration::from_secs(10), lab.gone.recv()).await.unwrap().unwrap();
    assert_eq!((&gone.instance, gone.host.as_str()), (&id, "m2.xrd.test"));
    assert_eq!(gone.detail, "PID 1 was ended by signal 9; the last line of its console: two");
    assert_eq!(lab.good(&id, "m1.xrd.test", "echo alive"), "alive");
    lab.sandbox.stop(&id).await.unwrap();
    assert!(lab.gone.try_recv().is_err(), "an end on purpose is not reported");
    assert_eq!(lab.left(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_start_says_why_and_leaves_nothing() {
    let lab = Lab::with(|config| {
        config.init_arguments[1] =
            format!("if [ $(hostname) = m2.xrd.test ]; then echo no disk >&2; exit 7; fi; {INIT}");
    })
    .await;
    let id = instance("fails");
    // The machine may be up for a moment before it ends, as far as can be seen from outside.
    let error = match lab.start(&id, &cluster(3)).await {
        Err(error) => error.to_string(),
        Ok(_) => String::new(),
    };
    if !error.is_empty() {
        assert!(
            error.contains("machine m2.xrd.test ended while it was starting (PID 1 ended with code 7)"),
            "{error}"
        );
        assert!(error.contains("no disk"), "{error}");
    }
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);

    let mut cluster = cluster(2);
    cluster.hosts[1].mac = cluster.hosts[0].mac.replace("52", "53"); // a multicast address, which `ip` refuses
    let error = lab.start(&id, &cluster).await.unwrap_err().to_string();
    assert!(error.contains("`ip` says"), "{error}");
    assert_eq!(lab.left(&id), [""; 0]);
    assert_eq!(lab.sandbox.instances(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_in_the_middle_of_a_start_leaves_nothing() {
    let lab = Lab::new().await;
    for round in 0..4u64 {
        let id = instance("cancel");
        let cluster = cluster(4);
        let start = lab.start(&id, &cluster);
        let stop = async {
            tokio::time::sleep(std::time::Duration::from_millis(round * 25)).await;
            lab.sandbox.stop(&id).await
        };
        let (started, stopped) = tokio::join!(start, stop);
        stopped.unwrap();
        if let Err(error) = started {
            assert!(error.is_cancelled(), "{error}");
        }
        // In the first round the stop may have come before the start.
        lab.sandbox.stop(&id).await.unwrap();
        assert_eq!(lab.left(&id), [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_machines_work() {
    let lab = Lab::new().await;
    let id = instance("many");
    let start = std::time::Instant::now();
    let _sockets = lab.start(&id, &cluster(32)).await.unwrap();
    let up = start.elapsed();
    assert!(lab.reaches(&id, "m32.xrd.test", "m1.xrd.test"));
    let start = std::time::Instant::now();
    lab.sandbox.stop(&id).await.unwrap();
    println!("32 machines: up {up:?}, down {:?}", start.elapsed());
    assert_eq!(lab.left(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir_in("/var/lib").unwrap();
    let mut missing = config(folder.path());
    missing.init = folder.path().join("no-such-binary");
    let error = Sandbox::open(missing).await.unwrap_err().to_string();
    assert!(error.contains("no-such-binary"), "{error}");
    let mut odd = config(folder.path());
    odd.state = folder.path().join("a,b");
    let error = Sandbox::open(odd).await.unwrap_err().to_string();
    assert!(error.contains("contains `,`"), "{error}");
    let mut proc_ = config(folder.path());
    proc_.state = "/proc/xrdtest".into();
    Sandbox::open(proc_).await.unwrap_err();
    assert!(traces("no-such-mark", folder.path()).is_empty());
}
