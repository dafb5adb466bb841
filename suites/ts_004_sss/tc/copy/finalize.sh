#!/bin/bash
# The server says as whom each client came in.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    stamp ls -l /data
    stamp grep ' login as ' "/var/log/xrootd/$me/xrootd.log"
    ;;
client*)
    rm -f /tmp/copy /tmp/copy.back
    ;;
esac
