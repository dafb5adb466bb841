#!/bin/bash
# One data server makes a file on its disk; the client waits until the cluster is complete.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

# The meta manager asks its managers, and they know their data servers: all four must be there.
cluster_is_complete() {
    test "$(xrdfs metamanager1.xrd.test locate -d '*' | wc -l)" -eq 4
}

case $me in
client*)
    wait_for 60 cluster_is_complete
    log "All data servers are there"
    ;;
ds3*)
    head -c 100M /dev/urandom > /data/copy_from
    chown xrootd:xrootd /data/copy_from
    stamp ls -l /data/copy_from
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
