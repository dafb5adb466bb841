#!/bin/bash
# The data server that got the file looks at it on its disk.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    if [ -e /data/copy ]; then
        stamp ls -l /data/copy
        test "$(stat -c %s /data/copy)" -eq $((20 * 1024 * 1024))
        xrdfs "$me" rm /data/copy
    else
        log "Nothing to look at on $me: the file is on another server"
    fi
    ;;
client*)
    rm -f /tmp/copy /tmp/copy.back
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
