//! Scripts in a real shell.

use std::path::{Path, PathBuf};
use std::process::Command;

fn functions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("shell/functions.sh")
}

/// Runs a script; answers its exit code, or minus a signal's number, and its output.
pub(crate) fn run(shell: &str, folder: &Path, text: &str) -> (i32, String) {
    use std::os::unix::process::ExitStatusExt;
    std::fs::create_dir_all(folder).unwrap();
    let script = folder.join("script.sh");
    std::fs::write(&script, text).unwrap();
    let output =
        Command::new(shell).arg(&script).current_dir(folder).env("FUNCTIONS", functions()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{text}");
    let code = output.status.code().unwrap_or_else(|| -output.status.signal().unwrap());
    (code, without_times(&String::from_utf8_lossy(&output.stdout)))
}

/// Times of day in brackets become `[HH:MM:SS]`.
fn without_times(text: &str) -> String {
    let mut parts = text.split('[');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digit = |at: usize| part.as_bytes().get(at).is_some_and(u8::is_ascii_digit);
        let is_time = [0, 1, 3, 4, 6, 7].into_iter().all(digit) && part.as_bytes().get(8) == Some(&b']');
        result.push('[');
        result.push_str(&if is_time { format!("HH:MM:SS{}", &part[8..]) } else { part.to_owned() });
    }
    result
}
