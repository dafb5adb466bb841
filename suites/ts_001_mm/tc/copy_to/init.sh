#!/bin/bash
# The client waits until the cluster is complete and makes the file that it is going to send.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

# The meta manager asks its managers, and they know their data servers: all four must be there.
cluster_is_complete() {
    test "$(xrdfs metamanager1.xrd.test locate -d '*' | wc -l)" -eq 4
}

case $me in
client*)
    wait_for 60 cluster_is_complete
    stamp xrdfs metamanager1.xrd.test locate -d -h '*'
    head -c 100M /dev/urandom > /tmp/copy_to
    stamp ls -l /tmp/copy_to
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
