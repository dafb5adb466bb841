//! Sizes as the manual writes them (chapter 9, `parseDiskSize`): digits, or digits and one of B K M G T P (powers
//! of 1024).

/// Why a size could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// Not digits with an optional unit.
    #[error("`{0}` is not a size")]
    Malformed(String),
    /// More than 2^64 - 1 bytes.
    #[error("`{0}` is too large")]
    TooLarge(String),
}

/// Bytes of a size: `50G`, `200M`, `1073741824`. Plain digits mean `plain_unit` bytes each (1 for disks, 1024 for
/// memory, which the manual gives in KiB).
///
/// # Errors
/// [`SizeError`] where the text is no size or does not fit into 64 bits.
pub fn parse_size(text: &str, plain_unit: u64) -> Result<u64, SizeError> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => plain_unit,
        "B" | "b" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1 << 40,
        "P" | "p" => 1 << 50,
        _ => return Err(SizeError::Malformed(text.to_owned())),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SizeError::Malformed(text.to_owned()));
    }
    let number: u64 = digits.parse().map_err(|_| SizeError::TooLarge(text.to_owned()))?;
    number.checked_mul(unit).ok_or_else(|| SizeError::TooLarge(text.to_owned()))
}

/// Bytes as people read them: `512 B`, `1.5 MiB`, `20 GiB`.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let exponent = (bytes.ilog2() / 10).min(6);
    let unit = UNITS[exponent as usize - 1];
    let tenths = (u128::from(bytes) * 10) >> (10 * exponent);
    if tenths.is_multiple_of(10) {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_the_manual() {
        for (text, unit, bytes) in [
            ("50G", 1, Some(50 << 30)),
            ("200M", 1, Some(200 << 20)),
            ("1073741824", 1, Some(1 << 30)),
            ("1048576", 1024, Some(1 << 30)),
            ("1G", 1024, Some(1 << 30)),
            ("7B", 1024, Some(7)),
            ("3P", 1, Some(3 << 50)),
            ("", 1, None),
            ("G", 1, None),
            ("1.5G", 1, None),
            ("-1G", 1, None),
            ("10 GB", 1, None),
            ("99999999999999999999", 1, None),
            ("99999999P", 1, None),
        ] {
            assert_eq!(parse_size(text, unit).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn bytes_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (256 << 20, "256 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(human_bytes(bytes), text);
        }
    }
}
