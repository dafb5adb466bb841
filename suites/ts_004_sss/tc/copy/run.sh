#!/bin/bash
# Both clients show the key: each sends a file, fetches it again and compares the two.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
# Where xrdcp finds its key; without this it is ~/.xrd/sss.keytab.
export XrdSecSSSKT=/etc/xrootd/sss.keytab

case $me in
client*)
    head -c 5M /dev/urandom > /tmp/copy
    stamp xrdcp --nopbar /tmp/copy "root://ds1.xrd.test//data/$me"
    stamp xrdcp --nopbar "root://ds1.xrd.test//data/$me" /tmp/copy.back
    cmp /tmp/copy /tmp/copy.back
    log "It came back as it went"
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
