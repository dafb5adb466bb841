#!/bin/bash
# The client waits until the cluster is complete, so that what fails in this case does not fail for want of a server.
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
*)
    log "Nothing to prepare on $me"
    ;;
esac
