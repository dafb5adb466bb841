#!/bin/bash
# Stops the daemons that suite_init.sh started.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

if role 'client*'; then
    log "Nothing to stop on $me"
    exit 0
fi

for daemon in cmsd xrootd; do
    pidfile=/run/xrootd/$me/$daemon.pid
    if [ -e "$pidfile" ]; then
        pid=$(cat "$pidfile")
        log "Stopping $daemon, process $pid"
        kill "$pid"
        wait_for 10 test ! -e "/proc/$pid"
    fi
done
