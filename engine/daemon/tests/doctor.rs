//! `xrdtest-engine doctor`: each check is made to fail by the real thing.
#![expect(clippy::unwrap_used, reason = "test helpers are not marked as tests")]

use std::fs;
use std::io::{Read, Seek, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

/// A configuration with everything below a temporary folder.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(more: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(place.path("definitions/suites")).unwrap();
        let repository = format!("[[repository]]\npath = '{}'\n", place.path("definitions").display());
        place.configure(&format!("listen = '127.0.0.1:0'\n{more}\n{repository}"));
        place
    }

    fn configure(&self, more: &str) {
        let at = |name| self.path(name).display().to_string();
        let config = format!(
            "state = '{}'\nsocket = '{}'\nlog = '{}'\n{more}\n",
            at("state"),
            at("engine.sock"),
            at("engine.log")
        );
        fs::write(self.path("engine.toml"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xrdtest-engine"));
        command.arg("--config").arg(self.path("engine.toml")).args(arguments).stdin(Stdio::null());
        command
    }

    fn background(&self) {
        let started = self.command(&["--background"]).output().unwrap();
        assert!(started.status.success(), "{started:?}");
    }

    fn stop(&self) {
        assert!(self.command(&["stop"]).output().unwrap().status.success());
    }

    /// An engine was here: its authority and its store are.
    fn used(more: &str) -> Self {
        let place = Self::new(more);
        place.background();
        place.stop();
        place
    }

    fn doctor(&self, path: Option<&str>) -> (i32, Value) {
        let mut command = self.command(&["doctor", "--format", "json"]);
        if let Some(path) = path {
            command.env("PATH", path);
        }
        let output = command.output().unwrap();
        let document = serde_json::from_slice(&output.stdout);
        (output.status.code().unwrap(), document.unwrap())
    }

    /// That a check finds something of a grade, in these words (what and why together), and that the exit code says so.
    fn finds(&self, check: &str, grade: &str, words: &str) {
        self.finds_with(None, check, grade, words);
    }

    fn finds_with(&self, path: Option<&str>, check: &str, grade: &str, words: &str) {
        let (code, document) = self.doctor(path);
        let found = document["findings"].as_array().unwrap().iter().any(|finding| {
            let text = format!("{} {}", finding["what"].as_str().unwrap(), finding["why"].as_str().unwrap());
            finding["check"] == check && finding["grade"] == grade && text.contains(words)
        });
        assert!(found, "{check} {grade}: {words}: {document:#}");
        let problem = document["healthy"] == false;
        assert_eq!(code, i32::from(problem));
        assert!(problem || grade != "problem");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Only where a test has failed there is something to be stopped.
        let _ = self.command(&["stop"]).output();
    }
}

#[test]
fn nothing_is_wrong_with_and_without_an_engine() {
    let place = Place::new("");
    place.finds("engine", "ok", "no engine runs");
    place.finds("certificates", "ok", "the first start makes one");
    assert!(!place.path("state").exists(), "it changes nothing");
    place.background();
    let (code, document) = place.doctor(None);
    assert_eq!((code, &document["healthy"]), (0, &Value::Bool(true)), "{document:#}");
    place.finds("engine", "ok", "it runs");
    place.finds("ports", "ok", "the engine answers there");
    place.finds("store", "ok", "it holds together");
    place.finds("repositories", "ok", "0 suites, 0 clusters; looked at last on");
    place.finds("hypervisors", "warning", "none was ever in contact");
    place.stop();
}

#[test]
fn a_configuration_that_is_none() {
    let place = Place::new("unheard_of = 1");
    place.finds("configuration", "problem", "unknown field `unheard_of`");
    fs::remove_file(place.path("engine.toml")).unwrap();
    place.finds("configuration", "problem", "No such file");
}

#[test]
fn an_engine_that_does_not_answer() {
    let place = Place::new("");
    place.background();
    fs::remove_file(place.path("engine.sock")).unwrap();
    place.finds("engine", "problem", "runs and can't be asked");
    place.stop();
}

#[test]
fn secrets_that_others_may_read() {
    let place = Place::used("");
    let key = place.path("state/ca/ca-key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    place.finds("secrets", "problem", "others may use it (mode 0644)");
    let place = Place::new("[web]\nlisten = '127.0.0.1:0'\ncertificate = '/nowhere/c'\nkey = '/nowhere/k'");
    place.finds("secrets", "problem", "web.key names it");
    place.finds("certificates", "problem", "No such file");
}

#[test]
fn an_authority_that_is_gone_torn_or_over() {
    let place = Place::used("");
    let (certificate, key) = (place.path("state/ca/ca.pem"), place.path("state/ca/ca-key.pem"));
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    place.finds("certificates", "problem", "ca-key.pem is missing");
    fs::write(&key, &kept[..100]).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    place.finds("certificates", "problem", "can't be used");
    let private = rcgen::KeyPair::generate().unwrap();
    for (year, grade, words) in
        [(2001, "problem", "ended on 2001-01-01"), (4000, "ok", "is good until 4000-01-01")]
    {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        fs::write(&certificate, params.self_signed(&private).unwrap().pem()).unwrap();
        fs::write(&key, private.serialize_pem()).unwrap();
        place.finds("certificates", grade, words);
    }
    fs::remove_dir_all(place.path("state/ca")).unwrap();
    place.finds("certificates", "problem", "is gone");
}

#[test]
fn ports_that_others_have() {
    let (udp, tcp) = (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let place = Place::new("");
    let (agents, dashboard) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    place.configure(&format!("listen = '{agents}'\n[web]\nlisten = '{dashboard}'"));
    let (_, document) = place.doctor(None);
    let taken = |finding: &&Value| finding["check"] == "ports" && finding["what"] == "another program has it";
    assert_eq!(document["findings"].as_array().unwrap().iter().filter(taken).count(), 2, "{document:#}");
    place.configure("listen = '203.0.113.7:20000'");
    place.finds("ports", "problem", "no address of this machine");
    // The engine was started before the dashboard was configured elsewhere.
    let place = Place::new("");
    place.background();
    drop(tcp);
    place.configure(&format!("listen = '127.0.0.1:0'\n[web]\nlisten = '{dashboard}'"));
    place.finds("ports", "problem", "does not answer there");
    place.stop();
}

#[test]
fn a_store_that_is_newer_foreign_or_torn() {
    let place = Place::used("");
    let path = place.path("state/store.sqlite");
    let whole = fs::read(&path).unwrap();
    let change = |at: u64, bytes: &[u8]| {
        fs::write(&path, &whole).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(std::io::SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    };
    // Where SQLite keeps user_version, application_id, and the first table's page.
    for (at, bytes, words) in [
        (60, &999_u32.to_be_bytes()[..], "was written by a newer xrdtest (its layout is number 999"),
        (68, &7_u32.to_be_bytes()[..], "the database of another program"),
        (4096, &[7; 4096][..], "malformed"),
        (0, &[0; 100][..], "can't"),
    ] {
        change(at, bytes);
        place.finds("store", "problem", words);
    }
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    place.finds("store", "problem", "");
}

#[test]
fn a_disk_that_is_small() {
    let place = Place::new("[limits]\noutput = '1000000G'");
    place.finds("disk", "warning", "the output of one stage on one machine may have");
    let place = Place::new("[retention]\nevidence_bytes = 1000000000000000000");
    place.finds("disk", "warning", "retention.evidence_bytes");
    let place = Place::new("[reports]\nfolder = '/nowhere/at/all'");
    place.finds("disk", "warning", "it is not there");
}

#[test]
fn repositories_that_are_not_there() {
    let place = Place::new("");
    place.configure("listen = '127.0.0.1:0'");
    place.finds("repositories", "warning", "none is configured");
    place.configure("listen = '127.0.0.1:0'\n[[repository]]\npath = '/nowhere/at/all'");
    place.finds("repositories", "problem", "No such file");
    let git = place.path("git");
    let made = Command::new("git").args(["init", "--quiet", "--bare"]).arg(&git).status().unwrap();
    assert!(made.success());
    let url = format!("file://{}", git.display());
    place.configure(&format!("listen = '127.0.0.1:0'\n[[repository]]\nurl = '{url}'\nbranch = 'nightly'"));
    place.finds("repositories", "problem", "has no branch `nightly`");
    place.finds_with(Some("/nowhere"), "tools", "problem", "needed for git remotes");
    // As a running engine says it.
    place.background();
    while !fs::read_to_string(place.path("engine.log")).unwrap().contains("the repository can't be had") {
        std::thread::yield_now();
    }
    place.finds("repositories", "problem", "branch `nightly` is not there");
    place.stop();
    fs::remove_dir_all(git).unwrap();
    place.finds("repositories", "problem", "there is no repository at");
}

#[test]
fn a_mail_server_that_does_not_take_mail() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let config = format!("[mail]\nfrom = 'x@example.org'\nsmtp = '{address}'\n");
    let place = Place::new(&config);
    let plain = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        stream.write_all(b"220 here\r\n").unwrap();
        let mut said = [0; 512];
        let length = stream.read(&mut said).unwrap();
        assert!(said[..length].starts_with(b"EHLO "));
        stream.write_all(b"250 here\r\n").unwrap();
        let _ = stream.read(&mut said);
        // Nobody listens from here on.
    });
    place.finds("mail", "problem", "offers no STARTTLS");
    plain.join().unwrap();
    place.finds("mail", "problem", "can't be reached");
    let place = Place::new("[mail]\nfrom = 'x@example.org'\nsendmail = '/nowhere/sendmail'");
    place.finds("mail", "problem", "/nowhere/sendmail can't be started");
}

#[test]
fn what_the_engine_does_not_start_with() {
    let place = Place::new("socket_group = 'nosuchgroup'\n");
    place.finds("configuration", "problem", "there is no group `nosuchgroup`");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let place = Place::new(&format!("[reports]\nfolder = '{}'\nformats = ['junit']\n", file.display()));
    place.finds("configuration", "problem", "it is no folder");
    let names = vec!["localhost".to_owned()];
    let [mine, other] =
        [names.clone(), names].map(|names| rcgen::generate_simple_self_signed(names).unwrap());
    let (certificate, key) = (folder.path().join("web.pem"), folder.path().join("web.key"));
    fs::write(&certificate, mine.cert.pem()).unwrap();
    let config = format!("[web]\ncertificate = '{}'\nkey = '{}'\n", certificate.display(), key.display());
    fs::write(&key, other.signing_key.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let place = Place::new(&config);
    place.finds("certificates", "problem", "certificate");
    fs::write(&key, mine.signing_key.serialize_pem()).unwrap();
    place.finds("certificates", "ok", "");
}

#[test]
fn a_webhook_whose_server_is_not_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config =
        format!("[[webhooks]]\nname = 'ci'\nurl = 'http://{address}/hook'\nsecret = 'of the hook'\n");
    let place = Place::new(&config);
    place.finds("webhook", "ok", "can be reached");
    drop(listener);
    place.finds("webhook", "problem", "can't be reached");
}

#[test]
fn a_clock_that_is_behind() {
    let place = Place::new("");
    let tomorrow = SystemTime::now() + Duration::from_secs(24 * 3600);
    fs::File::open(place.path("engine.toml")).unwrap().set_modified(tomorrow).unwrap();
    place.finds("clock", "problem", "engine.toml was on");
}

#[test]
fn programs_that_are_missing() {
    let place = Place::new("[scripts]\nhosts = ['example.org']");
    place.finds_with(Some("/nowhere"), "tools", "problem", "it is needed for scripts by http(s)");
    place.finds("tools", "ok", "for scripts by http(s)");
}
