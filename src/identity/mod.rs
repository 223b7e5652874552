//! Who calls: the tokens that callers bring, the keys of their issuers, and the identities that both are mapped to.
