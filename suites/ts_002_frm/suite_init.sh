#!/bin/bash
# Starts this machine's daemons and waits for them, and for no others: the cases wait for the cluster as a whole.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
cluster=@proto@://master.xrd.test:@port@/downloadScript/clusters/cluster_002_frm

# -b: into the background; the command returns when the daemon is initialized, and fails if it could not be.
# -I v4: the networks of clusters have no IPv6.
start() {
    log "Starting $1"
    "$1" -b -I v4 -R xrootd -n "$me" -c /etc/xrootd/xrootd.cfg -l "/var/log/xrootd/$1.log" && return
    tail -n 5 "/var/log/xrootd/$me/$1.log"
    rm -f "/run/xrootd/$me/$1.pid"
    exit 1
}

curl -sSf -o /etc/xrootd/client.conf "$cluster/client.conf"

case $me in
client*)
    log "Nothing to start on $me"
    exit 0
    ;;
esac

@diskmounts@
install -d -o xrootd -g xrootd /data /run/xrootd "/run/xrootd/$me"
curl -sSf -o /etc/xrootd/xrootd.cfg "$cluster/xrootd.cfg"
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
