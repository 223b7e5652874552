//! The key of one case.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::{Error, SegmentKey, derive, random};

/// The first byte of everything sealed: the format.
const FORMAT: u8 = 1;

/// A case's key as it is stored: sealed under a key of the ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrappedKey {
    /// Which key of the ring wraps it.
    pub key_id: String,
    /// The wrapped bytes.
    pub bytes: Vec<u8>,
}

/// The key of one case. Wiped from memory when dropped.
pub struct CaseKey(Zeroizing<[u8; 32]>);

impl CaseKey {
    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Result<Self, Error> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// A key from its bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Seals a small value (up to some MiB). `purpose` must be given again to open it, so that a value cannot be put
    /// in another's place.
    pub fn seal(&self, purpose: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
        seal(&self.0, purpose, value)
    }

    /// Opens what [`Self::seal`] sealed for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        open(&self.0, purpose, sealed)
    }

    /// The key of one stored object, bound to its name: an object cannot stand in for another.
    pub fn segment(&self, object: &str) -> SegmentKey {
        SegmentKey::new(&derive(&self.0, &[b"segment", object.as_bytes()]))
    }

    pub(super) fn wrap(&self, key: &[u8; 32], purpose: &str) -> Result<Vec<u8>, Error> {
        seal(key, purpose, &*self.0)
    }

    pub(super) fn unwrap_from(key: &[u8; 32], purpose: &str, bytes: &[u8]) -> Result<Self, Error> {
        let opened = open(key, purpose, bytes)?;
        let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| Error::Sealed)?;
        Ok(Self::from_bytes(bytes))
    }
}

impl std::fmt::Debug for CaseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CaseKey(redacted)")
    }
}

fn cipher(key: &[u8; 32]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes"))
}

/// `FORMAT | nonce | ciphertext and tag`. The nonces are random: a case seals a few thousand values under its key,
/// far from the 2^32 that NIST SP 800-38D allows for random nonces.
fn seal(key: &[u8; 32], purpose: &str, value: &[u8]) -> Result<Vec<u8>, Error> {
    let nonce: [u8; NONCE_LEN] = random()?;
    let mut body = value.to_vec();
    cipher(key)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut body)
        .map_err(|_| Error::Sealed)?;
    let mut sealed = Vec::with_capacity(1 + NONCE_LEN + body.len());
    sealed.push(FORMAT);
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

fn open(key: &[u8; 32], purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (nonce, body) = match sealed {
        [FORMAT, rest @ ..] => rest.split_first_chunk::<NONCE_LEN>().ok_or(Error::Sealed)?,
        _ => return Err(Error::Sealed),
    };
    let mut body = Zeroizing::new(body.to_vec());
    let length = cipher(key)
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose), &mut body)
        .map_err(|_| Error::Sealed)?
        .len();
    body.truncate(length);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_purpose_only() {
        let key = CaseKey::generate().unwrap();
        let sealed = key.seal("subject", b"canary").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"canary"));
        assert_eq!(key.open("subject", &sealed).unwrap().as_slice(), b"canary");
        assert!(key.open("manifest", &sealed).is_err());
        assert!(CaseKey::generate().unwrap().open("subject", &sealed).is_err());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key.open("subject", &changed).is_err(), "byte {position}");
        }
        assert!(key.open("subject", &[]).is_err());
    }
}
