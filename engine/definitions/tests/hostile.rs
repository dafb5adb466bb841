//! Definitions that try to hang or to kill the process: each is a diagnostic, in less than 2 s and 300 MB, and the
//! definitions beside it are loaded. One test, so that the time and the memory are of this alone. Time is processor
//! time, as other tests may run beside it.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests")]

mod support;

use std::fs;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use support::Repository;

const MOST_TIME: Duration = Duration::from_secs(2);
const MOST_MEMORY_KIB: u64 = 300 << 10;

/// A suite with these statements.
fn suite(statements: &str) -> String {
    format!("fn getTestSuite() {{\n{statements}\n    TestSuite(\"ts_hostile\")\n}}\n")
}

/// What each is called, its text, and the code of the finding.
fn hostile() -> Vec<(&'static str, String, &'static str)> {
    let bodies = [
        ("endless loop", "loop { }", "XT0006"),
        ("endless loop that works", "let n = 0; while true { n += 1; }", "XT0006"),
        ("endless loop in try", "loop { try { loop { } } catch { } }", "XT0006"),
        ("long range", "for i in 0..1000000000000 { }", "XT0006"),
        (
            "callback: sort",
            "let a = []; for i in 0..9000 { a.push(i); } loop { a.sort(|x, y| y - x); }",
            "XT0006",
        ),
        ("callback: map", "let a = []; for i in 0..9000 { a.push(i); } loop { a.map(|x| x + 1); }", "XT0006"),
        (
            "callback: filter",
            "let a = []; for i in 0..9000 { a.push(i); } loop { a.filter(|x| x > 1); }",
            "XT0006",
        ),
        ("callback: closure", "let n = 0; let f = || { n += 1; }; loop { f.call(); }", "XT0006"),
        (
            "callback: nested",
            "let a = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]; let f = |g, n| { if n > 0 { for x in a { g.call(g, n - 1); } } }; f.call(f, 12);",
            "XT0006",
        ),
        ("curry", "let f = |x, y| x; loop { f = f.curry(1); }", "XT0001"),
        ("1 GB string", "let s = \"x\"; loop { s += s; }", "XT0006"),
        ("1 GB padding", "let s = \"x\"; s.pad(1000000000, \"y\");", "XT0006"),
        ("1 GB blob", "let b = blob(1000000000);", "XT0006"),
        ("growing array", "let a = []; loop { a.push(\"x\"); }", "XT0006"),
        ("growing map", "let m = #{}; let n = 0; loop { n += 1; m[\"k\" + n] = n; }", "XT0006"),
        ("doubling array", "let a = [1]; loop { a = [a, a]; }", "XT0006"),
        ("array in array", "let a = []; loop { a = [a]; }", "XT0006"),
        ("map in array", "let a = #{}; loop { a = [#{ a: a }]; }", "XT0006"),
        ("closure in closure", "let f = || 1; loop { let g = f; f = || g; }", "XT0006"),
        (
            "many long strings",
            "let a = []; loop { let s = \"x\"; while s.len() < 100000 { s += s; } a.push(|| s); }",
            "XT0006",
        ),
        (
            "objects without end",
            "let a = []; loop { let h = Host(\"x\"); h.disks = [Disk(\"d\")]; a.push(h); }",
            "XT0006",
        ),
        (
            "long strings in objects",
            "let all = []; let n = 0; loop { n += 1; let s = \"x\" + n; while s.len() < 100000 { s += s; } all.push(Host(s)); }",
            "XT0006",
        ),
        (
            "many long strings, once more",
            "let a = []; loop { let s = \"x\"; while s.len() < 100000 { s += s; } a.push(|| s); }",
            "XT0006",
        ),
        ("one mistake for ever", "let h = Host(); loop { h.nmae = 1; }", "XT0006"),
        ("eval", "eval(\"loop { }\");", "XT0001"),
        ("sleep", "sleep(60);", "XT0005"),
        ("sleep with a fraction", "sleep(60.5);", "XT0005"),
        ("exit", "exit(1);", "XT0005"),
        ("clock", "timestamp();", "XT0005"),
        ("import of /etc/passwd", "import \"/etc/passwd\" as p;", "XT0007"),
        ("import of a parent", "import \"../../../../etc/passwd\" as p;", "XT0007"),
        ("import of a FIFO", "import \"./fifo\" as p;", "XT0007"),
        ("import of a folder", "import \"./folder\" as p;", "XT0007"),
        ("import of itself", "import \"./ts_hostile\" as p;", "XT0008"),
        ("recursion", "fn_deep(1);", "XT0005"),
    ];
    let mut all: Vec<_> = bodies.into_iter().map(|(name, body, code)| (name, suite(body), code)).collect();
    let repeat = |text: &str, times: usize| text.repeat(times);
    let texts = [
        (
            "thousands of unknown machines",
            suite(
                "let m = []; for n in 0..1000 { m.push(`${n}aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`); }\n    let ts = TestSuite(\"ts_hostile\"); ts.clusters = [\"cluster_base\"]; ts.machines = m; for n in 0..100 { ts.tests.push(TestCase(`c${n}`, #{ machines: m })); }\n return ts;",
            ),
            "XT1004",
        ),
        (
            "long texts everywhere",
            suite(
                "let s = \"#!\"; while s.len() < 30000 { s += s; }\n    let ts = TestSuite(\"ts_hostile\"); let c = TestCase(\"c\", #{ initialize: s, run: s, finalize: s }); for n in 0..500 { ts.tests.push(c); }\n return ts;",
            ),
            "XT1001",
        ),
        ("recursion", "fn deep(n) { deep(n + 1) }\nfn getTestSuite() { deep(0) }".to_owned(), "XT0006"),
        (
            "mutual recursion",
            "fn a() { b() }\nfn b() { a() }\nfn getTestSuite() { a() }".to_owned(),
            "XT0006",
        ),
        ("loop at top level", format!("loop {{ }}\n{}", suite("")), "XT0006"),
        (
            "10,000 brackets",
            suite(&format!("let x = {}1{};", repeat("(", 10_000), repeat(")", 10_000))),
            "XT0001",
        ),
        (
            "10,000 arrays",
            suite(&format!("let x = {}{};", repeat("[", 10_000), repeat("]", 10_000))),
            "XT0001",
        ),
        (
            "10,000 maps",
            suite(&format!("let x = {}1{};", repeat("#{a:", 10_000), repeat("}", 10_000))),
            "XT0001",
        ),
        ("10,000 blocks", suite(&format!("{}{}", repeat("{", 10_000), repeat("}", 10_000))), "XT0001"),
        ("10,000 ifs", suite(&repeat("if true {} else ", 10_000)), "XT0001"),
        ("10,000 minuses", suite(&format!("let x = {}1;", repeat("- ", 10_000))), "XT0001"),
        ("10,000 dots", suite(&format!("let x = #{{}}; x{};", repeat(".a", 10_000))), "XT0001"),
        (
            "10,000 holes",
            suite(&format!("let x = {}1{};", repeat("`${", 10_000), repeat("}`", 10_000))),
            "XT0001",
        ),
        ("10,000 closures", suite(&format!("let x = {}1;", repeat("|| ", 10_000))), "XT0001"),
        ("unclosed brackets", repeat("[", 200_000), "XT0001"),
        ("unclosed comments", repeat("/*", 100_000), "XT0003"),
        ("unclosed string", format!("let x = \"{}", repeat("x", 200_000)), "XT0001"),
        (
            "20,000 variables",
            suite(&(0..16_000).map(|n| format!("let v{n}=1;")).collect::<String>()),
            "XT0006",
        ),
        ("empty", String::new(), "XT0003"),
        ("blank", " \n\n".to_owned(), "XT0003"),
        ("huge", suite(&repeat("// a comment\n", 100_000)), "XT0002"),
    ];
    all.extend(texts);
    all
}

#[test]
fn hostile_definitions_are_diagnostics() {
    for (name, text, code) in hostile() {
        check(name, text.as_bytes(), code);
    }
    check("binary", &[0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe, 0x80], "XT0002");
    check("NUL bytes", &[0; 100], "XT0001");
    sparse();
    cycle();
    multiplied();
    assert!(peak_memory_kib() < MOST_MEMORY_KIB, "{} KiB of memory were in use", peak_memory_kib());
}

fn check(name: &str, text: &[u8], code: &str) {
    let repository = Repository::base();
    repository.write("suites/ts_hostile.rhai", text);
    fs::create_dir_all(repository.path().join("suites/folder.rhai")).expect("a folder");
    let fifo = repository.path().join("suites/fifo.rhai");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).expect("a FIFO");
    examine(name, &repository, "suites/ts_hostile.rhai", code);
}

fn examine(name: &str, repository: &Repository, file: &str, code: &str) {
    let (wall, start) = (Instant::now(), processor_time());
    let catalogue = repository.load();
    let (wall, took) = (wall.elapsed(), processor_time() - start);
    let findings: Vec<_> = catalogue.diagnostics.iter().filter(|finding| *finding.file == *file).collect();
    assert!(findings.iter().any(|finding| finding.code == code), "{name}: {code} is found: {findings:#?}");
    assert!(took < MOST_TIME, "{name} took {took:?}");
    assert!(!catalogue.suites["ts_base"].source.broken, "{name}: the other suite is loaded");
    println!("{name}: {took:?} ({wall:?} by the wall clock), {} MiB", peak_memory_kib() >> 10);
}

/// A file of 10 GB that takes no room.
fn sparse() {
    let repository = Repository::base();
    let file = fs::File::create(repository.path().join("suites/ts_hostile.rhai")).expect("a file");
    file.set_len(10 << 30).expect("long");
    examine("sparse file", &repository, "suites/ts_hostile.rhai", "XT0002");
}

/// A few lines that mean very many objects.
fn multiplied() {
    let repository = Repository::base();
    let text = r#"
fn getCluster() {
    let cluster = Cluster("cluster_hostile");
    let aliases = [];
    let disks = [];
    for n in 0..1000 {
        aliases.push(`a${n}`);
        disks.push(Disk(`d${n}`, "1G", `vd${n}`, `/d${n}`));
        cluster.addHost(Host(`h${n}`, "10.0.0.1"));
    }
    cluster.defaultHost.aliases = aliases;
    cluster.defaultHost.disks = disks;
    cluster.network.lbAlias = "lb";
    cluster.network.lbHosts = aliases;
    cluster
}
"#;
    repository.write("clusters/cluster_hostile.rhai", text);
    examine("multiplied objects", &repository, "clusters/cluster_hostile.rhai", "XT0013");
}

/// Modules that import each other, each in the middle of a function.
fn cycle() {
    let repository = Repository::base();
    repository
        .write("lib/a.rhai", "import \"/lib/b\" as b;")
        .write("lib/b.rhai", "import \"/lib/c\" as c;")
        .write("lib/c.rhai", "import \"/lib/a\" as a;")
        .write("suites/ts_hostile.rhai", format!("import \"/lib/a\" as a;\n{}", suite("")));
    examine("import cycle", &repository, "lib/c.rhai", "XT0008");
    let catalogue = repository.load();
    assert!(!catalogue.suites.contains_key("ts_hostile"));
    let finding = &catalogue.diagnostics[0];
    assert!(
        finding.message.contains("lib/a.rhai → lib/b.rhai → lib/c.rhai → lib/a.rhai"),
        "{}",
        finding.message
    );
}

/// Of this process.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("a clock").into()
}

/// The most memory that this process ever had.
fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let number = line.split_whitespace().nth(1).expect("a number");
    number.parse().expect("a number")
}
