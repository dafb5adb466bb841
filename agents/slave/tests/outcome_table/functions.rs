//! The shell functions, as scripts meet them on a machine. Their own table is with the standard library.

use super::{Case, case};

pub(super) const CASES: &[Case] = &[
    case(
        "functions_end_at_the_first_failure",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\necho one\nls /no/such\necho two\n",
    )
    .fails(2)
    .holds(&["one\n", "/no/such", "command [ ls /no/such ] failed with error code 2 (", ", line 4)\n"]),
    case(
        "assert_fail_of_a_failure",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\nassert_fail rm non_existent\necho on\n",
    )
    .holds(&["failed as expected", "on\n"]),
    case(
        "assert_fail_of_a_success",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\nassert_fail true\necho on\n",
    )
    .fails(1)
    .holds(&["[ true ] didn't fail.\n"]),
    case(
        "stamp_keeps_the_code",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\nstamp bash -c 'echo words; exit 42'\n",
    )
    .fails(42)
    .holds(&["] words\n", "command [ stamp bash -c echo words; exit 42 ] failed with error code 42"]),
    case(
        "log_and_stamp",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\nlog hello\nstamp echo there\n",
    )
    .holds(&["] hello\n", "] there\n"]),
    case(
        "wait_for_gives_up",
        "#!/bin/bash\nsource /etc/XrdTest/utils/functions.sh\nwait_for 0 ls /no/such\n",
    )
    .fails(2)
    .holds(&["/no/such", "did not succeed within 0 s"]),
];
