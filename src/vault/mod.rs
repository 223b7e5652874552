//! Keys: seal, open, blind index.
