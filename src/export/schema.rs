//! The JSON Schemas of the documents, as published in `schemas/`.

/// Of `data/completeness.json`.
pub(super) const COMPLETENESS: &str = include_str!("../../schemas/completeness.schema.json");
/// Of `data/disclosure.json`.
pub(super) const DISCLOSURE: &str = include_str!("../../schemas/disclosure.schema.json");
/// Of `ro-crate-metadata.json`.
pub(super) const RO_CRATE: &str = include_str!("../../schemas/ro-crate.schema.json");
