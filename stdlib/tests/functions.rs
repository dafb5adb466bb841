//! `functions.sh` in a real bash: one table.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shell;

use std::path::Path;

use shell::run;

struct Case {
    script: &'static str,
    code: i32,
    /// Texts of the output in this order; `HH:MM:SS` stands for any time of day.
    output: &'static [&'static str],
    /// Texts that the output must not hold.
    not: &'static [&'static str],
}

const NOTHING: &[&str] = &[];

/// Scripts begin with two lines: `set -u` and the sourcing; so their own first line is line 3.
const CASES: &[Case] = &[
    Case { script: "true", code: 0, output: NOTHING, not: &["command ["] },
    Case {
        script: "echo one\nls /no/such\necho two",
        code: 2,
        output: &[
            "one\n",
            "/no/such",
            "command [ ls /no/such ] failed with error code 2 (script.sh, line 4)\n",
        ],
        not: &["two"],
    },
    Case {
        script: "inner() {\n  true\n  (exit 7)\n  echo on\n}\nouter() {\n  inner\n}\nouter\necho on",
        code: 7,
        output: &["command [ ( exit 7 ) ] failed with error code 7 (script.sh, line 5)\n"],
        not: &["on\n"],
    },
    Case {
        script: "(\n  false\n  echo on\n)\necho on",
        code: 1,
        output: &["command [ false ] failed with error code 1 (script.sh, line 4)\n"],
        not: &["on\n"],
    },
    Case {
        script: "x=$(echo captured; exit 5)\necho \"on $x\"",
        code: 5,
        output: &["failed with error code 5 (script.sh, line 3)\n"],
        not: &["on "],
    },
    Case {
        script: "exit_code_of() { return 9; }\nexit_code_of",
        code: 9,
        output: &["command [ return 9 ] failed with error code 9"],
        not: NOTHING,
    },
    Case {
        script: "false | cat\necho on",
        code: 1,
        output: &[
            "command [ … | cat ] failed with error code 1 (of the pipeline's commands: 1 0) (script.sh, line 3)\n",
        ],
        not: &["on\n"],
    },
    Case {
        script: "no_such_command\necho on",
        code: 127,
        output: &["error code 127 (script.sh, line 3)"],
        not: &["on\n"],
    },
    Case { script: "echo $unset\necho on", code: 1, output: &["unbound variable"], not: &["on\n"] },
    Case { script: "exit 4", code: 4, output: NOTHING, not: &["command ["] },
    Case { script: "kill -TERM $BASHPID", code: -15, output: NOTHING, not: &["command ["] },
    // Conditions may fail.
    Case {
        script: "if false; then :; fi\nfalse || echo or\n! true\nwhile false; do :; done\nfalse && true\necho on",
        code: 0,
        output: &["or\n", "on\n"],
        not: &["command ["],
    },
    // Standard error goes to standard output, in order.
    Case { script: "echo 1; echo 2 >&2; echo 3", code: 0, output: &["1\n2\n3\n"], not: NOTHING },
    // log
    Case {
        script: "log Initializing 'a  b' '%s'",
        code: 0,
        output: &["[HH:MM:SS] Initializing a  b %s\n"],
        not: NOTHING,
    },
    Case { script: "log", code: 0, output: &["[HH:MM:SS] \n"], not: NOTHING },
    // stamp
    Case {
        script: "stamp printf 'one\\ntwo %%s\\n'\nstamp bash -c 'echo err >&2'\nstamp true\necho on",
        code: 0,
        output: &["[HH:MM:SS] one\n[HH:MM:SS] two %s\n[HH:MM:SS] err\non\n"],
        not: NOTHING,
    },
    Case {
        script: "stamp bash -c 'echo words; exit 42'\necho on",
        code: 42,
        output: &[
            "[HH:MM:SS] words\ncommand [ stamp bash -c echo words; exit 42 ] failed with error code 42 (script.sh, line 3)\n",
        ],
        not: &["on\n"],
    },
    Case {
        script: "stamp false || echo code $?\nif stamp true; then echo yes; fi",
        code: 0,
        output: &["code 1\nyes\n"],
        not: &["command ["],
    },
    Case {
        script: "work() {\n  ls /no/such\n  echo on\n}\nstamp work",
        code: 2,
        output: &["command [ ls /no/such ] failed with error code 2 (script.sh, line 4)\n"],
        not: &["on\n"],
    },
    Case { script: "stamp printf 'no end'", code: 0, output: &["[HH:MM:SS] no end"], not: NOTHING },
    // The same where there is no perl.
    Case {
        script: "PATH=/no/such\nstamp echo -e 'a\\nb'\nstamp printf end",
        code: 0,
        output: &["[HH:MM:SS] a\n[HH:MM:SS] b\n[HH:MM:SS] end\n"],
        not: NOTHING,
    },
    // assert_fail
    Case {
        script: "assert_fail rm non_existent\necho on",
        code: 0,
        output: &["[HH:MM:SS] [ rm non_existent ] failed as expected, with error code 1.\non\n"],
        not: &["command ["],
    },
    Case {
        script: "assert_fail true\necho on",
        code: 1,
        output: &["[HH:MM:SS] [ true ] didn't fail.\n"],
        not: &["on\n"],
    },
    Case {
        script: "work() {\n  false\n  true\n}\nassert_fail work\necho on",
        code: 0,
        output: &["[ work ] failed as expected, with error code 1.\non\n"],
        not: &["command ["],
    },
    Case {
        script: "assert_fail false\nfalse",
        code: 1,
        output: &["command [ false ] failed with error code 1 (script.sh, line 4)\n"],
        not: NOTHING,
    },
    // wait_for
    Case {
        script: "n=0\nready() {\n  n=$((n + 1))\n  echo \"$n\" >> count\n  [[ $(wc -l < count) -ge 3 ]]\n}\nrm -f count\nwait_for 20 ready\nwc -l < count",
        code: 0,
        output: &["3\n"],
        not: &["command ["],
    },
    Case {
        script: "wait_for 0 bash -c 'echo still not; exit 6'\necho on",
        code: 6,
        output: &[
            "still not\n[HH:MM:SS] [ bash -c echo still not; exit 6 ] did not succeed within 0 s (error code 6).\n",
            "command [ wait_for 0 bash -c echo still not; exit 6 ] failed with error code 6 (script.sh, line 3)\n",
        ],
        not: &["on\n"],
    },
    Case {
        script: "wait_for 1 sleep 100\necho on",
        code: 124,
        output: &["did not succeed within 1 s"],
        not: &["on\n"],
    },
    Case {
        script: "wait_for soon true",
        code: 2,
        output: &["'soon' is not a number of seconds"],
        not: NOTHING,
    },
    Case { script: "wait_for 0 false || echo code $?", code: 0, output: &["code 1\n"], not: &["command ["] },
    // expect_reboot: what it does on a machine is tested with the agent.
    Case {
        script: "expect_reboot true\necho on",
        code: 1,
        output: &[
            "[HH:MM:SS] expect_reboot: only a script that xrdtest runs can announce a boot\n",
            "command [ expect_reboot true ] failed with error code 1 (script.sh, line 3)\n",
        ],
        not: &["on\n"],
    },
    Case {
        script: "XRDTEST_AGENT=echo\nexpect_reboot\nexpect_reboot bash -c 'exit 7'\necho on",
        code: 7,
        output: &[
            "[HH:MM:SS] The boot of this machine is announced.\n",
            "command [ expect_reboot bash -c exit 7 ] failed with error code 7 (script.sh, line 5)\n",
        ],
        not: &["on\n"],
    },
    // run
    Case {
        script: "run echo quiet\nrun bash -c 'echo words; exit 42'\necho on",
        code: 42,
        output: &[
            "words\ncommand [ run bash -c echo words; exit 42 ] failed with error code 42 (script.sh, line 4)\n",
        ],
        not: &["quiet", "on\n"],
    },
    Case {
        script: "work() {\n  echo one >&2\n  false\n  echo two\n}\nrun work\necho on",
        code: 1,
        output: &[
            "one\ncommand [ false ] failed with error code 1 (script.sh, line 5)\n",
            "command [ run work ] failed with error code 1 (script.sh, line 8)\n",
        ],
        not: &["two", "on\n"],
    },
    Case {
        script: "run head -c 300000 /dev/zero\nrun no_such_command || echo code $?",
        code: 0,
        output: &["no_such_command: command not found\ncode 127\n"],
        not: &["command ["],
    },
    Case {
        script: "mktemp() { return 1; }\nrun echo shown\nrun bash -c 'exit 3' || echo code $?",
        code: 0,
        output: &["shown\ncode 3\n"],
        not: NOTHING,
    },
    // What ends a script that takes too long sends TERM to all its processes.
    Case {
        script: "run bash -c \"echo hanging; kill -TERM $$ \\$\\$; sleep 100\"\necho on",
        code: -15,
        output: &["hanging\n"],
        not: &["on\n"],
    },
    Case {
        script: "trap 'echo mine; exit 9' TERM\nrun kill -TERM $$\necho on",
        code: 9,
        output: &["mine\n"],
        not: &["on\n"],
    },
    // role
    Case {
        script: "XRDTEST_MACHINE=ds1.xrd.test\nXRDTEST_ALIASES='multi.xrd.test other'\n\
                 role ds1 && echo short\nrole ds1.xrd.test && echo full\nrole 'ds*' && echo pattern\n\
                 role multi && echo alias\nrole client1 other && echo several\nif role ds; then echo no; fi\n\
                 role ds11 || echo another\n! role 'client*'\necho on",
        code: 0,
        output: &["short\nfull\npattern\nalias\nseveral\nanother\non\n"],
        not: &["command [", "no\n"],
    },
    Case {
        script: "XRDTEST_MACHINE=ds1.xrd.test\necho before\nrole client1 && echo no",
        code: 0,
        output: &["before\n"],
        not: &["command [", "no\n"],
    },
    Case {
        script: "XRDTEST_MACHINE=ds1.xrd.test\nrole client1 && echo no\nexit 1",
        code: 1,
        output: NOTHING,
        not: NOTHING,
    },
    Case {
        script: "XRDTEST_MACHINE=ds1.xrd.test\nrole ds1 && false\necho on",
        code: 1,
        output: &["command [ false ] failed with error code 1 (script.sh, line 4)\n"],
        not: &["on\n"],
    },
    Case {
        script: "XRDTEST_MACHINE=ds1.xrd.test\nrole client1\necho on",
        code: 1,
        output: &["command [ role client1 ] failed with error code 1 (script.sh, line 4)\n"],
        not: &["on\n"],
    },
    Case {
        script: "trap 'echo mine' EXIT\nsource \"$FUNCTIONS\"\nXRDTEST_MACHINE=ds1.xrd.test\nrole client1 && echo no",
        code: 1,
        output: &["mine\n"],
        not: &["no\n"],
    },
    Case {
        script: "role ds1\necho on",
        code: 2,
        output: &["role: only a script that xrdtest runs has a role."],
        not: &["on\n"],
    },
    // artifact, metric, fetch: what they do on a machine is tested with the agent, fetch with a server below.
    Case {
        script: "artifact /tmp/x\necho on",
        code: 1,
        output: &[
            "[HH:MM:SS] artifact: only a script that xrdtest runs can do that.\n",
            "command [ artifact /tmp/x ] failed with error code 1 (script.sh, line 3)\n",
        ],
        not: &["on\n"],
    },
    Case { script: "artifact", code: 2, output: &["artifact: give it the path of a file."], not: NOTHING },
    Case {
        script: "agent() { echo \"xrdtest-slave: $*\"; return 2; }\nXRDTEST_AGENT=agent\n\
                 artifact 'a b' -c || echo code $?\nmetric rate -3 MB/s || echo code $?\nmetric rate 3\necho on",
        code: 1,
        output: &[
            "[HH:MM:SS] artifact: keep -- a b -c\ncode 1\n",
            "[HH:MM:SS] metric: measure -- rate -3 MB/s\ncode 1\n",
            "command [ metric rate 3 ] failed with error code 1 (script.sh, line 7)\n",
        ],
        not: &["on\n"],
    },
    Case {
        script: "XRDTEST_AGENT=true\nartifact x\nmetric rate 3 MB/s\necho on\nmetric rate",
        code: 2,
        output: &["on\n", "metric: give it a name, a number and perhaps a unit."],
        not: NOTHING,
    },
    Case {
        script: "fetch clusters/x.cfg || echo code $?\nfetch",
        code: 2,
        output: &[
            "fetch: this machine has no way to the run's repository",
            "code 1\n",
            "fetch: give it the path",
        ],
        not: NOTHING,
    },
    // Sourced twice, as by a helper that sources it too.
    Case {
        script: "source \"$FUNCTIONS\"\nstamp false",
        code: 1,
        output: &["command [ stamp false ] failed with error code 1 (script.sh, line 4)\n"],
        not: NOTHING,
    },
];

#[test]
fn table() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("functions-{}", std::process::id()));
    for (index, case) in CASES.iter().enumerate() {
        let text = format!("set -u\nsource \"$FUNCTIONS\"\n{}\n", case.script);
        let (code, output) = run("bash", &base.join(index.to_string()), &text);
        assert_eq!(code, case.code, "{}\n--- output:\n{output}", case.script);
        let mut rest = output.as_str();
        for expected in case.output {
            let at = rest.find(expected);
            assert!(at.is_some(), "{}\n--- expected: {expected:?}\n--- output:\n{output}", case.script);
            rest = &rest[at.unwrap() + expected.len()..];
        }
        for unexpected in case.not {
            assert!(
                !output.contains(unexpected),
                "{}\n--- not expected: {unexpected:?}\n--- output:\n{output}",
                case.script
            );
        }
    }
    std::fs::remove_dir_all(base).unwrap();
}

#[test]
fn another_shell_is_told_what_is_wrong() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("functions-sh-{}", std::process::id()));
    if Path::new("/usr/bin/dash").exists() {
        let (code, output) = run("dash", &folder, ". \"$FUNCTIONS\"\necho on\n");
        assert_eq!(
            (code, output.as_str()),
            (2, "functions.sh needs bash: let the script begin with #!/bin/bash\n")
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
