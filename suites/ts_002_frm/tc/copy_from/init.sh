#!/bin/bash
# The tape system gets a file that no data server has; the client waits until the cluster is complete.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

# Both managers must know all four data servers.
cluster_is_complete() {
    test "$(xrdfs frm1.xrd.test locate '*' | wc -l)" -eq 4 && test "$(xrdfs frm2.xrd.test locate '*' | wc -l)" -eq 4
}

case $me in
client*)
    wait_for 60 cluster_is_complete
    log "All data servers are there"
    ;;
tape*)
    head -c @size@ /dev/urandom > /data/copy_from
    chown xrootd:xrootd /data/copy_from
    stamp ls -l /data/copy_from
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
