//! One-time join tokens.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::ProtocolError;
use crate::identity::Credentials;
use crate::transport::certificate_from_pem;

const PREFIX: &str = "xrdtest-join-1";

/// What lets an agent without a certificate join once. It names the CA, so that the agent knows the engine before
/// it tells the secret. Written `xrdtest-join-1.FINGERPRINT.SECRET`, both in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// SHA-256 of the CA certificate's DER.
    pub ca_fingerprint: [u8; 32],
    /// 32 random bytes.
    pub secret: [u8; 32],
}

impl JoinToken {
    /// A token with a fresh secret for the CA with this fingerprint.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn generate(ca_fingerprint: [u8; 32]) -> Result<Self, ProtocolError> {
        let mut secret = [0; 32];
        rustls::crypto::ring::default_provider().secure_random.fill(&mut secret).map_err(|_| {
            ProtocolError::Identity { what: "join token", detail: "no random numbers".to_owned() }
        })?;
        Ok(Self { ca_fingerprint, secret })
    }

    /// Whether these credentials are from the engine that made the token.
    ///
    /// # Errors
    /// Where the CA's certificate among them can't be read.
    pub fn is_of_same_engine(&self, credentials: &Credentials) -> Result<bool, ProtocolError> {
        Ok(fingerprint(&certificate_from_pem(&credentials.ca)?) == self.ca_fingerprint)
    }

    /// SHA-256 of the secret, in hexadecimal: what the engine keeps of a token.
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(self.secret))
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.{}", hex(&self.ca_fingerprint), hex(&self.secret))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.…", hex(&self.ca_fingerprint))
    }
}

impl FromStr for JoinToken {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.trim().split('.');
        match (parts.next(), parts.next().and_then(unhex), parts.next().and_then(unhex), parts.next()) {
            (Some(PREFIX), Some(ca_fingerprint), Some(secret), None) => Ok(Self { ca_fingerprint, secret }),
            _ => Err(ProtocolError::Identity {
                what: "join token",
                detail: format!("it does not have the form {PREFIX}.FINGERPRINT.SECRET"),
            }),
        }
    }
}

/// SHA-256 of a certificate's DER.
pub(crate) fn fingerprint(der: &[u8]) -> [u8; 32] {
    Sha256::digest(der).into()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
        }
        text
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_read_back() {
        let token = JoinToken::generate([0xab; 32]).unwrap();
        let text = token.to_string();
        assert!(text.starts_with("xrdtest-join-1.abab"), "{text}");
        assert_eq!(text.parse::<JoinToken>().unwrap(), token);
        assert!(!format!("{token:?}").contains(&hex(&token.secret)));
        for bad in [
            "",
            "xrdtest-join-1",
            "xrdtest-join-2.ab.cd",
            &text[1..],
            &format!("{text}.x"),
            &text.replace('a', "é"),
        ] {
            assert!(bad.parse::<JoinToken>().is_err(), "{bad}");
        }
    }
}
