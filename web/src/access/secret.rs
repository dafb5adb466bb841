//! Random secrets, what is kept of them, and signatures.

use ring::digest::{SHA256, digest as sha};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// 32 random bytes, hexadecimal; `None` where the system has none.
pub(super) fn random() -> Option<String> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

/// How tokens of programs begin, so that those who find one know what it is.
pub(super) const TOKEN_PREFIX: &str = "xrdt_";

/// A token of a program; `None` where the system has no random numbers.
pub(crate) fn token() -> Option<String> {
    Some(format!("{TOKEN_PREFIX}{}", random()?))
}

/// What is kept of a secret.
pub(crate) fn digest(secret: &str) -> String {
    hex(sha(&SHA256, secret.as_bytes()).as_ref())
}

/// A signature that is good for one use only.
pub(super) fn sign(key: &hmac::Key, usage: &str, secret: &str) -> String {
    hex(hmac::sign(key, format!("{usage} {secret}").as_bytes()).as_ref())
}

/// Whether it is that signature; takes as long whatever it is.
pub(super) fn is_signed(key: &hmac::Key, usage: &str, secret: &str, signature: &str) -> bool {
    let Some(bytes) = unhex(signature) else { return false };
    hmac::verify(key, format!("{usage} {secret}").as_bytes(), &bytes).is_ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pairs =
        text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2));
    pairs.map(|pair| u8::from_str_radix(pair?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_key_one_use_and_one_secret() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let other = hmac::Key::new(hmac::HMAC_SHA256, &[8; 32]);
        let good = sign(&key, "session", "s");
        assert!(is_signed(&key, "session", "s", &good));
        assert!(!is_signed(&other, "session", "s", &good));
        assert!(!is_signed(&key, "form", "s", &good) && !is_signed(&key, "session", "t", &good));
        for bad in ["", "0", "zz", "ä", &good[2..], &format!("{good}00")] {
            assert!(!is_signed(&key, "session", "s", bad), "{bad}");
        }
    }

    #[test]
    fn secrets_differ() {
        let (one, two) = (random(), random());
        assert!(one.as_ref().is_some_and(|secret| secret.len() == 64) && one != two);
        assert_eq!(&digest("abc")[..8], "ba7816bf");
    }
}
