#!/bin/bash
# The client sends the file to the meta manager's address, compares the checksums and asks where the file went.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Copying 100 MB through the meta manager"
    begin=$EPOCHREALTIME
    stamp xrdcp --nopbar --force /tmp/copy_to root://metamanager1.xrd.test//data/copy_to
    took=$((${EPOCHREALTIME/./} - ${begin/./}))
    metric copy_to.rate $((100 * 1024 * 1024 / took)) MB/s    # bytes per microsecond

    sent="md5 $(md5sum < /tmp/copy_to | cut -d ' ' -f 1)"
    stored=$(xrdfs metamanager1.xrd.test query checksum /data/copy_to)
    log "Sent $sent, stored $stored"
    test "$stored" = "$sent"

    stamp xrdfs metamanager1.xrd.test locate -d -h /data/copy_to

    xrdfs metamanager1.xrd.test query stats a > /tmp/statistics.xml
    artifact /tmp/statistics.xml
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
