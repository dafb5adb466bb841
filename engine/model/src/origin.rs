//! Where the files of a run came from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a run was made from: repository, and the commit where git tells one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Origin {
    /// The repository's name in the engine's configuration.
    pub repository: String,
    /// The branch; `None` where there is none: a detached head, or no git.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit's id in hexadecimal; `None` without git, or before its first commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Who wrote the commit: `Name <address>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Files differed from the commit when the run was made; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dirty: Option<bool>,
}

impl fmt::Display for Origin {
    /// `suites, main at 3fa29c01d2ab by A. Author <a@example.org>, with changes that are not committed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(branch) = &self.branch {
            write!(f, ", {branch}")?;
        }
        if let Some(commit) = &self.commit {
            let joint = if self.branch.is_some() { "" } else { "," };
            write!(f, "{joint} at {}", commit.get(..12).unwrap_or(commit))?;
        }
        if let Some(author) = &self.author {
            write!(f, " by {author}")?;
        }
        if self.dirty == Some(true) {
            f.write_str(", with changes that are not committed")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_words() {
        let some = |text: &str| Some(text.to_owned());
        let mut origin = Origin { repository: "suites".to_owned(), ..Origin::default() };
        assert_eq!(origin.to_string(), "suites");
        origin.commit = some("3fa29c01d2ab4e5f");
        assert_eq!(origin.to_string(), "suites, at 3fa29c01d2ab");
        origin = Origin { branch: some("main"), author: some("A <a@b>"), dirty: Some(true), ..origin };
        assert_eq!(
            origin.to_string(),
            "suites, main at 3fa29c01d2ab by A <a@b>, with changes that are not committed"
        );
    }
}
