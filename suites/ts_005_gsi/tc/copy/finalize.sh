#!/bin/bash
# The server says that the client came over TLS, and by which certificate.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
ds*)
    stamp grep -E 'TLSv1\.[23] login as /CN=client1\.xrd\.test$' "/var/log/xrootd/$me/xrootd.log"
    ;;
client*)
    rm -f /tmp/copy /tmp/copy.back
    ;;
esac
