//! Checks a downloaded export, offline and without any key: is it whole, unchanged, and what does it say of itself?
//!
//! **Guarantees.** Constant memory: entries are read through, and only the small documents are held. Nothing is
//! unpacked, so hostile names do no harm; they are reported.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zip::ZipArchive;

use super::completeness::Completeness;
use super::{Error, hex};
use crate::domain::statement::Standing;

/// Bytes of a document that is held in memory at most: a manifest of some hundred thousand files.
const DOCUMENT_BYTES: usize = 64 * 1024 * 1024;
/// Faults that are listed at most: a file that is something else altogether has a fault in every line.
const FAULTS: usize = 100;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Files in the bag's payload.
    pub files: u64,
    /// Bytes of the payload.
    pub bytes: u64,
    /// Whether every downstream that had to be asked answered, as the bag says.
    pub complete: bool,
    /// How each downstream's part went, as the bag says.
    pub downstreams: Vec<(String, Standing)>,
    /// What is wrong. Empty: the bag is whole and unchanged. May name files of the bag.
    pub faults: Vec<String>,
}

/// What one pass over the entries brings.
#[derive(Default)]
struct Seen {
    digests: BTreeMap<String, (String, u64)>,
    documents: BTreeMap<String, Vec<u8>>,
    faults: Vec<String>,
}

impl Seen {
    fn fault(&mut self, what: impl Into<String>) {
        if self.faults.len() < FAULTS {
            self.faults.push(what.into());
        }
    }

    fn text(&mut self, path: &str) -> String {
        let Some(bytes) = self.documents.remove(path) else {
            self.fault(format!("{path} is missing"));
            return String::new();
        };
        String::from_utf8(bytes).unwrap_or_else(|_| {
            self.fault(format!("{path} is not UTF-8"));
            String::new()
        })
    }
}

/// Checks the export at `path`. `on_progress` hears of the bytes read and of all bytes to read, uncompressed.
/// [`Error::Unavailable`] if the file cannot be read, [`Error::Corrupt`] if it is no ZIP; all else is in the report.
pub fn bag(path: &Path, on_progress: &mut dyn FnMut(u64, u64)) -> Result<Report, Error> {
    let file = File::open(path).map_err(Error::unavailable)?;
    let not_a_zip = |_| Error::Corrupt("the ZIP".to_owned());
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(not_a_zip)?;
    let mut seen = Seen::default();
    let total = (0..archive.len())
        .filter_map(|index| archive.by_index_raw(index).ok().map(|entry| entry.size()))
        .fold(0, u64::saturating_add);
    let mut done = 0;
    for index in 0..archive.len() {
        read_entry(&mut archive, index, &mut seen, &mut |bytes| {
            done += bytes;
            on_progress(done, total);
        });
    }
    Ok(judge(seen))
}

fn read_entry(
    archive: &mut ZipArchive<BufReader<File>>,
    index: usize,
    seen: &mut Seen,
    on_bytes: &mut dyn FnMut(u64),
) {
    let Ok(mut entry) = archive.by_index(index) else {
        return seen.fault(format!("entry {index} cannot be read"));
    };
    let name = entry.name().map(|name| name.to_string()).unwrap_or_default();
    if !is_safe(&name) {
        return seen.fault(format!("entry {index} has an unsafe name"));
    }
    let keep = is_document(&name);
    let (mut sha256, mut length, mut kept) = (Sha256::new(), 0_u64, Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match entry.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                sha256.update(&buffer[..count]);
                length += count as u64;
                on_bytes(count as u64);
                if keep {
                    kept.extend_from_slice(&buffer[..count]);
                }
                if kept.len() > DOCUMENT_BYTES {
                    return seen.fault(format!("{name} is too large for a document"));
                }
            }
            // A wrong checksum shows here, at the entry's end.
            Err(_) => return seen.fault(format!("{name} is damaged")),
        }
    }
    if keep {
        seen.documents.insert(name.clone(), kept);
    }
    if seen.digests.insert(name.clone(), (hex::encode(&sha256.finalize()), length)).is_some() {
        seen.fault(format!("{name} is there twice"));
    }
}

/// Whether unpacking an entry of this name stays in the folder, on every system.
fn is_safe(name: &str) -> bool {
    let segment = |segment: &str| !matches!(segment, "" | "." | "..");
    let plain = !name.contains(['\\', ':', '\0']) && !name.chars().any(char::is_control);
    plain && name.split('/').all(segment)
}

fn is_document(name: &str) -> bool {
    matches!(
        name,
        "bagit.txt"
            | "bag-info.txt"
            | "manifest-sha256.txt"
            | "tagmanifest-sha256.txt"
            | "data/completeness.json"
            | "ro-crate-metadata.json"
    )
}

fn judge(mut seen: Seen) -> Report {
    if !seen.text("bagit.txt").starts_with("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n") {
        seen.fault("bagit.txt does not declare BagIt 1.0 in UTF-8");
    }
    check_manifest(&mut seen, "manifest-sha256.txt", |name| name.starts_with("data/"));
    // A tag manifest cannot list itself, and need not list other people's tag files.
    check_manifest(&mut seen, "tagmanifest-sha256.txt", |name| {
        !name.starts_with("data/") && name != "tagmanifest-sha256.txt"
    });
    let payload = seen.digests.iter().filter(|(name, _)| name.starts_with("data/"));
    let (files, bytes) = payload.fold((0, 0), |(files, bytes), (_, (_, length))| (files + 1, bytes + length));
    let info = seen.text("bag-info.txt");
    let oxum = info.lines().find_map(|line| line.strip_prefix("Payload-Oxum: "));
    if oxum != Some(format!("{bytes}.{files}").as_str()) {
        seen.fault("Payload-Oxum in bag-info.txt does not match the payload");
    }
    let mut report = Report { files, bytes, ..Report::default() };
    match serde_json::from_str::<Completeness>(&seen.text("data/completeness.json")) {
        Ok(said) => {
            check_promised(&mut seen, &said);
            report.complete = said.complete;
            report.downstreams = said
                .downstreams
                .into_iter()
                .map(|downstream| (downstream.name, downstream.standing))
                .collect();
        }
        Err(_) => seen.fault("data/completeness.json is not what its schema says"),
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(&seen.text("ro-crate-metadata.json")).is_err() {
        seen.fault("ro-crate-metadata.json is not JSON");
    }
    report.faults = seen.faults;
    report
}

/// The manifest must name exactly the files that it is about, each with its digest.
fn check_manifest(seen: &mut Seen, manifest: &str, is_about: impl Fn(&str) -> bool) {
    let text = seen.text(manifest);
    let mut listed = BTreeMap::new();
    for line in text.lines() {
        match line.split_once(' ') {
            Some((digest, name)) => {
                listed.insert(name.trim_start_matches([' ', '*']).to_owned(), digest.to_owned());
            }
            None => seen.fault(format!("{manifest} has a line that is not one")),
        }
    }
    let mut faults = Vec::new();
    for (name, (digest, _)) in seen.digests.iter().filter(|(name, _)| is_about(name)) {
        match listed.remove(name) {
            Some(expected) if expected.eq_ignore_ascii_case(digest) => {}
            Some(_) => faults.push(format!("{name} was changed: its digest is not that of {manifest}")),
            None => faults.push(format!("{name} is not in {manifest}")),
        }
    }
    faults.extend(listed.into_keys().map(|name| format!("{name} is in {manifest}, but not there")));
    for fault in faults {
        seen.fault(fault);
    }
}

/// What the statement of completeness points to must be there.
fn check_promised(seen: &mut Seen, said: &Completeness) {
    let categories = said.downstreams.iter().flat_map(|downstream| &downstream.categories);
    let promised: Vec<String> = categories
        .filter_map(|category| category.records_path.as_ref())
        .map(|path| format!("data/{path}"))
        .collect();
    for path in promised {
        if !seen.digests.contains_key(&path) {
            seen.fault(format!("{path} is promised by completeness.json, but not there"));
        }
    }
}
