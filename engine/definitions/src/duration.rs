//! Durations of definitions: `1h`, `15m`, `90s`, `1h30m`, `500ms`.

/// Milliseconds of a duration; `None` where the text is none, is zero, or is longer than a year.
pub(crate) fn parse_duration(text: &str) -> Option<u64> {
    const YEAR: u64 = 366 * 24 * 3_600_000;
    let mut rest = text.trim();
    let mut total: u64 = 0;
    // Each unit once and the greater first: `30m1h` is more likely a slip than a duration.
    for (unit, milliseconds) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.len() - behind.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
        if digits > 0 && &behind[..letters] == unit {
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(milliseconds)?)?;
            rest = behind[letters..].trim_start();
        }
    }
    (rest.is_empty() && total > 0 && total <= YEAR).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, expect) in [
            ("1h", Some(3_600_000)),
            ("15m", Some(900_000)),
            ("90s", Some(90_000)),
            ("1h30m", Some(5_400_000)),
            ("1h 30m", Some(5_400_000)),
            ("500ms", Some(500)),
            ("1d", Some(86_400_000)),
            ("", None),
            ("0s", None),
            ("10", None),
            ("30m1h", None),
            ("1h1h", None),
            ("1.5h", None),
            ("-1h", None),
            ("99999999999999999999s", None),
            ("9999999999d", None),
        ] {
            assert_eq!(parse_duration(text), expect, "{text}");
        }
    }
}
