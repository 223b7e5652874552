//! The people that puppets know.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use rightful::proto::downstream::v1::{
    Action, CategoryOutcome, Directive, Ground, Outcome, Retained, Subject, Withheld,
};
use serde_json::Value;

/// When what is retained may be erased: 2031-01-01.
const RELEASE_SECONDS: i64 = 1_924_992_000;

/// A record that went, where the time is known.
#[derive(Clone, Debug)]
pub struct Gone {
    pub json: Value,
    pub at: Timestamp,
}

/// A file of a person.
#[derive(Clone)]
pub struct File {
    pub category: String,
    pub name: String,
    pub media_type: String,
    pub data: Bytes,
}

/// What one puppet holds about one person.
#[derive(Clone, Default)]
pub struct Person {
    pub identifiers: Vec<(String, String)>,
    /// Category and JSON text, in the order in which they are sent.
    pub records: Vec<(String, Bytes)>,
    pub files: Vec<File>,
    pub withheld: Vec<Withheld>,
    /// Categories that are not used.
    pub restricted: BTreeSet<String>,
    /// Uses and purposes that have stopped.
    pub stopped: BTreeSet<String>,
}

impl Person {
    /// Somebody with these identifiers.
    pub fn new(identifiers: &[(&str, &str)]) -> Self {
        let identifiers = identifiers.iter().map(|(kind, value)| ((*kind).into(), (*value).into())).collect();
        Self { identifiers, ..Self::default() }
    }

    /// With one more record. `"keep": true` in it makes the puppet retain it where a directive allows that.
    pub fn record(mut self, category: &str, json: &Value) -> Self {
        self.records.push((category.to_owned(), json.to_string().into()));
        self
    }

    /// With so many small records of a category.
    pub fn records(self, category: &str, count: usize) -> Self {
        (0..count).fold(self, |person, number| {
            person.record(category, &serde_json::json!({ "number": number, "note": "ordinary" }))
        })
    }

    /// With a file.
    pub fn file(mut self, category: &str, name: &str, data: impl Into<Bytes>) -> Self {
        let media_type = "application/octet-stream".to_owned();
        self.files.push(File { category: category.into(), name: name.into(), media_type, data: data.into() });
        self
    }

    /// With something that is not disclosed.
    pub fn withheld(mut self, category: &str, description: &str, count: u64, ground: Ground) -> Self {
        let (category, description) = (category.to_owned(), description.to_owned());
        self.withheld.push(Withheld { category, description, count, ground: Some(ground) });
        self
    }

    /// Whether one of the subject's identifiers is theirs, among the kinds that are understood.
    pub fn is_meant(&self, subject: &Subject, understands: &[String]) -> bool {
        subject.identifiers.iter().any(|asked| {
            understands.contains(&asked.kind)
                && self.identifiers.iter().any(|(kind, value)| *kind == asked.kind && *value == asked.value)
        })
    }

    /// Records of a category.
    pub fn count(&self, category: &str) -> u64 {
        self.records.iter().filter(|(of, _)| of == category).count() as u64
    }

    /// Records and files.
    pub fn items(&self) -> usize {
        self.records.len() + self.files.len()
    }
}

/// Erases from these people as directed; with `half` only every second record of what it says it erased. Where the time
/// is known, a record with a `release` is kept until then.
pub fn erase<'a>(
    people: impl Iterator<Item = &'a mut Person>,
    directives: &[Directive],
    half: bool,
    now: Option<Timestamp>,
) -> (Outcome, Vec<Gone>) {
    let empty = |directive: &Directive| CategoryOutcome {
        category: directive.category.clone(),
        ..CategoryOutcome::default()
    };
    let mut categories: Vec<CategoryOutcome> = directives.iter().map(empty).collect();
    let mut gone = Vec::new();
    for person in people {
        for (directive, outcome) in directives.iter().zip(&mut categories) {
            gone.extend(erase_category(person, directive, (half, now), outcome));
        }
    }
    (Outcome { categories }, gone)
}

fn erase_category(
    person: &mut Person,
    directive: &Directive,
    (half, now): (bool, Option<Timestamp>),
    outcome: &mut CategoryOutcome,
) -> Vec<Gone> {
    let own = |category: &String| *category == directive.category;
    if directive.action() == Action::Restrict {
        outcome.restricted += person.records.iter().filter(|(category, _)| own(category)).count() as u64;
        return Vec::new();
    }
    let retains = directive.action() == Action::Retain;
    let (mut kept, mut erased) = (BTreeMap::new(), 0);
    let mut gone = Vec::new();
    person.records.retain(|(category, json)| {
        if !own(category) {
            return true;
        }
        let record: Value = serde_json::from_slice(json).unwrap_or_default();
        if let Some(release) = release(&record, now).filter(|_| retains) {
            *kept.entry(release).or_insert(0) += 1;
            return true;
        }
        erased += 1;
        if let Some(at) = now {
            gone.push(Gone { json: record, at });
        }
        half && erased % 2 == 0
    });
    person.files.retain(|file| !own(&file.category));
    person.withheld.retain(|withheld| !own(&withheld.category));
    if directive.action() == Action::Anonymise {
        outcome.anonymised += erased;
    } else {
        outcome.erased += erased;
    }
    for (release, count) in kept {
        let release_time = release.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 });
        outcome.retained.push(Retained { count, ground: directive.ground.clone(), release_time });
    }
    gone
}

/// Until when a record is kept that must be kept; `Some(None)` if nobody says until when.
#[expect(clippy::option_option, reason = "kept or not, and if so, until a time or not")]
fn release(record: &Value, now: Option<Timestamp>) -> Option<Option<i64>> {
    if record["keep"] == true {
        return Some(Some(RELEASE_SECONDS));
    }
    if record["keep"] == "for ever" {
        return Some(None);
    }
    let release: Timestamp = record["release"].as_str()?.parse().ok()?;
    now.is_none_or(|now| now < release).then_some(Some(release.as_second()))
}
