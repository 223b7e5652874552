//! Keys: seal, open, blind index.
//!
//! Every case has a key of its own. Identifiers, progress, manifests and parts are sealed under it; it is itself
//! wrapped by a key of the [`KeyRing`]. Destroying the wrapped case key destroys everything of the case at once.
//!
//! Primitives are AES-256-GCM, HKDF-SHA256 and HMAC-SHA256 of aws-lc-rs; nothing here is a new construction.

mod case_key;
mod file;
#[cfg(fuzzing)]
pub mod fuzz;
mod provider;
mod ring;
mod segment;
mod transit;
mod webhook_secret;

pub use case_key::{CaseKey, WrappedKey};
pub use file::{Created, RingFile};
pub use provider::Provider;
pub use ring::KeyRing;
pub use segment::{CHUNK_BYTES, SegmentKey, TAG_BYTES};
pub use transit::Transit;
pub use webhook_secret::WebhookSecret;

/// Why something cannot be sealed or opened. Says nothing about the content.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes were not sealed under this key for this purpose, or were changed since.
    #[error("sealed bytes do not open")]
    Sealed,
    /// The key ring does not have the key that wraps this case's key.
    #[error("the key ring has no key {0:?}")]
    UnknownKey(String),
    /// The key ring file cannot be read or written.
    #[error("key ring {path}")]
    File {
        /// Its path.
        path: String,
        /// What the file system says.
        #[source]
        source: std::io::Error,
    },
    /// The key ring file is not one.
    #[error("key ring {path} is not valid: {why}")]
    Malformed {
        /// Its path.
        path: String,
        /// What is wrong, without any key.
        why: String,
    },
    /// The ring is another installation's.
    #[error("it is another installation's key ring: keys of the same name differ")]
    AnotherRing,
    /// Who keeps the key that the ring is sealed under does not seal or open it.
    #[error("the key provider does not open or seal the ring with its key {key}: {why}")]
    Provider {
        /// The provider's name of the key.
        key: String,
        /// Why, in our words.
        why: String,
    },
    /// The operating system has no randomness to give.
    #[error("no randomness")]
    Randomness,
}

/// 32 bytes of key or tag material from the operating system.
fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| Error::Randomness)?;
    Ok(bytes)
}

/// HKDF-SHA256 (RFC 5869) from a 32-byte key to another, bound to a label.
fn derive(key: &[u8; 32], label: &[&[u8]]) -> [u8; 32] {
    use aws_lc_rs::hkdf;
    let mut derived = [0; 32];
    hkdf::Salt::new(hkdf::HKDF_SHA256, b"rightful")
        .extract(key)
        .expand(label, hkdf::HKDF_SHA256)
        .and_then(|okm| okm.fill(&mut derived))
        .expect("32 bytes are within HKDF's limit");
    derived
}
