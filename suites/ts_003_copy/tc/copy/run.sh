#!/bin/bash
# The client sends the file to the manager's address, fetches it from there, and compares the two.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Copying 20 MB through the manager, there and back"
    stamp xrdcp --nopbar --force /tmp/copy root://manager1.xrd.test//data/copy
    stamp xrdfs manager1.xrd.test locate -d -h /data/copy
    stamp xrdcp --nopbar --force root://manager1.xrd.test//data/copy /tmp/copy.back
    cmp /tmp/copy /tmp/copy.back
    log "It came back as it went"
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
