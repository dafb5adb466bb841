#!/bin/bash
# Without a certificate, and with one of another CA, the client does not get in; and it does not believe a server whose
# certificate has another name.
source /etc/XrdTest/utils/functions.sh

me=@slavename@

case $me in
client*)
    log "Without a certificate"
    unset X509_USER_PROXY
    assert_fail xrdcp --nopbar roots://ds1.xrd.test//data/copy /tmp/refused

    log "With the same name by another CA"
    run openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj "/CN=other CA" \
        -keyout /tmp/other-ca.key -out /tmp/other-ca.pem
    run openssl req -new -newkey rsa:2048 -nodes -keyout /tmp/other.key -subj "/CN=$me" -out /tmp/other.csr
    run openssl x509 -req -in /tmp/other.csr -days 1 -set_serial 2 -out /tmp/other.pem \
        -CA /tmp/other-ca.pem -CAkey /tmp/other-ca.key
    (umask 077 && cat /tmp/other.pem /tmp/other.key > /tmp/other)
    export X509_USER_PROXY=/tmp/other
    assert_fail xrdcp --nopbar roots://ds1.xrd.test//data/copy /tmp/refused

    log "A server by a name that is not in its certificate"
    export X509_USER_PROXY=/tmp/proxy
    echo "192.168.130.3 elsewhere.xrd.test" >> /etc/hosts
    assert_fail xrdcp --nopbar roots://elsewhere.xrd.test//data/copy /tmp/refused

    log "A name that is another machine's"
    run openssl req -new -newkey rsa:2048 -nodes -keyout /tmp/ds1.key -subj /CN=ds1.xrd.test -out /tmp/ds1.csr
    assert_fail get_signed_certificate /tmp/ds1.csr /tmp/ds1.pem

    assert_fail test -e /tmp/refused
    assert_fail test -e /tmp/ds1.pem

    log "With the certificate of the run"
    stamp xrdcp --nopbar roots://ds1.xrd.test//data/copy /tmp/allowed
    ;;
*)
    log "Nothing to run on $me"
    ;;
esac
