//! Collections on made-up machines, and one with a real program.

use std::fs;
use std::path::Path;

use super::elf::tests::core_dump;
use super::*;

struct Machine {
    root: tempfile::TempDir,
    pattern: &'static str,
    order: CoreOrder,
    ledger: Ledger,
}

impl Machine {
    fn new(pattern: &'static str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("work")).unwrap();
        fs::create_dir_all(root.path().join("state/stages/one")).unwrap();
        let order = CoreOrder { each: 1 << 20, count: 2, total: 1 << 20 };
        Self { root, pattern, order, ledger: Ledger::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn crash(&self, file: &str, name: &str, pid: u32) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, core_dump(name, pid, 11, "/nowhere")).unwrap();
    }

    fn collect(&mut self) -> Collected {
        if self.ledger.is_lost() {
            self.ledger.begin_with(1, self.root.path());
        }
        let folder = StageFolder::at(self.path("state/stages/one"));
        let collection = Collection {
            ground: Ground {
                root: self.root.path().to_owned(),
                work: self.path("work"),
                pattern: Pattern::parse(self.pattern, false),
            },
            boot_id: "b",
            order: self.order,
            folder: &folder,
            first: 3,
            patience: Patience::of_seconds(60),
        };
        let collected = collection.collect(&self.ledger);
        for (index, file) in (3..).zip(&collected.files) {
            assert_eq!(fs::metadata(folder.log(index)).unwrap().len(), file.length, "{file:?}");
        }
        self.ledger = collected.ledger.clone();
        collected
    }
}

fn titles(collected: &Collected) -> Vec<String> {
    collected.crashes.iter().map(Crash::title).collect()
}

#[test]
fn core_dumps_are_kept_once() {
    let mut machine = Machine::new("core.%p");
    machine.crash("work/core.7", "boom", 7);
    machine.crash("work/deep/core.8", "b/m", 8);
    fs::write(machine.path("work/core.txt"), "no core dump").unwrap();
    let collected = machine.collect();
    let mut told = titles(&collected);
    told.sort();
    assert_eq!(told, ["b/m (SIGSEGV)", "boom (SIGSEGV)"]);
    let cores: Vec<_> = collected.files.iter().filter(|file| file.artifact).collect();
    assert_eq!(cores.len(), 2);
    assert!(
        cores.iter().any(|core| core.path == "/crash/core.boom.7.zst" && core.note.contains("work/core.7"))
    );
    assert!(cores.iter().any(|core| core.path == "/crash/core.b_m.8.zst"));
    assert_eq!(collected.no_cores, "");
    assert!(machine.collect().crashes.is_empty());
    // Written over, by another one.
    machine.crash("work/core.7", "again", 7);
    assert_eq!(titles(&machine.collect()), ["again (SIGSEGV)"]);
}

#[test]
fn limits_bite_with_words() {
    let mut machine = Machine::new("core.%p");
    machine.order.count = 1;
    machine.crash("work/core.1", "one", 1);
    machine.crash("work/core.2", "two", 2);
    let collected = machine.collect();
    assert_eq!(collected.crashes.len(), 2);
    assert_eq!(collected.files.iter().filter(|file| file.artifact).count(), 1);
    let left_out = collected.crashes.iter().find(|crash| crash.core.is_empty()).unwrap();
    assert!(left_out.note.contains("has more of them than 1, limits.cores of"), "{left_out:?}");

    let mut machine = Machine::new("core.%p");
    machine.order.count = 0;
    for pid in 0..u32::try_from(TOLD).unwrap() + 3 {
        machine.crash(&format!("work/core.{pid}"), "many", pid);
    }
    let collected = machine.collect();
    assert_eq!((collected.crashes.len(), collected.files.len()), (TOLD + 1, 0));
    assert!(collected.crashes[TOLD].note.contains("3 more core dumps"), "{:?}", collected.crashes[TOLD]);

    for (each, total, key) in
        [(10, 1 << 20, ", limits.core of"), (1 << 20, 10, "share of limits.run_cores of")]
    {
        let mut machine = Machine::new("core.%p");
        (machine.order.each, machine.order.total) = (each, total);
        machine.crash("work/core.1", "one", 1);
        let collected = machine.collect();
        let crash = &collected.crashes[0];
        assert!(crash.core.is_empty() && !collected.files.iter().any(|file| file.artifact));
        assert!(
            crash.note.contains("packed it has more than 10 B, ") && crash.note.contains(key),
            "{crash:?}"
        );
    }
}

#[test]
fn what_can_not_be_had_is_said_once() {
    for (pattern, words) in [
        (
            "|/usr/share/apport/apport %p",
            "hands them to a program, outside of what a stage sees: |/usr/share/apport/apport;",
        ),
        ("", "kernel.core_pattern is empty"),
        ("/no/such/core.%p", "the folder that kernel.core_pattern names is not there: /no/such/core.*"),
    ] {
        let mut machine = Machine::new(pattern);
        let said = machine.collect().no_cores;
        assert!(said.contains(words), "{said}");
        assert_eq!(machine.collect().no_cores, "");
    }
}

#[test]
fn what_systemd_keeps_is_found() {
    let mut machine = Machine::new("|/usr/lib/systemd/systemd-coredump %P");
    let folder = machine.path("var/lib/systemd/coredump");
    fs::create_dir_all(&folder).unwrap();
    let dump = core_dump("boom", 7, 6, "/nowhere");
    let packed = zstd::encode_all(dump.as_slice(), 1).unwrap();
    fs::write(folder.join("core.boom.0.a1b2.7.1795000000000000.zst"), &packed).unwrap();
    fs::write(folder.join("core.my.prog.0.a1b2.8.1795000000000000.xz"), "xz").unwrap();
    let collected = machine.collect();
    let mut told = titles(&collected);
    told.sort();
    assert_eq!(told, ["boom (SIGABRT)", "my.prog"]);
    let kept: Vec<_> =
        collected.files.iter().filter(|file| file.artifact).map(|file| file.path.as_str()).collect();
    assert!(
        kept.contains(&"/crash/core.boom.7.zst") && kept.contains(&"/crash/core.my.prog.8.xz"),
        "{kept:?}"
    );
    let other = collected.crashes.iter().find(|crash| crash.subject == "my.prog").unwrap();
    assert!(other.note.contains("not packed with zstd") && other.pid == Some(8), "{other:?}");
    let scratch = machine.path("state/evidence/one.logs");
    assert!(
        fs::read_dir(scratch)
            .unwrap()
            .flatten()
            .all(|entry| !entry.file_name().to_string_lossy().contains("draft"))
    );
}

#[test]
fn memory_that_ran_out_is_told() {
    let mut machine = Machine::new("core");
    let group = |machine: &Machine, kills: u32| {
        fs::create_dir_all(machine.path("sys/fs/cgroup")).unwrap();
        fs::create_dir_all(machine.path("proc/self")).unwrap();
        fs::write(machine.path("proc/self/cgroup"), "0::/\n").unwrap();
        fs::write(machine.path("sys/fs/cgroup/memory.events"), format!("oom_kill {kills}\n")).unwrap();
    };
    group(&machine, 1);
    assert!(machine.collect().crashes.is_empty());
    group(&machine, 3);
    let collected = machine.collect();
    assert_eq!(collected.crashes[0].kind, CrashKind::OutOfMemory);
    assert!(collected.crashes[0].to_string().contains("2 processes were killed"), "{:?}", collected.crashes);
    assert!(machine.collect().crashes.is_empty());
}

#[test]
fn patience() {
    let seconds = Duration::from_secs;
    let left = |limit, taken| {
        let patience = Patience::after(seconds(limit), seconds(taken), Arc::default());
        patience.until.saturating_duration_since(Instant::now()).as_secs_f64().round()
    };
    assert_eq!((left(900, 1), left(20, 5), left(10, 15)), (60.0, 25.0, 10.0));
    let stop = Arc::new(AtomicBool::new(true));
    let patience = Patience::after(seconds(900), seconds(1), stop);
    assert!(patience.is_over() && patience.words().contains("was to end"));
}

#[test]
fn the_ground_is_this_machine() {
    let ground = ground(PathBuf::from("/work"));
    assert_eq!((ground.root.as_path(), ground.work.as_path()), (Path::new("/"), Path::new("/work")));
}
