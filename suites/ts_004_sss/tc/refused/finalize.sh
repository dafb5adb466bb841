#!/bin/bash
# Nothing of what was refused may have reached the server.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    assert_fail test -e /data/refused
    stamp ls -l /data
    ;;
client*)
    rm -f /tmp/allowed /tmp/other.keytab
    ;;
esac
