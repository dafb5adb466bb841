#!/bin/bash
# The client asks for a file that is on tape only: a data server has to fetch it first.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Copying @size@ through frm2"
    stamp xrdcp --nopbar --force root://frm2.xrd.test//data/copy_from /tmp/copy_from

    on_tape=$(xrdfs tape1.xrd.test query checksum /data/copy_from)
    received="md5 $(md5sum < /tmp/copy_from | cut -d ' ' -f 1)"
    log "On tape $on_tape, received $received"
    test "$received" = "$on_tape"

    log "Now a data server has the file, and both managers know which one"
    wait_for 30 xrdfs frm1.xrd.test locate /data/copy_from
    place=$(xrdfs frm1.xrd.test locate -h /data/copy_from)
    log "$place"
    test "$(xrdfs frm2.xrd.test locate -h /data/copy_from)" = "$place"
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
