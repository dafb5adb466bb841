//! Protocol versions. Both sides say the range that they speak; the highest common version is used.
//!
//! | version | since | what changed |
//! |---|---|---|
//! | 1 | 0.1.0 | the first |
//!
//! Within a version, message enums are append-only, new fields have defaults, and a message of an unknown kind is
//! ignored (and logged) by its receiver. Whatever an old peer must not ignore needs a new version.

/// The oldest version that this build speaks.
pub const OLDEST: u32 = 1;
/// The newest version that this build speaks.
pub const NEWEST: u32 = 1;

/// The version that two ranges have in common, the newest such.
pub fn negotiate(ours: (u32, u32), theirs: (u32, u32)) -> Option<u32> {
    let newest = ours.1.min(theirs.1);
    (newest >= ours.0.max(theirs.0)).then_some(newest)
}

#[cfg(test)]
mod tests {
    use super::negotiate;

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
