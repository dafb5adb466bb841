#!/bin/bash
# The data server that got the file and the tape system look at it on their disks and remove it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds* | tape*)
    if [ -e /data/copy_to ]; then
        stamp ls -l /data/copy_to
        test "$(stat -c %s /data/copy_to)" -eq "$(numfmt --from=iec @size@)"
        xrdfs "$me" rm /data/copy_to
    else
        log "Nothing to look at on $me: the file is not here"
    fi
    ;;
client*)
    rm -f /tmp/copy_to
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
