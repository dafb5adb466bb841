#!/bin/bash
# Nothing of what was refused may have reached a data server.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    assert_fail test -e /etc/bad_path
    assert_fail test -e /data/readonly/bad_path
    ;;
*)
    log "Nothing to look at on $me"
    ;;
esac
