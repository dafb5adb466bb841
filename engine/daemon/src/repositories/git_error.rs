//! What git says, in our words. Pure.

use super::condition::Fault;
use super::config::Remote;
use xrdtest_model::size::human_bytes;
use xrdtest_model::time::human;

/// How git ended where it did not do what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It said why, and ended.
    ByItself,
    /// It took too long.
    TimedOut,
}

/// Characters of git's own words that are shown.
const SAID: usize = 300;

/// What each phrase of git and ssh means, the surest first.
const MEANINGS: [(&str, Meaning); 18] = [
    ("couldn't find remote ref", Meaning::NoBranch),
    ("REMOTE HOST IDENTIFICATION HAS CHANGED", Meaning::OtherHost),
    ("Host key verification failed", Meaning::OtherHost),
    ("Permission denied", Meaning::Refused),
    ("UNPROTECTED PRIVATE KEY", Meaning::Refused),
    ("Load key", Meaning::Refused),
    ("Authentication failed", Meaning::Refused),
    ("could not read Username", Meaning::Refused),
    ("could not read Password", Meaning::Refused),
    ("The requested URL returned error: 403", Meaning::Refused),
    ("died of signal 25", Meaning::TooLarge),
    ("File too large", Meaning::TooLarge),
    ("File size limit exceeded", Meaning::TooLarge),
    ("does not appear to be a git repository", Meaning::NotThere),
    ("not found", Meaning::NotThere),
    ("Could not read from remote repository", Meaning::Unreachable),
    ("unable to access", Meaning::Unreachable),
    ("early EOF", Meaning::Unreachable),
];

#[derive(Clone, Copy)]
enum Meaning {
    NoBranch,
    OtherHost,
    Refused,
    TooLarge,
    NotThere,
    Unreachable,
}

/// Why the remote's content can't be had.
pub(super) fn fault(remote: &Remote, branch: Option<&str>, ended: Ended, stderr: &str) -> Fault {
    let said = said(stderr);
    let with = |problem: String, help: &str| {
        let problem = if said.is_empty() { problem } else { format!("{problem}; git says: {said}") };
        Fault::new(problem, help)
    };
    if ended == Ended::TimedOut {
        let problem = format!("{} did not answer within {}", remote.url, human(remote.timeout));
        return with(problem, "see whether it can be reached; the limit is the key timeout");
    }
    let meaning = MEANINGS.iter().find(|(phrase, _)| stderr.contains(phrase)).map(|(_, meaning)| *meaning);
    match meaning {
        Some(Meaning::NoBranch) => with(
            format!("branch `{}` is not there", branch.unwrap_or("HEAD")),
            "bring the branch back, or name another with the key branch",
        ),
        Some(Meaning::OtherHost) => with(
            format!("the host of {} is not the one that is known", remote.url),
            "compare its key with the key known_hosts, or the file known_hosts in the engine's folder repositories",
        ),
        Some(Meaning::Refused) => with(
            format!("{} does not let the engine in", remote.url),
            "see whether the key or token may read there: key_file, ssh_agent, token_file",
        ),
        Some(Meaning::TooLarge) => with(
            format!("it is larger than {}", human_bytes(remote.size)),
            "keep large files elsewhere, or raise the key size",
        ),
        Some(Meaning::NotThere) => {
            with(format!("there is no repository at {}", remote.url), "correct the key url, or bring it back")
        }
        Some(Meaning::Unreachable) => with(
            format!("{} can't be reached", remote.url),
            "see whether the host is up and the address is right; the engine tries again",
        ),
        None => with(format!("git could not fetch {}", remote.url), "the engine tries again"),
    }
}

/// The line of git's words that says most, shortened.
fn said(stderr: &str) -> String {
    let lines = || stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let telling = |line: &&str| {
        line.starts_with("fatal:")
            || line.starts_with("error:")
            || line.contains("denied")
            || line.contains("failed")
    };
    let line = lines().find(telling).or_else(|| lines().next_back()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(SAID).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::repositories::{Place, RepositoryConfig};

    #[test]
    fn words_tell_what_to_do() {
        let config: RepositoryConfig =
            toml::from_str("url = 'ssh://git@host/x'\nbranch = 'main'\nsize = '1M'").unwrap();
        let Place::Remote(remote) = config.place else { unreachable!() };
        for (stderr, problem, help) in [
            (
                "fatal: couldn't find remote ref refs/heads/main",
                "branch `main` is not there; git says: fatal:",
                "branch",
            ),
            (
                "git@host: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
                "does not let the engine in; git says: git@host: Permission denied",
                "key_file",
            ),
            (
                "Host key verification failed.\nfatal: Could not read",
                "is not the one that is known",
                "known_hosts",
            ),
            (
                "ssh: connect to host x port 22: Connection refused\nfatal: Could not read from remote repository.",
                "can't be reached",
                "up",
            ),
            (
                "error: index-pack died of signal 25\nfatal: index-pack failed",
                "it is larger than 1 MiB",
                "size",
            ),
            (
                "fatal: '/x' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                "there is no repository",
                "url",
            ),
            ("something new", "git could not fetch ssh://git@host/x; git says: something new", "again"),
            ("", "git could not fetch ssh://git@host/x", "again"),
        ] {
            let fault = fault(&remote, Some("main"), Ended::ByItself, stderr);
            assert!(fault.problem.contains(problem), "{stderr}: {}", fault.problem);
            assert!(fault.help.contains(help), "{stderr}: {}", fault.help);
        }
        let remote = Remote { timeout: Duration::from_secs(5), ..remote };
        let late = fault(&remote, None, Ended::TimedOut, "");
        assert_eq!(late.problem, "ssh://git@host/x did not answer within 5.0 s");
    }
}
