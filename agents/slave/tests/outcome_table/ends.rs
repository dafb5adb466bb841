//! How scripts end: by themselves, by signals, not at all, and those that never begin.

use super::{Case, case};

/// The kernel reads 255 bytes of the line. Whoever hands what it refuses to a shell runs the script all the same.
const TOO_LONG: &str = concat!(
    "#!/bin/sh",
    "////////////////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////////////////",
    "////////////////////////////////////////////////////////////////////////////////////////////////////",
    "sh\necho hello\n",
);

pub(super) const CASES: &[Case] = &[
    case("exit_0", "#!/bin/bash\nexit 0\n").is(b""),
    case("exit_1", "#!/bin/bash\nexit 1\n").fails(1),
    case("exit_3", "#!/bin/bash\necho three\nexit 3\n").fails(3).is(b"three\n"),
    case("exit_126", "#!/bin/bash\nexit 126\n").fails(126).is(b""),
    case("exit_127", "#!/bin/bash\nexit 127\n").fails(127).is(b""),
    case("exit_255", "#!/bin/bash\nexit 255\n").fails(255),
    case("exit_of_the_last_command", "#!/bin/bash\ntrue\nfalse\n").fails(1),
    case("exit_in_a_subshell", "#!/bin/bash\n(exit 3)\necho on\n").is(b"on\n"),
    case("exit_of_what_it_becomes", "#!/bin/bash\nexec sh -c 'exit 9'\n").fails(9),
    case("syntax_error", "#!/bin/bash\necho before\nif then\n").fails(2).holds(&["before", "syntax error"]),
    case("command_not_found", "#!/bin/bash\nno_such_command\n").fails(127).holds(&["no_such_command"]),
    case("missing_folder", "#!/bin/sh\nls /no/such/folder\n").fails(2).holds(&["/no/such/folder"]),
    // Scripts that can't be executed.
    case("no_hash_bang_line", "echo hello\n").cannot_be_executed(126, "it does not begin with a `#!` line"),
    case("empty_hash_bang_line", "#!\necho hello\n").cannot_be_executed(126, "names no interpreter"),
    case("interpreter_missing", "#!/no/such/shell\necho hello\n")
        .cannot_be_executed(127, "its interpreter `/no/such/shell` does not exist"),
    case("line_ends_of_windows", "#!/bin/bash\r\necho hello\r\n")
        .cannot_be_executed(127, "the file has the line ends of Windows"),
    case("interpreter_is_a_folder", "#!/etc\necho hello\n")
        .cannot_be_executed(126, "its interpreter `/etc` is a folder"),
    case("interpreter_not_executable", "#!/etc/passwd\necho hello\n")
        .cannot_be_executed(126, "its interpreter `/etc/passwd` is not executable"),
    case("interpreter_too_long", TOO_LONG).cannot_be_executed(126, "is not a program for this machine"),
    // Signals that the system did not send.
    case("signal_term", "#!/bin/bash\nkill -TERM $$\nsleep 100\n").killed(15, "signal 15 (SIGTERM)"),
    case("signal_kill", "#!/bin/bash\necho before\nkill -KILL $$\n")
        .killed(9, "signal 9 (SIGKILL)")
        .is(b"before\n"),
    case("signal_segv", "#!/bin/bash\nulimit -c 0\nkill -SEGV $$\n").killed(11, "signal 11 (SIGSEGV)"),
    case("signal_hup", "#!/bin/bash\nkill -HUP $$\n").killed(1, "signal 1 (SIGHUP)"),
    case("signal_int", "#!/bin/bash\nkill -INT $$\n").killed(2, "signal 2 (SIGINT)"),
    case("signal_pipe", "#!/bin/bash\nkill -PIPE $$\n").killed(13, "signal 13 (SIGPIPE)"),
    case("signal_of_a_child", "#!/bin/bash\nbash -c 'kill -KILL $$'\n").fails(137),
    // The time limit.
    case("too_long", "#!/bin/bash\necho begins\nsleep 100\n").times_out(15).is(b"begins\n"),
    case("too_long_and_exits_0", "#!/bin/bash\ntrap 'echo bye; exit 0' TERM\nwhile :; do sleep 0.1; done\n")
        .times_out(15)
        .exiting(0)
        .holds(&["bye\n"]),
    case(
        "too_long_and_ignores_term",
        "#!/bin/bash\ntrap '' TERM\necho begins\nwhile :; do sleep 0.1; done\n",
    )
    .times_out(9)
    .but_killed()
    .is(b"begins\n"),
    case("too_long_and_stopped", "#!/bin/bash\nkill -STOP $$\necho continued\n").times_out(15).is(b""),
    case(
        "too_long_with_children",
        "#!/bin/bash\nsleep 100 &\n(sleep 101; true) | (sleep 102; true) &\nwait\n",
    )
    .times_out(15),
    case("too_long_in_another_session", "#!/bin/bash\nsetsid -f sleep 100\nsetsid sleep 101 &\nwait\n")
        .times_out(15),
    case("too_long_with_orphans", "#!/bin/bash\n( ( sleep 100 & ) & )\nsleep 101\n").times_out(15),
    case("too_long_with_a_child_that_ignores_term", "#!/bin/bash\n(trap '' TERM; sleep 100) &\nsleep 101\n")
        .times_out(15)
        .but_killed(),
    case(
        "too_long_and_breeding",
        "#!/bin/bash\ntrap '' TERM\nfor _ in {1..20}; do (while :; do sleep 0.02; done) & done\nwait\n",
    )
    .times_out(9)
    .but_killed(),
    // Cancels.
    case("cancelled", "#!/bin/bash\necho ready\nsleep 100\n").cancelled_at("ready", 15).is(b"ready\n"),
    case(
        "cancelled_and_ignores_term",
        "#!/bin/bash\ntrap '' TERM\necho ready\nwhile :; do sleep 0.1; done\n",
    )
    .cancelled_at("ready", 9),
    case(
        "cancelled_and_exits_0",
        "#!/bin/bash\ntrap 'exit 0' TERM\necho ready\nwhile :; do sleep 0.1; done\n",
    )
    .cancelled_at("ready", 15)
    .exiting(0),
    // What scripts leave behind.
    case(
        "leaves_a_daemon",
        "#!/bin/bash\nsetsid sleep 300 </dev/null >/dev/null 2>&1 &\necho \"daemon $!\"\n",
    ),
    case("leaves_one_that_holds_the_output", "#!/bin/bash\nsleep 300 &\necho \"daemon $!\"\n")
        .leaves(&["sleep (pid "]),
    case(
        "fails_and_leaves_one_that_holds_the_output",
        "#!/bin/bash\nsetsid sleep 300 &\necho \"daemon $!\"\nexit 4\n",
    )
    .fails(4)
    .leaves(&["sleep (pid "]),
    case(
        "leaves_one_that_is_about_to_end",
        "#!/bin/bash\nexec > >(cat; echo last words)\necho first words\n",
    )
    .is(b"first words\nlast words\n"),
];
