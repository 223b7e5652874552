//! What the fuzzers call: configuration files and tables of regimes. Only built for them.

use super::{check, layer, regimes};

/// A file: as a configuration, and as a table of regimes.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(settings) = layer(text, std::iter::empty(), &[]) {
        drop(check::config(settings));
    }
    drop(regimes::read(text));
}
