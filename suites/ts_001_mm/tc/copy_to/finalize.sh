#!/bin/bash
# The data server that got the file looks at it on its disk, and the cluster must name this server as its place.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    if [ -e /data/copy_to ]; then
        stamp ls -l /data/copy_to
        test "$(stat -L -c %s /data/copy_to)" -eq $((100 * 1024 * 1024))
        xrdfs metamanager1.xrd.test locate -d -h /data/copy_to | grep "^$me:"
        xrdfs "$me" rm /data/copy_to
    else
        log "Nothing to look at on $me: the file is on another server"
    fi
    ;;
client*)
    rm -f /tmp/copy_to
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
