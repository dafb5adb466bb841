#!/bin/bash
# All machines get the key of this run; the server starts with it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

fetch clusters/cluster_004_sss/client.conf /etc/xrootd/
get_sss_keytable /etc/xrootd/sss.keytab
stamp xrdsssadmin list /etc/xrootd/sss.keytab

case $me in
ds*)
    fetch clusters/cluster_004_sss/xrootd.cfg /etc/xrootd/
    # xrootd takes a key table only where nobody but its owner can read it.
    chown xrootd /etc/xrootd/sss.keytab
    install -d -o xrootd -g xrootd /run/xrootd /data
    cd /var/spool/xrootd || exit
    log "Starting xrootd"
    # -I v4: the networks of clusters have no IPv6.
    xrootd -b -I v4 -R xrootd -n "$me" -c /etc/xrootd/xrootd.cfg -l /var/log/xrootd/xrootd.log
    XrdSecSSSKT=/etc/xrootd/sss.keytab wait_for 20 xrdfs "$me" query config role
    ;;
client*)
    log "Nothing to start on $me"
    ;;
esac
