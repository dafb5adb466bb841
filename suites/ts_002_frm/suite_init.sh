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

fetch clusters/cluster_002_frm/client.conf /etc/xrootd/

if role 'client*'; then
    log "Nothing to start on $me"
    exit 0
fi

@diskmounts@
install -d -o xrootd -g xrootd /data /run/xrootd "/run/xrootd/$me"
fetch clusters/cluster_002_frm/xrootd.cfg /etc/xrootd/
cd /var/spool/xrootd || exit

case $me in
frm*)
    start cmsd
    start xrootd
    ;;
ds*)
    log "Starting frm_xfrd"    # which has neither -R nor -I
    runuser -u xrootd -- frm_xfrd -b -n "$me" -c /etc/xrootd/xrootd.cfg -l /var/log/xrootd/frm_xfrd.log
    start cmsd
    start xrootd
    ;;
tape*)
    start xrootd
    ;;
esac

wait_for 20 xrdfs "$me" query config role
log "Ready as $(xrdfs "$me" query config role)"
