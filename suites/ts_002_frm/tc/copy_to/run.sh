#!/bin/bash
# The client sends the file through one manager, finds it through the other one, and waits until it is on tape.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Copying @size@ through frm1"
    stamp xrdcp --nopbar --force /tmp/copy_to root://frm1.xrd.test//data/copy_to

    sent="md5 $(md5sum < /tmp/copy_to | cut -d ' ' -f 1)"
    stored=$(xrdfs frm2.xrd.test query checksum /data/copy_to)
    log "Sent $sent, stored $stored"
    test "$stored" = "$sent"
    stamp xrdfs frm2.xrd.test locate -h /data/copy_to

    # Read back from there; while the file is being written the tape system refuses to.
    is_on_tape() {
        on_tape="md5 $(xrdcp --nopbar root://tape1.xrd.test//data/copy_to - 2> /dev/null | md5sum | cut -d ' ' -f 1)"
        test "$on_tape" = "$sent"
    }
    wait_for 60 is_on_tape
    log "The file is on tape"
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
