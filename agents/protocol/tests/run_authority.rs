//! The certificate authority of a run, against requests of all kinds, with openssl as the other side.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType};
use xrdtest_protocol::authority::Authority;
use xrdtest_protocol::message::Hello;
use xrdtest_protocol::run_authority::{MachineNames, RequestError, RunAuthority};
use xrdtest_protocol::server::{Listener, ListenerConfig, greet};
use xrdtest_protocol::version::NEWEST;
use xrdtest_protocol::{Credentials, Identity, client};

const HOUR: Duration = Duration::from_secs(3600);

fn names() -> MachineNames {
    MachineNames {
        hosts: ["ds1.xrd.test", "ds1", "multiip.xrd.test"].map(str::to_owned).to_vec(),
        addresses: vec![IpAddr::from([192, 168, 127, 6])],
    }
}

fn authority(folder: &Path) -> RunAuthority {
    RunAuthority::open_or_create(&folder.join("ca.pem"), "20261122-102156-ts_001_mm-1fb2", HOUR).unwrap()
}

/// The words of openssl, where it is content.
fn openssl(folder: &Path, words: &str) -> String {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert!(output.status.success(), "openssl {words}: {said}");
    said
}

/// A request made by openssl, with these further words.
fn request(folder: &Path, words: &str) -> String {
    openssl(folder, &format!("req -new -nodes -keyout key.pem -out request.pem {words}"));
    std::fs::read_to_string(folder.join("request.pem")).unwrap()
}

const RSA: &str = "-newkey rsa:2048";
const EC: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";

#[test]
fn certificates_are_good_for_openssl() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = authority(path);
    std::fs::write(path.join("trusted.pem"), authority.certificate()).unwrap();
    for (words, subject, alternatives) in [
        (format!("{RSA} -subj /CN=ds1.xrd.test"), "ds1.xrd.test", "DNS:ds1.xrd.test"),
        (format!("{EC} -subj /"), "ds1.xrd.test", "DNS:ds1.xrd.test"),
        (
            format!(
                "{EC} -subj /CN=DS1 -addext subjectAltName=DNS:multiip.xrd.test,IP:192.168.127.6,DNS:ds1"
            ),
            "ds1",
            "DNS:ds1, DNS:multiip.xrd.test, IP Address:192.168.127.6",
        ),
        // What it wants to be is no matter: it is not.
        (
            format!("{RSA} -subj /CN=ds1 -addext basicConstraints=CA:TRUE -addext keyUsage=keyCertSign"),
            "ds1",
            "DNS:ds1",
        ),
    ] {
        let certificate = authority.sign(&request(path, &words), &names()).unwrap();
        std::fs::write(path.join("certificate.pem"), certificate).unwrap();
        for purpose in ["sslserver", "sslclient"] {
            openssl(
                path,
                &format!("verify -x509_strict -purpose {purpose} -CAfile trusted.pem certificate.pem"),
            );
        }
        let text = openssl(path, "x509 -in certificate.pem -noout -text");
        for part in [
            &format!("Subject: CN = {subject}\n"),
            &format!("{alternatives}\n"),
            "Issuer: O = xrdtest CA of a run, CN = 20261122-102156-ts_001_mm-1fb2\n",
            "CA:FALSE\n",
            "Digital Signature, Key Encipherment\n",
            "TLS Web Server Authentication, TLS Web Client Authentication\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("CA:TRUE") && !text.contains("Certificate Sign"), "{text}");
        // It ends with its authority, not later.
        let end = |file: &str| openssl(path, &format!("x509 -in {file} -noout -enddate"));
        assert_eq!(end("certificate.pem"), end("trusted.pem"));
        openssl(path, "x509 -in certificate.pem -noout -checkend 3000");
        let later = Command::new("openssl")
            .args(["x509", "-in", "certificate.pem", "-noout", "-checkend", "4000"])
            .current_dir(path)
            .output()
            .unwrap();
        assert!(!later.status.success());
    }
}

#[test]
fn names_of_others_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, refused) =
        (folder.path(), "is not this machine's; ds1.xrd.test may ask for ds1.xrd.test, ds1, ");
    let authority = authority(path);
    for (words, says) in [
        ("-subj /CN=ds2.xrd.test", &format!("`ds2.xrd.test` in CN {refused}")[..]),
        ("-subj /CN=*.xrd.test", "`*.xrd.test` in CN"),
        ("-subj /CN=root", "`root` in CN"),
        ("-subj /O=CERN/CN=ds1.xrd.test", "more than a CN: `CERN`"),
        ("-subj /CN=ds1.xrd.test/CN=ds1", "two CNs"),
        (
            "-subj /CN=ds1.xrd.test -addext subjectAltName=DNS:ds1,DNS:ds2.xrd.test",
            "`ds2.xrd.test` in subjectAltName",
        ),
        (
            "-subj /CN=ds1 -addext subjectAltName=IP:192.168.127.7",
            "the address 192.168.127.7 in subjectAltName",
        ),
        ("-subj /CN=ds1 -addext subjectAltName=IP:::1", "the address ::1 in subjectAltName"),
        ("-subj /CN=ds1 -addext subjectAltName=URI:xrdtest:engine", "only names and addresses"),
        ("-subj /CN=ds1 -addext subjectAltName=email:root@ds1", "only names and addresses"),
    ] {
        match authority.sign(&request(path, &format!("{EC} {words}")), &names()) {
            Err(RequestError::NotYours(why)) => assert!(why.contains(says), "{words}: {why}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[test]
fn what_is_no_request_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let authority = authority(path);
    let good = request(path, &format!("{EC} -subj /CN=ds1"));
    let key = std::fs::read_to_string(path.join("key.pem")).unwrap();
    // One character of the signature is another one.
    let end = good.rfind("\n-----END").unwrap() - 10;
    let other = if good.as_bytes()[end] == b'A' { "B" } else { "A" };
    let forged = format!("{}{other}{}", &good[..end], &good[end + 1..]);
    let cut = format!("{}\n-----END CERTIFICATE REQUEST-----\n", &good[..good.len() / 2]);
    let extension = request(path, &format!("{EC} -subj /CN=ds1 -addext nsComment=hello"));
    for (text, says) in [
        ("", "no certificate signing request"),
        ("nonsense", "no certificate signing request"),
        (&key, "no certificate signing request"),
        (authority.certificate(), "no certificate signing request"),
        (&cut, "no certificate signing request"),
        (&forged, "signature is wrong"),
        (&extension, "leave all out but subjectAltName"),
    ] {
        match authority.sign(text, &names()) {
            Err(RequestError::Malformed(why)) => assert!(why.contains(says), "{text}: {why}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    authority.sign(&good, &names()).unwrap();
}

#[test]
fn it_is_kept_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let first = authority(folder.path());
    let file = folder.path().join("ca.pem");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(authority(folder.path()).certificate(), first.certificate());
    assert!(!first.certificate().contains("KEY"), "{}", first.certificate());
    std::fs::write(&file, "torn").unwrap();
    assert!(RunAuthority::open_or_create(&file, "r", HOUR).is_err());
}

#[tokio::test]
async fn no_engine_takes_a_machine_for_an_agent() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Authority::new().unwrap();
    let own = engine.issue(&Identity::Engine).unwrap();
    let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into(), &own, &ListenerConfig::default()).unwrap();
    let address = listener.local_addr().unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["ds1".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "ds1.xrd.test");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let authority = authority(folder.path());
    let certificate = authority.sign(&request, &names()).unwrap();
    let credentials = Credentials { certificate, key: key.serialize_pem(), ca: own.ca.clone() };
    let hello = || Hello::Slave {
        versions: (1, NEWEST),
        software: "test".to_owned(),
        boot_id: "b".to_owned(),
        known: Vec::new(),
    };
    type Session = client::SlaveSession;
    let (connected, greeted) = tokio::join!(
        async { client::connect(address, &credentials, hello).await.map(|_: Session| ()) },
        async { greet(listener.accept().await.unwrap()).await.map(|_| ()) }
    );
    assert!(connected.is_err() && greeted.is_err(), "{connected:?} {greeted:?}");
    // The name that agents have in their certificates can't be had either.
    params.subject_alt_names = vec![SanType::URI("xrdtest:hypervisor/h1".try_into().unwrap())];
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    assert!(matches!(authority.sign(&request, &names()), Err(RequestError::NotYours(_))));
}
