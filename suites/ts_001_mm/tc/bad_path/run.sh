#!/bin/bash
# What the client asks for here must be refused.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
cluster=root://metamanager1.xrd.test

case $me in
client*)
    log "A file that does not exist"
    assert_fail xrdcp --nopbar "$cluster//data/no_such_file" /tmp/bad_path

    log "A path outside the exported ones, to read and to write"
    assert_fail xrdcp --nopbar "$cluster//etc/hostname" /tmp/bad_path
    assert_fail xrdcp --nopbar /etc/hostname "$cluster//etc/bad_path"

    log "A new file where writing is not allowed, in the cluster and on a data server"
    assert_fail xrdcp --nopbar /etc/hostname "$cluster//data/readonly/bad_path"
    assert_fail xrdcp --nopbar /etc/hostname root://ds1.xrd.test//data/readonly/bad_path

    assert_fail test -e /tmp/bad_path
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
