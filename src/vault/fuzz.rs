//! What the fuzzers call: what stands where a key ring should, and what its provider answers. Only built for them.

use std::path::Path;

use super::{RingFile, ring::Written, transit};

/// The first byte says what it is, the rest is its content.
pub fn read(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    if which % 3 == 0 {
        drop(transit::parsed(bytes).and_then(|answer| transit::plaintext(&answer)));
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if which % 3 == 1 {
        drop(Written::parse(Path::new("fuzz"), text));
    } else {
        drop(RingFile::sealed(text));
    }
}
