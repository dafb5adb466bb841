//! Which names may be in a backup. Pure: whoever wrote the file is not believed.

use std::path::PathBuf;

use super::{CONFIG, HEAD, STATE, SUMS};

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Head,
    Config,
    Sums,
    /// Below the state folder.
    State(PathBuf),
}

/// What is kept of a state folder, by the first part of its path, but for the store. Nothing else is put there: a log of
/// the store, for one, would be played into it.
pub(super) const KEPT: [&str; 5] = ["ca", "web-secret", "quic-secret", "runs", "archive"];

/// What the entry of this name is; else why there can be none of that name.
pub(super) fn part(name: &[u8]) -> Result<Part, String> {
    let shown = || String::from_utf8_lossy(name).escape_debug().to_string();
    let text = std::str::from_utf8(name).map_err(|_| format!("`{}` is no name of UTF-8", shown()))?;
    match text {
        HEAD => return Ok(Part::Head),
        CONFIG => return Ok(Part::Config),
        SUMS => return Ok(Part::Sums),
        _ => {}
    }
    let path = text.strip_prefix(STATE).ok_or_else(|| format!("`{}` is not of a backup", shown()))?;
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\0', '\n']);
    if !path.split('/').all(plain) {
        return Err(format!("`{}` leads elsewhere", shown()));
    }
    let first = path.split('/').next().unwrap_or_default();
    if path == super::STORE || KEPT.contains(&first) {
        Ok(Part::State(PathBuf::from(path)))
    } else {
        Err(format!("`{}` is nothing that an engine keeps", shown()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_the_state_folder() {
        for (name, is) in [
            (&b"backup.json"[..], Ok(Part::Head)),
            (b"engine.toml", Ok(Part::Config)),
            (b"SHA256SUMS", Ok(Part::Sums)),
            (b"state/store.sqlite", Ok(Part::State("store.sqlite".into()))),
            (b"state/runs/r 1/outputs/00-x/h.log", Ok(Part::State("runs/r 1/outputs/00-x/h.log".into()))),
            (b"state/runs/../../etc/passwd", Err("leads elsewhere")),
            (b"state/../state/runs/x", Err("leads elsewhere")),
            (b"state//runs/x", Err("leads elsewhere")),
            (b"state/runs/./x", Err("leads elsewhere")),
            (b"state/runs/", Err("leads elsewhere")),
            (b"state/runs/a\nb", Err("leads elsewhere")),
            (b"/etc/passwd", Err("not of a backup")),
            (b"../x", Err("not of a backup")),
            (b"state", Err("not of a backup")),
            (b"state/store.sqlite-wal", Err("nothing that an engine keeps")),
            (b"state/store.sqlite/x", Err("nothing that an engine keeps")),
            (b"state/restoring/x", Err("nothing that an engine keeps")),
            (b"state/engine.lock", Err("nothing that an engine keeps")),
            (b"state/runs/\xff", Err("no name of UTF-8")),
        ] {
            match is {
                Ok(is) => assert_eq!(part(name), Ok(is)),
                Err(words) => assert!(part(name).unwrap_err().contains(words), "{name:?}"),
            }
        }
    }
}
