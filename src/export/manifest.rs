//! The finished export: which parts make the bag, and what the whole file is.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::object::ObjectId;
use super::part::Part;

/// All that is needed to hand the export out, and to check it. It holds file names: keep it sealed.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manifest(Version);

#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "version")]
enum Version {
    #[serde(rename = "1")]
    V1(Export),
}

#[derive(Clone, Serialize, Deserialize)]
struct Export {
    /// In the order of the ZIP.
    parts: Vec<Part>,
    size: u64,
    sha256: String,
    file_name: String,
}

impl Manifest {
    pub(super) fn new(parts: Vec<Part>, size: u64, file_name: String) -> Self {
        Self(Version::V1(Export { parts, size, sha256: String::new(), file_name }))
    }

    /// Notes the digest, once the file has been read through.
    pub(super) fn set_sha256(&mut self, sha256: String) {
        let Version::V1(export) = &mut self.0;
        export.sha256 = sha256;
    }

    fn export(&self) -> &Export {
        let Version::V1(export) = &self.0;
        export
    }

    /// The files of the bag, in the order of the ZIP.
    pub fn parts(&self) -> &[Part] {
        &self.export().parts
    }

    /// Bytes of the ZIP.
    pub fn size(&self) -> u64 {
        self.export().size
    }

    /// Hex SHA-256 of the ZIP.
    pub fn sha256(&self) -> &str {
        &self.export().sha256
    }

    /// `rightful-export-{case id}.zip`.
    pub fn file_name(&self) -> &str {
        &self.export().file_name
    }

    /// The objects that hold its bytes: everything else of the case can go ([`super::Storage::keep_only`]).
    pub fn objects(&self) -> BTreeSet<ObjectId> {
        self.parts().iter().flat_map(Part::objects).collect()
    }
}

impl fmt::Debug for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Manifest({} files, {} bytes, sha256 {})", self.parts().len(), self.size(), self.sha256())
    }
}
