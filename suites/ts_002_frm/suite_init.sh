#!/bin/bash
# Starts this machine's daemons and waits for them, and for no others: the cases wait for the cluster as a whole.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
url=@proto@://master.xrd.test:@port@/downloadScript/clusters/cluster_002_frm
config=/etc/xrootd/cluster_002_frm.cfg

# -b: into the background, but the command ends only when the daemon is initialized, and fails if it could not be.
start() {
    "$1" -b -I v4 -R xrootd -n "$me" -c "$config" -l "/var/log/xrootd/$1.log"
}

case $me in
client*)
    log "Nothing to start on $me"
    exit 0
    ;;
esac

log "Starting the daemons on $me"
@diskmounts@
install -d -o xrootd -g xrootd /data /run/xrootd "/run/xrootd/$me"
curl -sSf -o "$config" "$url/xrootd.cfg"
cd /var/spool/xrootd || exit

case $me in
frm*)
    start cmsd
    start xrootd
    ;;
ds*)
    # The daemon that moves files in and out has neither -R nor -I.
    runuser -u xrootd -- frm_xfrd -b -n "$me" -c "$config" -l /var/log/xrootd/frm_xfrd.log
    start cmsd
    start xrootd
    ;;
tape*)
    start xrootd
    ;;
esac

wait_for 20 xrdfs "$me" query config role
