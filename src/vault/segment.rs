//! Sealing long byte strings in chunks that open one by one.
//!
//! This is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its
//! Nonce-Reuse Misuse-Resistance", CRYPTO 2015): the nonce is the chunk's index and whether it is the last, so chunks
//! cannot be left out, swapped, repeated or cut off. Every segment has a key of its own, so nonces never repeat.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::Error;

/// Bytes of a chunk before it is sealed: small enough to open one for any offset, large enough that the tag is nothing.
pub const CHUNK_BYTES: usize = 65_536;
/// Bytes that sealing adds to a chunk.
pub const TAG_BYTES: usize = 16;

/// The key of one stored object.
pub struct SegmentKey(LessSafeKey);

impl SegmentKey {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes")))
    }

    /// Seals chunk number `index` in place and appends its tag. Each index must be sealed once only.
    ///
    /// # Panics
    /// On chunks of 64 GiB and more; chunks have [`CHUNK_BYTES`].
    pub fn seal(&self, index: u32, last: bool, chunk: &mut Vec<u8>) {
        self.0
            .seal_in_place_append_tag(nonce(index, last), Aad::empty(), chunk)
            .expect("a chunk is far below AES-GCM's limit of 64 GiB");
    }

    /// Opens chunk number `index` in place: what was sealed stands at its beginning, and [`TAG_BYTES`] of no meaning
    /// behind it. After an error nothing of it means anything.
    pub fn open(&self, index: u32, last: bool, chunk: &mut [u8]) -> Result<(), Error> {
        let opened = self.0.open_in_place(nonce(index, last), Aad::empty(), chunk);
        opened.map(|_| ()).map_err(|_| Error::Sealed)
    }
}

fn nonce(index: u32, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[NONCE_LEN - 5..NONCE_LEN - 1].copy_from_slice(&index.to_be_bytes());
    bytes[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use super::TAG_BYTES;
    use crate::vault::CaseKey;

    #[test]
    fn a_chunk_opens_in_its_place_only() {
        let key = CaseKey::from_bytes([7; 32]);
        let segment = key.segment("cases/1/a");
        let mut chunk = b"canary".to_vec();
        segment.seal(3, true, &mut chunk);
        for (index, last, object) in [(2, true, "cases/1/a"), (3, false, "cases/1/a"), (3, true, "cases/1/b")]
        {
            assert!(key.segment(object).open(index, last, &mut chunk.clone()).is_err());
        }
        assert!(segment.open(3, true, &mut chunk.clone()[..3]).is_err());
        segment.open(3, true, &mut chunk).unwrap();
        assert_eq!(chunk.split_at(chunk.len() - TAG_BYTES).0, b"canary");
    }
}
