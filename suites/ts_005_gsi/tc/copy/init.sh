#!/bin/bash
# The client waits for the server.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
export X509_USER_PROXY=/tmp/proxy

case $me in
client*)
    wait_for 30 xrdfs roots://ds1.xrd.test query config role
    ;;
*)
    log "Nothing to prepare on $me"
    ;;
esac
