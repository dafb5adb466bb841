#!/bin/bash
# Stops the server.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    pidfile=/run/xrootd/$me/xrootd.pid
    if [ -e "$pidfile" ]; then
        pid=$(cat "$pidfile")
        log "Stopping xrootd, process $pid"
        kill "$pid"
        wait_for 10 test ! -e "/proc/$pid"
    fi
    ;;
*)
    log "Nothing to stop on $me"
    ;;
esac
