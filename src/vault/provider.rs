//! Who keeps the key ring's file from whoever reads it: nobody but the file system, or a key that never leaves somebody else.

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::Error;

/// Seals and opens a key ring. It is asked when a ring is read or written, never for a case: while it is away, everything
/// goes on.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What is written for this ring.
    async fn seal(&self, ring: &[u8]) -> Result<String, Error>;

    /// The ring that [`Self::seal`] sealed.
    async fn open(&self, sealed: &str) -> Result<Zeroizing<Vec<u8>>, Error>;
}
