#!/bin/bash
# The client asks the meta manager for the file, which only one of the data servers has, and compares the checksums.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    # An answer that comes after the meta manager gave up the question counts when it is asked again.
    wait_for 30 xrdfs metamanager1.xrd.test locate -d /data/copy_from
    place=$(xrdfs metamanager1.xrd.test locate -d -h /data/copy_from)
    log "The file is on $place"
    [[ $place == ds3.xrd.test:* ]]

    log "Copying 100 MB through the meta manager"
    stamp xrdcp --nopbar --force root://metamanager1.xrd.test//data/copy_from /tmp/copy_from

    stored=$(xrdfs metamanager1.xrd.test query checksum /data/copy_from)
    received="md5 $(md5sum < /tmp/copy_from | cut -d ' ' -f 1)"
    log "Stored $stored, received $received"
    test "$received" = "$stored"

    log "One of the data servers answers under their common name"
    test "$(xrdfs lb.xrd.test query config role)" = server
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
