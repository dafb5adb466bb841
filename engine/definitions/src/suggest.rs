//! "Did you mean".

/// Longer names are neither suggested nor compared, in bytes.
const LONGEST: usize = 128;

/// The candidate that is nearest to what was written, if any is near enough to be meant.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes time by the product of the lengths, and nobody misspells a novel.
    if written.len() > LONGEST {
        return None;
    }
    let folded = written.to_lowercase();
    // A third of the letters may differ, but always one, so that `ip` is suggested for `pi`.
    let allowed = (folded.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != written && candidate.len() <= LONGEST)
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&folded, &candidate.to_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Suggestions for a long list of mistakes: after the first dozen there are none. Each takes time by the number of
/// candidates, and a definition can make thousands of mistakes.
#[derive(Debug, Default)]
pub(crate) struct Suggestions {
    made: u32,
}

impl Suggestions {
    /// As the function of that name, as long as there are suggestions.
    pub(crate) fn nearest<'a>(
        &mut self,
        written: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        const MOST: u32 = 12;
        self.made += 1;
        if self.made > MOST { None } else { nearest(written, candidates) }
    }
}

/// A help line that suggests the nearest candidate, or lists all where none is near.
pub(crate) fn did_you_mean<'a>(
    written: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
    all_of_them: &str,
) -> Option<String> {
    if let Some(nearest) = nearest(written, candidates.clone()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let all: Vec<_> = candidates.into_iter().collect();
    (!all.is_empty()).then(|| format!("{all_of_them}: {}", list(&all)))
}

/// The names with commas between them; the first dozen where there are many.
pub(crate) fn list(names: &[&str]) -> String {
    const MOST: usize = 12;
    let shown = names.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > MOST { format!("{shown} and {} more", names.len() - MOST) } else { shown }
}

/// As they are said: "`a`, `b` and `c`"; the first dozen where there are many.
pub(crate) fn enumerate(names: &[&str]) -> String {
    const MOST: usize = 12;
    match names {
        [some @ .., last] if !some.is_empty() && names.len() <= MOST => {
            format!("{} and `{last}`", list(some))
        }
        _ => list(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested() {
        let fields = ["alert_emails", "alert_success", "name", "ip", "bootImage"];
        for (written, expect) in [
            ("alert_emial", Some("alert_emails")),
            ("alert_emials", Some("alert_emails")),
            ("nmae", Some("name")),
            ("pi", Some("ip")),
            ("bootimage", Some("bootImage")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, fields), expect, "{written}");
        }
    }
}
