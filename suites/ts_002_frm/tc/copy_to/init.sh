#!/bin/bash
# The client waits until the cluster is complete and makes the file that it is going to send.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

# Both managers must know all four data servers.
cluster_is_complete() {
    test "$(xrdfs frm1.xrd.test locate '*' | wc -l)" -eq 4 && test "$(xrdfs frm2.xrd.test locate '*' | wc -l)" -eq 4
}

case $me in
client*)
    wait_for 60 cluster_is_complete
    stamp xrdfs frm1.xrd.test locate -h '*'
    head -c @size@ /dev/urandom > /tmp/copy_to
    stamp ls -l /tmp/copy_to
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
