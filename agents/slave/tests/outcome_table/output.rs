//! What scripts write.

use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case("no_output", "#!/bin/bash\ntrue\n").is(b""),
    case("no_line_end", "#!/bin/bash\nprintf 'no end'\n").is(b"no end"),
    case(
        "standard_error_in_order",
        "#!/bin/bash\necho 1\necho 2 >&2\necho 3\nls /no/such 2>/dev/null\necho 4 >&2\n",
    )
    .is(b"1\n2\n3\n4\n"),
    case("binary", "#!/bin/bash\nprintf '\\x00\\xff\\xfe\\x80\\r\\n\\x1b[31m'\n")
        .is(b"\x00\xff\xfe\x80\r\n\x1b[31m"),
    case("megabytes_100", "#!/bin/bash\nhead -c 104857600 /dev/zero\n").only(100 << 20, 0),
    case("endless_line", "#!/bin/bash\nhead -c 20000000 /dev/zero | tr '\\0' x\n").only(20_000_000, b'x'),
    case(
        "over_the_limit",
        "#!/bin/bash\nprintf 'begin '\nhead -c 5000 /dev/zero | tr '\\0' x\nprintf ' end'\n",
    )
    .keeps(1000)
    .holds(&["begin xxx", "\n[… 4010 bytes left out by xrdtest: limit 1000 B …]\nxxx", "xxx end"]),
    case("closed_standard_output", "#!/bin/bash\nexec >&-\necho lost\nexit 4\n")
        .fails(4)
        .holds(&["write error: Bad file descriptor"]),
    case("closed_both_long_before_the_end", "#!/bin/bash\nexec >&- 2>&-\nsleep 0.5\nexit 5\n")
        .fails(5)
        .is(b""),
    case("many_writers", "#!/bin/bash\nfor i in {1..50}; do echo \"line $i\" & done | sort -u | wc -l\n")
        .is(b"50\n"),
];
