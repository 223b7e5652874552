//! The export as a BagIt 1.0 bag (RFC 8493): the collected parts, the documents about them, and the manifests.
//!
//! **Guarantees.** The bag is a function of the case's facts and parts: no clock, no chance, everything in order. The
//! documents are stored as parts too, so that a later version of this program hands out the same bytes.

use std::sync::Arc;

use futures::TryStreamExt as _;
use jiff::tz::TimeZone;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::contents::services;
use super::facts::Facts;
use super::layout::{self, Entry};
use super::object::Shelf;
use super::part::{About, Part};
use super::press::Press;
use super::{Error, Manifest, Storage, completeness, compose, disclosure, hex, page, ro_crate, schema};
use crate::domain::TaskId;
use crate::vault::CaseKey;

/// Makes the export of a case whose tasks are settled: writes the documents, and reads the whole file through once for
/// its digest, which also proves that every part opens. `attempt` must be fresh. Afterwards, everything but
/// [`Manifest::objects`] can go.
pub async fn make(
    storage: &Storage,
    key: &Arc<CaseKey>,
    attempt: Uuid,
    facts: &Facts,
    mut parts: Vec<Part>,
) -> Result<Manifest, Error> {
    parts.sort_by(|a, b| a.path.cmp(&b.path));
    // The bag's own documents belong to no task.
    let nobody = TaskId(Uuid::nil());
    let shelf = Shelf::new(storage.clone(), Arc::clone(key), facts.case.id, nobody, attempt);
    let mut scribe = Scribe { press: Press::new(shelf) };

    let payload = scribe.payload_documents(facts, &parts).await?;
    let mut tags = vec![scribe.crate_metadata(facts, &parts, &payload).await?];
    let mut payload: Vec<Part> = parts.into_iter().chain(payload).collect();
    payload.sort_by(|a, b| a.path.cmp(&b.path));
    refuse_duplicates(&payload)?;
    tags.push(scribe.text("bagit.txt", BAGIT).await?);
    tags.push(scribe.text("bag-info.txt", &bag_info(facts, &payload)).await?);
    tags.push(scribe.manifest("manifest-sha256.txt", &payload).await?);
    tags.sort_by(|a, b| a.path.cmp(&b.path));
    let tag_manifest = scribe.manifest("tagmanifest-sha256.txt", &tags).await?;
    scribe.press.settle().await?;

    tags.push(tag_manifest);
    let all: Vec<Part> = tags.into_iter().chain(payload).collect();
    let size = layout::measure(all.iter().map(Entry::from)).size;
    let manifest = Manifest::new(all, size, format!("rightful-export-{}.zip", facts.case.id));
    digested(storage, key, manifest).await
}

const BAGIT: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";

/// Two parts at one path would make a bag that unpacks to something else than it says.
fn refuse_duplicates(sorted: &[Part]) -> Result<(), Error> {
    if sorted.windows(2).any(|pair| pair[0].path == pair[1].path) {
        return Err(Error::Corrupt("the list of parts".to_owned()));
    }
    Ok(())
}

async fn digested(storage: &Storage, key: &Arc<CaseKey>, manifest: Manifest) -> Result<Manifest, Error> {
    let manifest = Arc::new(manifest);
    let mut stream = compose::stream(storage.clone(), Arc::clone(key), Arc::clone(&manifest), 0);
    let (mut sha256, mut size) = (Sha256::new(), 0);
    while let Some(bytes) = stream.try_next().await? {
        sha256.update(&bytes);
        size += bytes.len() as u64;
    }
    if size != manifest.size() {
        return Err(Error::Corrupt("the list of parts".to_owned()));
    }
    let mut manifest = Arc::unwrap_or_clone(manifest);
    manifest.set_sha256(hex::encode(&sha256.finalize()));
    Ok(manifest)
}

/// `bag-info.txt`. It says nothing of the person.
fn bag_info(facts: &Facts, payload: &[Part]) -> String {
    let octets: u64 = payload.iter().map(|part| part.length).sum();
    let date = facts.case.opened_at.to_zoned(TimeZone::UTC).date();
    let fields = [
        ("Source-Organization", facts.controller.name.clone()),
        ("Contact-Name", facts.controller.contact.clone()),
        ("External-Description", "The answer to a data-subject request".to_owned()),
        ("External-Identifier", facts.case.id.to_string()),
        ("Bagging-Date", date.to_string()),
        ("Payload-Oxum", format!("{octets}.{}", payload.len())),
    ];
    let present = fields.into_iter().filter(|(_, value)| !value.trim().is_empty());
    present.map(|(label, value)| [label, ": ", &one_line(&value), "\n"].concat()).collect()
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_control() || c == ' ').filter(|w| !w.is_empty()).collect();
    words.join(" ")
}

/// Writes documents.
struct Scribe {
    press: Press,
}

impl Scribe {
    async fn document(&mut self, path: &str, media_type: &str, bytes: &[u8]) -> Result<Part, Error> {
        let about = About { path: path.to_owned(), category: None, media_type: media_type.to_owned() };
        let id = self.press.begin(about);
        self.press.write(id, bytes).await?;
        self.press.end(id).await
    }

    async fn text(&mut self, path: &str, text: &str) -> Result<Part, Error> {
        self.document(path, "text/plain; charset=utf-8", text.as_bytes()).await
    }

    async fn json(&mut self, path: &str, value: &impl Serialize) -> Result<Part, Error> {
        self.document(path, "application/json", &pretty(value)).await
    }

    async fn payload_documents(&mut self, facts: &Facts, parts: &[Part]) -> Result<Vec<Part>, Error> {
        let services = services(facts, parts);
        let page = page::render(facts, &services)?;
        let mut made = vec![
            self.document("data/index.html", "text/html; charset=utf-8", page.as_bytes()).await?,
            self.json("data/completeness.json", &completeness::document(facts, &services)).await?,
            self.json("data/disclosure.json", &disclosure::document(facts)).await?,
        ];
        for (name, schema) in [
            ("completeness", schema::COMPLETENESS),
            ("disclosure", schema::DISCLOSURE),
            ("ro-crate", schema::RO_CRATE),
        ] {
            let path = format!("data/schemas/{name}.schema.json");
            made.push(self.document(&path, "application/schema+json", schema.as_bytes()).await?);
        }
        for (described, categories) in facts.in_scope() {
            for category in categories.into_iter().filter(|category| !category.json_schema.is_empty()) {
                let name = super::name::safe(&format!("{}.{}", described.name, category.name));
                let path = format!("data/schemas/{name}.schema.json");
                let schema = category.json_schema.as_bytes();
                made.push(self.document(&path, "application/schema+json", schema).await?);
            }
        }
        Ok(made)
    }

    async fn crate_metadata(
        &mut self,
        facts: &Facts,
        parts: &[Part],
        documents: &[Part],
    ) -> Result<Part, Error> {
        let metadata = ro_crate::document(facts, &services(facts, parts), documents);
        self.document("ro-crate-metadata.json", "application/ld+json", &pretty(&metadata)).await
    }

    /// Line by line, since there may be very many.
    async fn manifest(&mut self, path: &str, parts: &[Part]) -> Result<Part, Error> {
        let about = About {
            path: path.to_owned(),
            category: None,
            media_type: "text/plain; charset=utf-8".to_owned(),
        };
        let id = self.press.begin(about);
        for part in parts {
            self.press.write(id, format!("{}  {}\n", part.sha256, part.path).as_bytes()).await?;
        }
        self.press.end(id).await
    }
}

/// JSON for programs that a person can read, with a newline at its end.
pub(super) fn pretty(value: &impl Serialize) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value).expect("documents have string keys and finite numbers");
    bytes.push(b'\n');
    bytes
}
