#!/bin/bash
# The data server that the cluster names as the file's place and the tape system look at it and remove it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

look_and_remove() {
    stamp ls -l /data/copy_to
    test "$(stat -c %s /data/copy_to)" -eq $((100 * 1024 * 1024))
    xrdfs "$me" rm /data/copy_to
}

case $me in
ds*)
    place=$(xrdfs frm2.xrd.test locate -h /data/copy_to)
    case $place in
    "$me":*)
        look_and_remove
        ;;
    *)
        log "Nothing to look at on $me, the file is on $place"
        ;;
    esac
    ;;
tape*)
    look_and_remove
    ;;
client*)
    rm -f /tmp/copy_to
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
