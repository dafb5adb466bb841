//! Protocol versions. Both sides say the range that they speak; the highest common version is used.
//!
//! | version | since | what changed |
//! |---|---|---|
//! | 1 | 0.1.0 | the first |
//! | 2 | 0.1.0 | a hypervisor agent tells its clock: `now_ms` of `Status` |
//!
//! Within a version, message enums are append-only, new fields have defaults, and a message of an unknown kind is
//! ignored (and logged) by its receiver. Whatever an old peer must not ignore needs a new version. What a version brought
//! is not said to a peer that speaks an older one: [`Spoken`](crate::message::Spoken).

use std::sync::OnceLock;

/// The oldest version that this build speaks.
pub const OLDEST: u32 = 1;
/// The newest version that this build speaks.
pub const NEWEST: u32 = 2;

/// The versions that this process speaks: [`OLDEST`] to [`NEWEST`], unless `XRDTEST_PROTOCOL` says otherwise. That is for
/// trials of neighbouring releases: with `1` or `1-1` it speaks as one of version 1 does, in all that it says.
pub fn range() -> (u32, u32) {
    static RANGE: OnceLock<(u32, u32)> = OnceLock::new();
    *RANGE.get_or_init(|| {
        let told = std::env::var("XRDTEST_PROTOCOL").ok();
        told.as_deref().and_then(parse).unwrap_or((OLDEST, NEWEST))
    })
}

/// `2`, `1-2`.
fn parse(text: &str) -> Option<(u32, u32)> {
    let (oldest, newest) = text.split_once('-').unwrap_or((text, text));
    let (oldest, newest) = (oldest.parse().ok()?, newest.parse().ok()?);
    (oldest <= newest).then_some((oldest, newest))
}

/// The version that two ranges have in common, the newest such.
pub fn negotiate(ours: (u32, u32), theirs: (u32, u32)) -> Option<u32> {
    let newest = ours.1.min(theirs.1);
    (newest >= ours.0.max(theirs.0)).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::{negotiate, parse};

    #[test]
    fn ranges_as_words() {
        for (text, range) in
            [("1", Some((1, 1))), ("1-2", Some((1, 2))), ("2-1", None), ("x", None), ("", None)]
        {
            assert_eq!(parse(text), range, "{text}");
        }
    }

    #[test]
    fn newest_common_version() {
        for (ours, theirs, version) in [
            ((1, 1), (1, 1), Some(1)),
            ((1, 3), (2, 5), Some(3)),
            ((2, 5), (1, 3), Some(3)),
            ((1, 1), (2, 3), None),
            ((4, 5), (1, 3), None),
            ((1, 1), (3, 2), None),
        ] {
            assert_eq!(negotiate(ours, theirs), version, "{ours:?} {theirs:?}");
        }
    }
}
