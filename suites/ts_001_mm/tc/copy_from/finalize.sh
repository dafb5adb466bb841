#!/bin/bash
# Removes the files of the case.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds3*)
    stamp ls -l /data/copy_from
    xrdfs "$me" rm /data/copy_from
    ;;
client*)
    rm -f /tmp/copy_from
    ;;
*)
    log "Nothing to clean up on $me"
    ;;
esac
