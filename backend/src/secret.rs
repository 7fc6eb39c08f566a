//! Keys, tokens and cookies: random texts that are shown once, of which only a SHA-256 is kept.
//!
//! They carry 244 random bits, so that a fast hash without a salt is enough; passwords are another thing
//! (`accounts/password.rs`).

use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Characters that are kept to tell secrets apart.
const HINT: usize = 10;

/// A new secret.
pub(crate) struct Secret {
    /// The text itself, for who asked for it.
    pub text: String,
    /// What is kept.
    pub hash: Vec<u8>,
}

impl Secret {
    /// `prefix` and 64 hexadecimal digits from the system's source of random numbers.
    pub fn new(prefix: &str) -> Self {
        let text = format!("{prefix}{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        Self { hash: hash(&text), text }
    }

    /// Its first characters.
    pub fn hint(&self) -> &str {
        &self.text[..HINT]
    }
}

/// What is kept of a secret, and looked for when it is shown.
pub(crate) fn hash(text: &str) -> Vec<u8> {
    Sha256::digest(text.as_bytes()).to_vec()
}
