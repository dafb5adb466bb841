#!/bin/bash
# The client sends a file over TLS and fetches it again, by both names that the server's certificate has.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
export X509_USER_PROXY=/tmp/proxy

case $me in
client*)
    head -c 5M /dev/urandom > /tmp/copy
    stamp xrdcp --nopbar /tmp/copy roots://ds1.xrd.test//data/copy
    stamp xrdcp --nopbar roots://data.xrd.test//data/copy /tmp/copy.back
    cmp /tmp/copy /tmp/copy.back
    log "It came back as it went"
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
