#!/bin/bash
# The client waits until both data servers are there, and makes the file that it is going to send.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

cluster_is_complete() {
    test "$(xrdfs manager1.xrd.test locate -d '*' | wc -l)" -eq 2
}

case $me in
client*)
    wait_for 90 cluster_is_complete
    stamp xrdfs manager1.xrd.test locate -d -h '*'
    head -c 20M /dev/urandom > /tmp/copy
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
