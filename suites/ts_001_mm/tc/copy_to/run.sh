#!/bin/bash
# The client sends the file to the meta manager's address, compares the checksums and asks where the file went.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Copying 100 MB through the meta manager"
    stamp xrdcp --nopbar --force /tmp/copy_to root://metamanager1.xrd.test//data/copy_to

    sent="md5 $(md5sum < /tmp/copy_to | cut -d ' ' -f 1)"
    stored=$(xrdfs metamanager1.xrd.test query checksum /data/copy_to)
    log "Sent $sent, stored $stored"
    test "$stored" = "$sent"

    stamp xrdfs metamanager1.xrd.test locate -d -h /data/copy_to
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
