#!/bin/bash
# Starts this machine's daemons and waits for them, and for no others: the cases wait for the cluster as a whole.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

# -b: into the background; the command returns when the daemon is initialized, and fails if it could not be.
# -I v4: the networks of clusters have no IPv6.
start() {
    log "Starting $1"
    "$1" -b -I v4 -R xrootd -n "$me" -c /etc/xrootd/xrootd.cfg -l "/var/log/xrootd/$1.log" && return
    tail -n 5 "/var/log/xrootd/$me/$1.log"
    rm -f "/run/xrootd/$me/$1.pid"
    exit 1
}

fetch clusters/cluster_001_mm/client.conf /etc/xrootd/

if role 'client*'; then
    log "Nothing to start on $me"
    exit 0
fi
if role 'ds*'; then
    @diskmounts@
    install -d -o xrootd -g xrootd /data /disk*
fi

fetch clusters/cluster_001_mm/xrootd.cfg /etc/xrootd/
install -d -o xrootd -g xrootd /run/xrootd
cd /var/spool/xrootd || exit
start cmsd
start xrootd

wait_for 20 xrdfs "$me" query config role
log "Ready as $(xrdfs "$me" query config role)"
