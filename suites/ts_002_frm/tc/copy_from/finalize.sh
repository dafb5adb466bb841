#!/bin/bash
# The data server that fetched the file and the tape system look at it on their disks and remove it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds* | tape*)
    if [ -e /data/copy_from ]; then
        stamp ls -l /data/copy_from
        test "$(stat -c %s /data/copy_from)" -eq "$(numfmt --from=iec @size@)"
        xrdfs "$me" rm /data/copy_from
    else
        log "Nothing to look at on $me: the file is not here"
    fi
    ;;
client*)
    rm -f /tmp/copy_from
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
