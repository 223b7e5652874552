//! A downloaded export, opened with a stock ZIP reader.

use std::{
    collections::BTreeMap,
    io::{Cursor, Read as _},
};

use rightful::proto::v1::ExportInfo;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// What `sha256sum` prints.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What came of a download.
#[derive(Default)]
pub struct Export {
    pub info: Option<ExportInfo>,
    pub bytes: Vec<u8>,
}

impl Export {
    /// The facts that came first.
    pub fn info(&self) -> &ExportInfo {
        self.info.as_ref().expect("the stream began with the info")
    }

    /// Fails unless size and digest are those that were promised.
    pub fn assert_is_whole(&self) {
        let info = self.info();
        assert_eq!(self.bytes.len() as u64, info.size_bytes, "the size is as announced");
        assert_eq!(sha256(&self.bytes), info.sha256, "the digest is as announced");
    }
}

/// A document, or a receipt, without what belongs to one case.
pub fn anonymous(mut document: Value) -> Value {
    let fields = document.as_object_mut().expect("it is an object");
    for field in ["case_id", "received_time", "opened_time", "due_time", "settled_time", "subject_pseudonym"]
    {
        fields.remove(field);
    }
    document
}

/// A receipt without what belongs to one case. Its digests are keyed by case: each becomes a number of its own, so that
/// those that were the same still are.
pub fn anonymous_receipt(receipt: Value) -> Value {
    let mut receipt = anonymous(receipt);
    number_digests(&mut receipt, &mut Vec::new());
    receipt
}

fn number_digests(value: &mut Value, seen: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name != "digest" {
                    number_digests(value, seen);
                    continue;
                }
                let known = seen.iter().position(|digest| digest == value);
                let number = known.unwrap_or_else(|| {
                    seen.push(value.clone());
                    seen.len() - 1
                });
                *value = number.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| number_digests(value, seen)),
        _ => {}
    }
}

/// An export's files by their paths in the ZIP.
pub struct Bag {
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Bag {
    /// Reads everything; every entry's CRC is checked on the way.
    pub fn open(bytes: Vec<u8>) -> Self {
        let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("it is a ZIP");
        let mut files = BTreeMap::new();
        for position in 0..zip.len() {
            let mut entry = zip.by_index(position).expect("the entry can be opened");
            let name = entry.name().expect("names are UTF-8").into_owned();
            assert!(entry.enclosed_name().is_some(), "{name} leads out of the folder");
            let mut data = Vec::new();
            entry.read_to_end(&mut data).expect("the entry can be read");
            assert!(files.insert(name.clone(), data).is_none(), "{name} is there twice");
        }
        Self { files }
    }

    /// A file.
    pub fn file(&self, path: &str) -> &[u8] {
        self.files.get(path).unwrap_or_else(|| panic!("no {path} among {:?}", self.files.keys()))
    }

    /// A file of UTF-8 text.
    pub fn text(&self, path: &str) -> &str {
        std::str::from_utf8(self.file(path)).expect("it is UTF-8")
    }

    /// A JSON document.
    pub fn json(&self, path: &str) -> Value {
        serde_json::from_slice(self.file(path)).expect("it is JSON")
    }

    /// The records of an NDJSON file.
    pub fn records(&self, path: &str) -> Vec<Value> {
        self.text(path).lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
    }

    /// What completeness.json says of a downstream.
    pub fn standing(&self, downstream: &str) -> Value {
        let statement = self.json("data/completeness.json");
        let all = statement["downstreams"].as_array().expect("it lists the downstreams").clone();
        all.into_iter()
            .find(|one| one["name"] == downstream || one["downstream"] == downstream)
            .unwrap_or_else(|| panic!("completeness.json says nothing of {downstream}"))
    }

    /// The paths below `data/downstream/`: what the person gets from it.
    pub fn of(&self, downstream: &str) -> BTreeMap<&str, &[u8]> {
        let folder = format!("data/{downstream}/");
        let within = |(path, data)| -> Option<(&str, &[u8])> {
            let path: &String = path;
            let data: &Vec<u8> = data;
            path.starts_with(&folder).then_some((path.as_str(), data.as_slice()))
        };
        self.files.iter().filter_map(within).collect()
    }

    /// All that it says of the person, by path, without what belongs to one case: ids and times.
    pub fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let own = |path: &&String| path.starts_with("data/") && !path.starts_with("data/schemas/");
        let mut contents: BTreeMap<String, Vec<u8>> =
            self.files.keys().filter(own).map(|path| (path.clone(), self.file(path).to_vec())).collect();
        contents.remove("data/index.html");
        for document in ["data/completeness.json", "data/disclosure.json"] {
            contents.insert(document.to_owned(), anonymous(self.json(document)).to_string().into_bytes());
        }
        contents
    }

    /// Fails unless the manifests name every file with its digest, as BagIt (RFC 8493) asks.
    pub fn assert_manifests_hold(&self) {
        for (manifest, is_covered) in [
            ("manifest-sha256.txt", (|path: &str| path.starts_with("data/")) as fn(&str) -> bool),
            ("tagmanifest-sha256.txt", |path: &str| {
                !path.starts_with("data/") && path != "tagmanifest-sha256.txt"
            }),
        ] {
            let listed: BTreeMap<&str, &str> = self
                .text(manifest)
                .lines()
                .filter_map(|line| line.split_once("  "))
                .map(|(d, p)| (p, d))
                .collect();
            let covered = self.files.iter().filter(|(path, _)| is_covered(path));
            let real: BTreeMap<&str, String> =
                covered.map(|(path, data)| (path.as_str(), sha256(data))).collect();
            assert_eq!(listed.len(), real.len(), "{manifest} covers every file and nothing else");
            for (path, digest) in &real {
                assert_eq!(listed.get(path), Some(&digest.as_str()), "{manifest}: {path}");
            }
        }
    }
}
