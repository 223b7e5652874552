//! What may come next in a collection's stream, and whether what came is what the contract allows. Pure.

use std::{collections::BTreeSet, fmt};

use bytes::Bytes;

use super::{Count, Counts, Failure, convert, json};
use crate::{domain::Withheld, proto::downstream::v1};

/// As the contract says: a record is held in memory, and so is what a reader of the export parses at once.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// As the contract says: enough for full speed, small enough to hold many.
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// As the contract says: it is stored with the task.
const TOKEN_BYTES_MAX: usize = 4 << 10;

/// As the contract says: what common file systems take with room for a prefix.
const FILE_NAME_BYTES_MAX: usize = 128;

/// Two names of 127 characters and a slash (RFC 6838, 4.2), without parameters.
const MEDIA_TYPE_BYTES_MAX: usize = 255;

/// As the contract says: words, not data.
const DESCRIPTION_BYTES_MAX: usize = 256;

/// Withheld messages of one attempt at the most. They are kept in the task's row; a count stands for many items.
const WITHHELD_MAX: u32 = 10_000;

/// One checked thing out of a collection's stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Item {
    /// One record.
    Record {
        /// A category that was asked for.
        category: String,
        /// One JSON object, UTF-8, without line breaks, at most 1 MiB and 64 levels deep.
        json: Bytes,
    },
    /// A file begins. Its chunks follow at once, then its end.
    FileBegin {
        /// A category that was asked for.
        category: String,
        /// 1 to 128 bytes, without slashes and control characters, not `.` or `..`. Still foreign, and not unique.
        name: String,
        /// Such as `application/pdf`, or empty. Foreign.
        media_type: String,
    },
    /// At most 1 MiB of the file.
    FileChunk(Bytes),
    /// The file is complete.
    FileEnd {
        /// What the SHA-256 of the whole file has to be: 32 bytes, or empty if the downstream does not say. Whoever
        /// hashes the file compares.
        sha256: Bytes,
    },
    /// Something is not disclosed.
    Withheld {
        /// A category that was asked for.
        category: String,
        /// What, how much and why.
        withheld: Withheld,
    },
    /// Everything before this has been sent: the place to go on from, 1 to 4,096 bytes.
    ResumeToken(Bytes),
}

impl Item {
    /// Bytes of content: of the record, or of the piece of a file.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Record { json, .. } => json.len() as u64,
            Self::FileChunk(data) => data.len() as u64,
            _ => 0,
        }
    }
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { category, json } => {
                write!(f, "Record({category}: {} bytes, redacted)", json.len())
            }
            Self::FileBegin { category, .. } => write!(f, "FileBegin({category}: redacted)"),
            Self::FileChunk(data) => write!(f, "FileChunk({} bytes, redacted)", data.len()),
            Self::FileEnd { .. } => f.write_str("FileEnd"),
            Self::Withheld { category, withheld } => write!(f, "Withheld({category}: {})", withheld.count),
            Self::ResumeToken(token) => write!(f, "ResumeToken({} bytes)", token.len()),
        }
    }
}

/// How far a collection has come.
pub(super) struct Progress {
    categories: BTreeSet<String>,
    counts: Counts,
    /// The category of the file that is open.
    open_file: Option<String>,
    withheld_messages: u32,
    is_summed_up: bool,
}

impl Progress {
    /// A collection of these categories, of which `so_far` arrived in earlier attempts.
    pub(super) fn new(categories: &[String], so_far: Counts) -> Self {
        Self {
            categories: categories.iter().cloned().collect(),
            counts: so_far,
            open_file: None,
            withheld_messages: 0,
            is_summed_up: false,
        }
    }

    /// What has arrived, that of earlier attempts included.
    pub(super) const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Checks the next message. `None` is the summary, after which only the end may come.
    pub(super) fn admit(&mut self, message: v1::CollectResponse) -> Result<Option<Item>, Failure> {
        use v1::collect_response::Item as I;
        if self.is_summed_up {
            return Err(Failure::violation("something came after the summary"));
        }
        let item = message.item.ok_or_else(|| Failure::violation("a message of the stream is empty"))?;
        if self.open_file.is_some() && !matches!(item, I::FileChunk(_) | I::FileEnd(_)) {
            return Err(Failure::violation("a file was not ended before something else came"));
        }
        match item {
            I::Record(record) => self.record(record).map(Some),
            I::FileBegin(begin) => self.file_begin(begin).map(Some),
            I::FileChunk(chunk) => self.file_chunk(chunk).map(Some),
            I::FileEnd(end) => self.file_end(end).map(Some),
            I::Withheld(withheld) => self.withheld(withheld).map(Some),
            I::ResumeToken(token) => resume_token(token).map(Some),
            I::Summary(summary) => self.summary(&summary).map(|()| None),
        }
    }

    /// The stream has ended cleanly: was it complete?
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.is_summed_up {
            Ok(())
        } else {
            // Not a violation: this is what a downstream that restarts looks like through a proxy.
            Err(Failure::unavailable("the stream ended without a summary"))
        }
    }

    fn record(&mut self, record: v1::Record) -> Result<Item, Failure> {
        let category = self.asked_for("a record", record.category)?;
        json::object(&record.json, RECORD_BYTES_MAX)
            .map_err(|why| Failure::violation(format!("a record of {category} {why}")))?;
        self.counts.of(&category).records += 1;
        Ok(Item::Record { category, json: json::on_one_line(record.json) })
    }

    fn file_begin(&mut self, begin: v1::FileBegin) -> Result<Item, Failure> {
        let category = self.asked_for("a file", begin.category)?;
        let name = begin.name;
        let is_plain = (1..=FILE_NAME_BYTES_MAX).contains(&name.len())
            && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\'))
            && !matches!(name.as_str(), "." | "..");
        if !is_plain {
            let rule = format!("must be a plain name of 1 to {FILE_NAME_BYTES_MAX} bytes, without folders");
            return Err(Failure::violation(format!("a file name of {category} {rule}")));
        }
        let media_type = convert::text("", begin.media_type, MEDIA_TYPE_BYTES_MAX).map_err(|fault| {
            Failure::violation(format!("a media type of {category} {}", fault.description))
        })?;
        self.open_file = Some(category.clone());
        Ok(Item::FileBegin { category, name, media_type })
    }

    fn file_chunk(&mut self, chunk: v1::FileChunk) -> Result<Item, Failure> {
        let category =
            self.open_file.as_ref().ok_or_else(|| Failure::violation("a chunk came without a file"))?;
        if chunk.data.len() > CHUNK_BYTES_MAX {
            let message = format!(
                "a chunk of {category} has {} bytes, the limit is {CHUNK_BYTES_MAX}",
                chunk.data.len()
            );
            return Err(Failure::violation(message));
        }
        Ok(Item::FileChunk(chunk.data))
    }

    fn file_end(&mut self, end: v1::FileEnd) -> Result<Item, Failure> {
        let category =
            self.open_file.take().ok_or_else(|| Failure::violation("a file ended that had not begun"))?;
        if !matches!(end.sha256.len(), 0 | 32) {
            let message = format!("the SHA-256 of a file of {category} has {} bytes", end.sha256.len());
            return Err(Failure::violation(message));
        }
        self.counts.of(&category).files += 1;
        Ok(Item::FileEnd { sha256: end.sha256 })
    }

    fn withheld(&mut self, message: v1::Withheld) -> Result<Item, Failure> {
        let category = self.asked_for("a withheld item", message.category)?;
        let violation = |what: String| Failure::violation(format!("a withheld item of {category}: {what}"));
        self.withheld_messages += 1;
        if self.withheld_messages > WITHHELD_MAX {
            return Err(violation(format!("more than {WITHHELD_MAX} such messages came; use their counts")));
        }
        let description = convert::text("description", message.description, DESCRIPTION_BYTES_MAX)
            .map_err(|fault| violation(fault.to_string()))?;
        let ground =
            convert::ground(message.ground).map_err(|fault| violation(fault.under("ground").to_string()))?;
        let sum = self.counts.get(&category).withheld.checked_add(message.count);
        let sum = sum.ok_or_else(|| violation("the counts cannot be added up".into()))?;
        self.counts.of(&category).withheld = sum;
        Ok(Item::Withheld { category, withheld: Withheld { description, count: message.count, ground } })
    }

    fn summary(&mut self, summary: &v1::Summary) -> Result<(), Failure> {
        let mut missing: BTreeSet<&str> = self.categories.iter().map(String::as_str).collect();
        for said in &summary.categories {
            let Some(category) = self.categories.get(&said.category) else {
                return Err(Failure::violation("the summary names a category that was not asked for"));
            };
            if !missing.remove(category.as_str()) {
                return Err(Failure::violation(format!("the summary names {category} twice")));
            }
            let arrived = self.counts.get(category);
            let said = Count { records: said.records, files: said.files, withheld: said.withheld };
            agree(category, said, arrived)?;
        }
        if let Some(category) = missing.first() {
            return Err(Failure::violation(format!("the summary does not name {category}")));
        }
        self.is_summed_up = true;
        Ok(())
    }

    /// The category, if it was asked for. What was not asked for is not repeated: it may be anything.
    fn asked_for(&self, what: &str, category: String) -> Result<String, Failure> {
        if self.categories.contains(&category) {
            Ok(category)
        } else {
            Err(Failure::violation(format!("{what} is of a category that was not asked for")))
        }
    }
}

pub(super) fn resume_token(message: v1::ResumeToken) -> Result<Item, Failure> {
    if (1..=TOKEN_BYTES_MAX).contains(&message.token.len()) {
        Ok(Item::ResumeToken(message.token))
    } else {
        let message =
            format!("a resume token has {} bytes, 1 to {TOKEN_BYTES_MAX} may be", message.token.len());
        Err(Failure::violation(message))
    }
}

fn agree(category: &str, said: Count, arrived: Count) -> Result<(), Failure> {
    for (what, said, arrived) in [
        ("records", said.records, arrived.records),
        ("files", said.files, arrived.files),
        ("withheld items", said.withheld, arrived.withheld),
    ] {
        if said != arrived {
            let message = format!("the summary of {category} says {said} {what}, {arrived} arrived");
            return Err(Failure::violation(message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
