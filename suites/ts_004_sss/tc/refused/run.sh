#!/bin/bash
# Without the key, and with one that is not this run's, nothing can be read and nothing written.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
server=root://ds1.xrd.test

case $me in
client*)
    log "Without a key"
    export XrdSecSSSKT=/tmp/no_such_keytab
    assert_fail xrdcp --nopbar /etc/hostname "$server//data/refused"
    assert_fail xrdcp --nopbar "$server//data/$me" /tmp/refused

    log "With another key of the same name"
    export XrdSecSSSKT=/tmp/other.keytab
    run xrdsssadmin -u anybody -g usrgroup -k xrootdfs_key add "$XrdSecSSSKT" < <(echo y)
    assert_fail xrdcp --nopbar /etc/hostname "$server//data/refused"
    assert_fail xrdcp --nopbar "$server//data/$me" /tmp/refused
    assert_fail test -e /tmp/refused

    log "With the key of the run"
    export XrdSecSSSKT=/etc/xrootd/sss.keytab
    stamp xrdcp --nopbar "$server//data/$me" /tmp/allowed
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
