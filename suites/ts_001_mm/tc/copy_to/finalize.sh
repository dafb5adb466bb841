#!/bin/bash
# The data server that the cluster names as the file's place looks at it on its disk and removes it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    place=$(xrdfs metamanager1.xrd.test locate -d -h /data/copy_to)
    case $place in
    "$me":*)
        stamp ls -l /data/copy_to
        test "$(stat -L -c %s /data/copy_to)" -eq $((100 * 1024 * 1024))
        xrdfs "$me" rm /data/copy_to
        ;;
    *)
        log "Nothing to look at on $me, the file is on $place"
        ;;
    esac
    ;;
client*)
    rm /tmp/copy_to
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
