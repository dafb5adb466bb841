//! Passwords.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};

use super::accounts::AccountError;
use super::secret;

/// Characters that one has at least, and bytes that are looked at, at most.
const SHORTEST: usize = 10;
const LONGEST: usize = 1024;

/// What the password of an account that does not exist is held against: it takes as long, and never fits.
const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Whether it may be one.
pub(super) fn check(password: &str) -> Result<(), AccountError> {
    if password.chars().count() < SHORTEST {
        return Err(AccountError::Invalid(format!("a password has at least {SHORTEST} characters")));
    }
    if password.len() > LONGEST {
        return Err(AccountError::Invalid(format!("a password has at most {LONGEST} bytes")));
    }
    Ok(())
}

/// What is kept of it. Takes some tens of milliseconds and 19 MiB: never on a thread that others wait for.
///
/// # Errors
/// Where it can't be a password, or the system has no random numbers.
pub fn hash(password: &str) -> Result<String, AccountError> {
    check(password)?;
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| AccountError::Invalid(format!("the password can't be hashed: {error}")))
}

/// Whether it is the password of which this was kept; `None`: there is no such account. Takes as long in any case.
pub(super) fn fits(password: &str, kept: Option<&str>) -> bool {
    let cut = password.as_bytes().get(..LONGEST).unwrap_or(password.as_bytes());
    let Ok(hash) = PasswordHash::new(kept.unwrap_or(NOBODYS)) else { return false };
    Argon2::default().verify_password(cut, &hash).is_ok() && kept.is_some() && cut.len() == password.len()
}

/// A good one, for who has none in mind: 120 random bits.
///
/// # Errors
/// Where the system has no random numbers.
pub fn generate() -> Result<String, AccountError> {
    // No letters and digits that look alike; 32 of them, 5 bits each.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let random = secret::random()
        .ok_or_else(|| AccountError::Invalid("the system has no random numbers for a password".to_owned()))?;
    let letters = random.as_bytes().chunks(2).take(24).filter_map(|pair| {
        let byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        LETTERS.get(usize::from(byte % 32)).copied().map(char::from)
    });
    let letters: Vec<char> = letters.collect();
    let groups: Vec<String> = letters.chunks(6).map(|group| group.iter().collect()).collect();
    Ok(groups.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_fits_what_was_kept_of_it_only() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(fits("correct horse", Some(&kept)));
        for (password, kept) in [
            ("correct horsf", Some(kept.as_str())),
            ("", Some(&kept)),
            ("correct horse", None),
            ("x", Some("torn")),
        ] {
            assert!(!fits(password, kept), "{password} {kept:?}");
        }
        assert_ne!(hash("correct horse").unwrap(), kept, "salted");
        assert!(PasswordHash::new(NOBODYS).is_ok(), "it takes its time for nobody, too");
    }

    #[test]
    fn short_and_endless_passwords_are_none() {
        assert!(hash("123456789").is_err() && hash(&"x".repeat(1025)).is_err());
        let one = generate().unwrap();
        assert!(check(&one).is_ok() && one.len() == 27 && generate().unwrap() != one, "{one}");
    }
}
