//! `fetch` of `functions.sh`, and what gets certificates and keys, against a real server, by each program that it may use.
#![expect(clippy::unwrap_used, reason = "tests")]

mod shell;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;

use shell::run;

/// Answers requests one after the other: a path that ends in `big` with 300,000 bytes of all values, the second request
/// for one that ends in `late` and the third for `broken` with a word, everything else with 404.
fn serve() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut failed = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let request = lines.next().unwrap().unwrap();
            let path = request.split(' ').nth(1).unwrap().to_owned();
            let mut sent = 0;
            for line in &mut lines {
                let line = line.unwrap().to_ascii_lowercase();
                if let Some(length) = line.strip_prefix("content-length:") {
                    sent = length.trim().parse().unwrap();
                }
                if line.is_empty() {
                    break;
                }
            }
            // What was sent comes back.
            let sent: Vec<u8> = lines
                .by_ref()
                .take(usize::from(sent > 0))
                .flat_map(|line| line.unwrap().into_bytes())
                .collect();
            let is = |end: &str| path == format!("/downloadScript/{end}");
            let (status, length, body) = match failed {
                _ if is("a%20b/%C3%A4%25big") => ("200 OK", 300_000, big()),
                0 if is("late") => ("503 Service Unavailable", 5, b"away\n".to_vec()),
                0 | 1 if is("broken") => ("200 OK", 10, b"wor".to_vec()),
                _ if is("late") || is("broken") => ("200 OK", 5, b"word\n".to_vec()),
                _ if path == "/getTrustedCACertificate" => ("200 OK", 2, b"CA".to_vec()),
                _ if path == "/getSSSKeytable" => ("200 OK", 3, b"key".to_vec()),
                _ if sent == b"mine" => ("200 OK", 4, sent),
                _ if !sent.is_empty() => ("403 Forbidden", 9, b"not yours".to_vec()),
                _ => ("404 Not Found", 8, b"no such\n".to_vec()),
            };
            failed = if is("late") || is("broken") { failed + 1 } else { 0 };
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Type: text/plain\r\n\
                 Connection: close\r\n\r\n"
            )
            .unwrap();
            stream.write_all(&body).unwrap();
        }
    });
    address
}

fn big() -> Vec<u8> {
    (0..300_000_u32).map(|number| number.to_le_bytes()[usize::from(number % 3 == 1)]).collect()
}

/// A folder with these programs and no others.
fn programs(folder: &Path, more: &[&str]) -> Option<String> {
    std::fs::create_dir_all(folder).unwrap();
    let needed = ["bash", "cat", "head", "mv", "rm", "sed", "sleep", "stat", "tail", "wc"];
    for name in needed.iter().chain(more) {
        let program = ["/usr/bin", "/bin"].map(|base| Path::new(base).join(name));
        let program = program.into_iter().find(|program| program.exists())?;
        std::os::unix::fs::symlink(program, folder.join(name)).unwrap();
    }
    Some(folder.to_string_lossy().into_owned())
}

#[test]
fn files_are_fetched_by_what_the_machine_has() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("functions-fetch-{}", std::process::id()));
    for (name, programs_of_it) in [("curl", &["curl"][..]), ("wget", &["wget"]), ("bash", &[])] {
        let folder = base.join(name);
        let Some(path) = programs(&folder.join("bin"), programs_of_it) else { continue };
        let server = serve();
        let text = format!(
            "set -u\nsource \"$FUNCTIONS\"\nPATH={path}\nXRDTEST_FILES={server}\n_xrdtest_patience=10\n\
             fetch 'a b/ä%big'\nfetch late .\nfetch broken b\nfetch late /no/such/folder || echo code $?\n\
             _xrdtest_patience=0\nXRDTEST_FILES=http://127.0.0.1:1 fetch x || echo code $?\nfetch none c\n"
        );
        let (code, output) = run("bash", &folder, &text);
        let refusal = if name == "wget" { "the engine refuses it" } else { "no such" };
        let expected = format!(
            "[HH:MM:SS] fetch: /no/such/folder can't be written.\ncode 1\n\
             [HH:MM:SS] fetch: x can't be had: http://127.0.0.1:1 does not answer.\ncode 1\n\
             [HH:MM:SS] fetch: none can't be had: {refusal} (status 404).\n\
             command [ fetch none c ] failed with error code 1 (script.sh, line 12)\n"
        );
        assert_eq!((code, output), (1, expected), "{name}");
        assert!(std::fs::read(folder.join("ä%big")).unwrap() == big(), "{name}");
        for file in ["late", "b"] {
            assert_eq!(std::fs::read_to_string(folder.join(file)).unwrap(), "word\n", "{name}");
        }
        assert!(!folder.join("c").exists() && !folder.join("x").exists(), "{name}");
        let left = std::fs::read_dir(&folder).unwrap().flatten();
        let left: Vec<_> =
            left.filter(|entry| entry.file_name().to_string_lossy().contains("fetching")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
    std::fs::remove_dir_all(base).unwrap();
}

#[test]
fn certificates_and_keys_are_fetched_by_what_the_machine_has() {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("functions-keys-{}", std::process::id()));
    for (name, programs_of_it) in [("curl", &["curl"][..]), ("wget", &["wget"]), ("bash", &[])] {
        let folder = base.join(name);
        let Some(path) = programs(&folder.join("bin"), programs_of_it) else { continue };
        let server = serve();
        let text = format!(
            "set -u\nsource \"$FUNCTIONS\"\nPATH={path}\numask 022\nget_sss_keytable k || echo code $?\n\
             XRDTEST_FILES={server}\n_xrdtest_patience=10\necho mine > mine.csr\necho other > other.csr\n\
             get_ca_certificate ca\nget_signed_certificate mine.csr c\nget_sss_keytable k\nstat -c '%n %a' ca k\n\
             get_ca_certificate || echo code $?\nget_signed_certificate none.csr c || echo code $?\n\
             get_ca_certificate /no/such/folder || echo code $?\n\
             get_signed_certificate other.csr c\necho on\n"
        );
        let (code, output) = run("bash", &folder, &text);
        let refusal = if name == "wget" { "the engine refuses it" } else { "not yours" };
        let expected = format!(
            "[HH:MM:SS] get_sss_keytable: this machine has no way to the engine: a physical machine, or not run by \
             xrdtest.\ncode 1\nca 644\nk 600\n\
             [HH:MM:SS] get_ca_certificate: give it the file to be written.\ncode 2\n\
             [HH:MM:SS] get_signed_certificate: none.csr can't be read.\ncode 1\n\
             [HH:MM:SS] get_ca_certificate: /no/such/folder can't be written.\ncode 1\n\
             [HH:MM:SS] get_signed_certificate: a certificate for other.csr can't be had: {refusal} (status 403).\n\
             command [ get_signed_certificate other.csr c ] failed with error code 1 (script.sh, line 17)\n"
        );
        assert_eq!((code, output), (1, expected), "{name}");
        for (file, content) in [("ca", "CA"), ("c", "mine"), ("k", "key")] {
            assert_eq!(std::fs::read_to_string(folder.join(file)).unwrap(), content, "{name}");
        }
    }
    std::fs::remove_dir_all(base).unwrap();
}
