#!/bin/bash
# The data server that fetched the file looks at it; then the files of the case are removed.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    place=$(xrdfs frm1.xrd.test locate -h /data/copy_from)
    case $place in
    "$me":*)
        stamp ls -l /data/copy_from
        test "$(stat -c %s /data/copy_from)" -eq $((100 * 1024 * 1024))
        xrdfs "$me" rm /data/copy_from
        ;;
    *)
        log "Nothing to look at on $me, the file is on $place"
        ;;
    esac
    ;;
tape*)
    xrdfs "$me" rm /data/copy_from
    ;;
client*)
    rm -f /tmp/copy_from
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
