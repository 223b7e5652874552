//! Counts what a collection brings, by category, without keeping it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Error, hex};
use crate::domain::outcome::Tally;
use crate::domain::sighting::Probe;
use crate::domain::{CategoryResult, Withheld};

/// Categories of one collection: several times what the largest services hold. Each may cost a piece of memory.
const CATEGORIES: usize = 256;
/// Different withheld items of one collection; equal ones are added up.
const WITHHELD: usize = 1_000;
/// Files of one collection. Beyond this nobody opens them one by one, and the bag's lists grow past reading.
const FILES: u64 = 10_000;

/// A sum of SHA-256 digests modulo 2^256: the digest of a multiset, which does not depend on the order (Clarke et al.,
/// Incremental Multiset Hash Functions, 2003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum([u8; 32]);

impl Sum {
    fn add(&mut self, digest: &[u8; 32]) {
        let mut carry = 0_u16;
        for (sum, byte) in self.0.iter_mut().zip(digest).rev() {
            let [high, low] = (u16::from(*sum) + u16::from(*byte) + carry).to_be_bytes();
            *sum = low;
            carry = u16::from(high);
        }
    }
}

/// The counts of one category.
#[derive(Clone, Debug, Default)]
struct Count {
    records: u64,
    files: u64,
    sum: Sum,
    withheld: Vec<Withheld>,
}

/// The counts as they are kept in a progress.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct SavedCount {
    category: String,
    records: u64,
    files: u64,
    sum: String,
    withheld: Vec<Withheld>,
}

impl SavedCount {
    fn result(&self) -> CategoryResult {
        let found = Tally { records: self.records, files: self.files, digest: self.sum.clone() };
        CategoryResult { found, withheld: self.withheld.clone(), ..CategoryResult::new(&self.category) }
    }
}

/// Makes a keyed digest of a value.
pub type Digest = Box<dyn Fn(&str) -> String + Send + Sync>;

/// Counts one collection, to compare what is there before and after an erasure or change. It takes the same calls as a
/// [`super::Collector`] and comes to the same results.
#[derive(Default)]
pub struct Counter {
    counts: BTreeMap<String, Count>,
    files: u64,
    withheld: usize,
    file: Option<(String, Sha256)>,
    probes: Vec<Probe>,
    digest: Option<Digest>,
}

impl Counter {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at fields while it counts. What is found of them leaves it as digests.
    pub fn looking(probes: Vec<Probe>, digest: Digest) -> Self {
        Self { probes, digest: Some(digest), ..Self::default() }
    }

    fn count(&mut self, category: &str) -> Result<&mut Count, Error> {
        if !self.counts.contains_key(category) {
            if self.counts.len() >= CATEGORIES {
                return Err(Error::violation(format!("more than {CATEGORIES} categories")));
            }
            self.counts.insert(category.to_owned(), Count::default());
        }
        Ok(self.counts.get_mut(category).expect("it was inserted if it was missing"))
    }

    /// Counts a record: one JSON object.
    pub fn record(&mut self, category: &str, json: &[u8]) -> Result<(), Error> {
        let digest = Sha256::digest(&*line(json));
        let count = self.count(category)?;
        count.records += 1;
        count.sum.add(&digest.into());
        self.look(category, json)
    }

    fn look(&mut self, category: &str, json: &[u8]) -> Result<(), Error> {
        let mut probes = self.probes.iter_mut().filter(|probe| probe.category() == category).peekable();
        if probes.peek().is_some() {
            let record =
                serde_json::from_slice(json).map_err(|_| Error::violation("a record is not JSON"))?;
            probes.for_each(|probe| probe.look(&record));
        }
        Ok(())
    }

    /// Begins a file.
    pub fn file_begin(&mut self, category: &str) -> Result<(), Error> {
        self.files += 1;
        if self.files > FILES {
            return Err(Error::violation(format!("more than {FILES} files")));
        }
        if self.file.is_some() {
            return Err(Error::violation("a file begins inside another"));
        }
        self.count(category)?;
        self.file = Some((category.to_owned(), Sha256::new()));
        Ok(())
    }

    /// The next bytes of the file.
    pub fn file_chunk(&mut self, data: &[u8]) -> Result<(), Error> {
        let (_, sha256) = self.file.as_mut().ok_or_else(|| Error::violation("a chunk outside of a file"))?;
        sha256.update(data);
        Ok(())
    }

    /// Ends the file. The digest given, unless it is empty, must be that of what came.
    pub fn file_end(&mut self, given: &[u8]) -> Result<(), Error> {
        let (category, sha256) =
            self.file.take().ok_or_else(|| Error::violation("the end of a file that did not begin"))?;
        let digest: [u8; 32] = sha256.finalize().into();
        if !given.is_empty() && given != digest {
            return Err(Error::violation("the digest of a file does not match its bytes"));
        }
        let count = self.count(&category)?;
        count.files += 1;
        count.sum.add(&digest);
        Ok(())
    }

    /// Notes what is not disclosed.
    pub fn withheld(&mut self, category: &str, withheld: Withheld) -> Result<(), Error> {
        let count = self.count(category)?;
        let same = |known: &&mut Withheld| {
            known.description == withheld.description && known.ground == withheld.ground
        };
        if let Some(known) = count.withheld.iter_mut().find(same) {
            known.count = known.count.saturating_add(withheld.count);
            return Ok(());
        }
        count.withheld.push(withheld);
        self.withheld += 1;
        if self.withheld > WITHHELD {
            return Err(Error::violation(format!("more than {WITHHELD} different withheld items")));
        }
        Ok(())
    }

    /// Whether a file has begun and not ended.
    pub(super) fn is_in_file(&self) -> bool {
        self.file.is_some()
    }

    /// The counts, by category.
    pub fn finish(self) -> Vec<CategoryResult> {
        let mut results = results(&self.save());
        for probe in &self.probes {
            let found =
                probe.finish(|text| self.digest.as_ref().map_or_else(String::new, |digest| digest(text)));
            match results.iter_mut().find(|result| result.category == probe.category()) {
                Some(result) => result.fields.push(found),
                None => results
                    .push(CategoryResult { fields: vec![found], ..CategoryResult::new(probe.category()) }),
            }
        }
        results
    }

    pub(super) fn save(&self) -> Vec<SavedCount> {
        let saved = |(category, count): (&String, &Count)| SavedCount {
            category: category.clone(),
            records: count.records,
            files: count.files,
            sum: hex::encode(&count.sum.0),
            withheld: count.withheld.clone(),
        };
        self.counts.iter().map(saved).collect()
    }

    pub(super) fn restore(saved: Vec<SavedCount>) -> Result<Self, Error> {
        let mut counter = Self::default();
        for saved in saved {
            let sum = hex::decode(&saved.sum).and_then(|bytes| bytes.try_into().ok());
            let sum = Sum(sum.ok_or_else(|| Error::Corrupt("a saved progress".to_owned()))?);
            counter.files += saved.files;
            counter.withheld += saved.withheld.len();
            let count = Count { records: saved.records, files: saved.files, sum, withheld: saved.withheld };
            counter.counts.insert(saved.category, count);
        }
        Ok(counter)
    }
}

pub(super) fn results(saved: &[SavedCount]) -> Vec<CategoryResult> {
    saved.iter().map(SavedCount::result).collect()
}

/// The record as one line: line breaks in JSON can only stand between tokens, where a space does as well.
pub(super) fn line(json: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    // Counting goes over many bytes at a time, which a search that may stop at each of them does not.
    if json.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count() > 0 {
        json.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
    } else {
        json.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_carries_and_wraps() {
        let mut sum = Sum([255; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        sum.add(&one);
        assert_eq!(sum, Sum([0; 32]));
        sum.add(&[255; 32]);
        sum.add(&[255; 32]);
        let mut expected = [255; 32];
        expected[31] = 254;
        assert_eq!(sum, Sum(expected));
    }

    #[test]
    fn order_does_not_matter_but_content_does() {
        let count = |records: &[&str]| {
            let mut counter = Counter::new();
            for record in records {
                counter.record("a", record.as_bytes()).unwrap();
            }
            counter.finish()
        };
        assert_eq!(count(&["{}", "{\"x\":1}"]), count(&["{\"x\":1}", "{}"]));
        assert_ne!(count(&["{}", "{}"]), count(&["{}"]));
        assert_ne!(count(&["{\"x\":1}"])[0].found.digest, count(&["{\"x\":2}"])[0].found.digest);
    }

    #[test]
    fn a_file_must_match_its_digest() {
        let mut counter = Counter::new();
        counter.file_begin("a").unwrap();
        counter.file_chunk(b"abc").unwrap();
        assert!(matches!(counter.file_end(&[0; 32]), Err(Error::Violation(_))));
        counter.file_begin("a").unwrap();
        counter.file_chunk(b"abc").unwrap();
        counter.file_end(&Sha256::digest(b"abc")).unwrap();
        assert!(counter.file_chunk(b"x").is_err() && counter.file_end(&[]).is_err());
        assert_eq!(counter.finish()[0].found.files, 1);
    }

    #[test]
    fn too_many_files() {
        let mut counter = Counter::new();
        for _ in 0..FILES {
            counter.file_begin("a").unwrap();
            counter.file_end(&[]).unwrap();
        }
        assert!(matches!(counter.file_begin("a"), Err(Error::Violation(_))));
    }
}
