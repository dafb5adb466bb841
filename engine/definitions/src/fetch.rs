//! Scripts by http(s), fetched by the program `curl`, which knows proxies and certificates of the machine.

use std::io::{self, Read};
use std::process::{Command, Stdio};

use xrdtest_model::size::human_bytes;

use crate::script::{SCRIPT_BYTES, ScriptProblem};

/// Seconds that a script may take.
const SECONDS: &str = "30";

/// Fetches a script of at most so many bytes, and no larger than scripts may be. Redirects are not followed: they could
/// lead to a host that is not allowed.
pub(crate) fn fetch(url: &str, most: u64) -> Result<String, ScriptProblem> {
    let failed = |why: String| ScriptProblem::Fetch { url: url.to_owned(), why };
    let mut curl = Command::new("curl")
        // First, so that no configuration file of the user is read.
        .arg("--disable")
        .args(["--silent", "--show-error", "--fail", "--location", "--max-redirs", "0", "--globoff"])
        .args(["--proto", "=http,https", "--max-time", SECONDS, "--url", url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("the program `curl` (Debian package curl) can't be run: {error}")))?;
    let mut text = Vec::new();
    let read = match curl.stdout.take() {
        Some(stdout) => stdout.take(most.min(SCRIPT_BYTES) + 1).read_to_end(&mut text),
        None => Err(io::Error::other("it has no output")),
    };
    // Where the script is too large nobody reads on, which ends the program.
    let output = curl.wait_with_output().map_err(|error| failed(error.to_string()))?;
    read.map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > most.min(SCRIPT_BYTES) {
        return Err(failed(if most < SCRIPT_BYTES {
            format!("it is larger than {} (key limits.fetched_file)", human_bytes(most))
        } else {
            format!("it is larger than {} KiB", SCRIPT_BYTES / 1024)
        }));
    }
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    String::from_utf8(text).map_err(|_| failed("it is not UTF-8 text".to_owned()))
}
