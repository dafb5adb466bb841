#!/bin/bash
# All machines believe the run's CA, and have a certificate of it; the server starts with it.
source /etc/XrdTest/utils/functions.sh

me=@slavename@
grid=/etc/grid-security

fetch clusters/cluster_005_gsi/client.conf /etc/xrootd/
install -d "$grid/certificates"
get_ca_certificate "$grid/certificates/run.pem"
# XRootD and OpenSSL look for a CA by the hash of its name.
run openssl rehash "$grid/certificates"

request() {
    run openssl req -new -newkey rsa:2048 -nodes -keyout "$grid/host.key" -subj "/CN=$me" -out "$grid/host.csr" "$@"
    get_signed_certificate "$grid/host.csr" "$grid/host.pem"
    stamp openssl verify -CApath "$grid/certificates" "$grid/host.pem"
}

case $me in
ds*)
    request -addext subjectAltName=DNS:data.xrd.test
    fetch clusters/cluster_005_gsi/xrootd.cfg /etc/xrootd/
    chown xrootd "$grid/host.key" "$grid/host.pem"
    install -d -o xrootd -g xrootd /run/xrootd /data
    cd /var/spool/xrootd || exit
    log "Starting xrootd"
    # -I v4: the networks of clusters have no IPv6.
    xrootd -b -I v4 -R xrootd -n "$me" -c /etc/xrootd/xrootd.cfg -l /var/log/xrootd/xrootd.log
    ;;
client*)
    request
    log "Making a proxy, which is what clients show"
    # As xrdgsiproxy does, which signs with SHA-1 in Debian 12: OpenSSL takes none such for TLS.
    run openssl req -new -newkey rsa:2048 -nodes -keyout /tmp/proxy.key -subj "/CN=$me/CN=1" -out /tmp/proxy.csr
    run openssl x509 -req -in /tmp/proxy.csr -sha256 -days 1 -set_serial 1 -out /tmp/proxy.pem \
        -CA "$grid/host.pem" -CAkey "$grid/host.key" -extfile <(
            echo 'keyUsage = critical, digitalSignature, keyEncipherment'
            echo 'proxyCertInfo = critical, language:id-ppl-inheritAll'
        )
    (umask 077 && cat /tmp/proxy.pem /tmp/proxy.key "$grid/host.pem" > /tmp/proxy)
    ;;
esac
