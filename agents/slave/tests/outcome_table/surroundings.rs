//! What scripts find around them.

use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("reads_standard_input", "#!/bin/bash\nread -r line\necho \"code $? [$line]\"\ncat\n")
        .is(b"code 1 []\n"),
    case("environment", "#!/bin/bash\ntr '\\0' '\\n' < /proc/$$/environ | sort | sed '/^XRDTEST/s/=.*//;/^XRDTEST_FILES/d'\n")
        .is(b"HOME=/root\nLANG=C.UTF-8\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n\
          XRDTEST_AGENT\nXRDTEST_ATTEMPT\nXRDTEST_CASE\nXRDTEST_MACHINE\nXRDTEST_RECORD\nXRDTEST_RUN\nXRDTEST_STAGE\nXRDTEST_SUITE\n"),
    case("environment_of_xrdtest", "#!/bin/bash\necho \"$XRDTEST_STAGE $XRDTEST_ATTEMPT\"\n").is(b"run 1\n"),
    case("user_and_mask", "#!/bin/bash\nid -u\numask\n").is(b"0\n0022\n"),
    // The last seven digits are the ordinary signals; what is in front belongs to the C library.
    case("signals", "#!/bin/sh\ngrep -E '^Sig(Blk|Ign)' /proc/self/status | grep -o '.......$'\n")
        .is(b"0000000\n0000000\n"),
    // Number 255 is bash's own.
    case("descriptors", "#!/bin/bash\nls /proc/$$/fd\n").is(b"0\n1\n2\n255\n"),
    case("session_of_its_own", "#!/bin/bash\n[ \"$(ps -o sid= -p $$)\" -ne \"$(ps -o sid= -p 1)\" ]\n"),
    case("process_group_of_its_own", "#!/bin/bash\n[ \"$(ps -o pgid= -p $$)\" -eq $$ ]\n"),
    case("working_directory_is_its_own", "#!/bin/bash\n[ \"$PWD\" != / ] && touch here && rm here\n"),
    case("working_directory_is_deleted", "#!/bin/bash\nrm -r \"$PWD\"\nls -A .\nexit 6\n").fails(6),
    case("another_interpreter", "#!/bin/sh\necho $0 | grep -c /\n").is(b"1\n"),
    case("arguments_on_the_first_line", "#!/usr/bin/env -S bash -e\nfalse\necho on\n").fails(1).is(b""),
    case(
        "tags",
        "#!/bin/bash\necho '@dataset@|@unknown@|user@host'\n[ '@slavename@' = \"$XRDTEST_MACHINE\" ]\n",
    )
    .tagged(&[("dataset", "/data/big"), ("slavename", "not this one")])
    .is(b"/data/big|@unknown@|user@host\n"),
    case("deletes_its_own_record", "#!/bin/bash\necho one\nrm -rf \"${0%/script/*}\"\necho two\n")
        .is(b"one\ntwo\n"),
];
