//! What a collection shows of a field that is put right: how many records hold the wrong value, and how many the right one.
//! Values leave this file as keyed digests only.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Correction,
    correction::{canonical, same},
};

/// Different wrong values whose digests are kept: a name that was misspelt in a few ways. All are counted.
const OLD_DIGESTS_MAX: usize = 8;

/// How many records of a category show what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Records that have the field.
    pub present: u64,
    /// Records that hold a value to be replaced.
    pub old: u64,
    /// Records that hold the new value.
    pub new: u64,
}

/// What is known of one corrected field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldResult {
    /// The JSON pointer.
    pub field: String,
    /// Keyed digests of the different values that were to be replaced, at most 8.
    pub old_digests: Vec<String>,
    /// The keyed digest of the value that was asked for.
    pub new_digest: String,
    /// Before the change.
    pub before: Sighting,
    /// When it was collected again.
    pub after: Option<Sighting>,
}

/// Looks for one correction in the records of its category.
pub struct Probe {
    category: String,
    field: String,
    old: Option<Value>,
    new: Value,
    seen: Sighting,
    old_texts: Vec<String>,
}

impl Probe {
    /// Nothing seen yet.
    pub fn new(correction: &Correction) -> Self {
        Self {
            category: correction.of.category.clone(),
            field: correction.of.field.clone(),
            old: correction.old_value(),
            new: correction.new_value(),
            seen: Sighting::default(),
            old_texts: Vec::new(),
        }
    }

    /// Which category it is about.
    pub fn category(&self) -> &str {
        &self.category
    }

    /// Looks at one record of its category.
    pub fn look(&mut self, record: &Value) {
        let Some(value) = record.pointer(&self.field) else { return };
        self.seen.present += 1;
        if same(value, &self.new) {
            self.seen.new += 1;
        } else if self.old.as_ref().is_none_or(|old| same(value, old)) {
            self.seen.old += 1;
            let text = canonical(value);
            if self.old_texts.len() < OLD_DIGESTS_MAX && !self.old_texts.contains(&text) {
                self.old_texts.push(text);
            }
        }
    }

    /// What was seen. `digest` is keyed: without its key nobody can tell which value it was made of.
    pub fn finish(&self, digest: impl Fn(&str) -> String) -> FieldResult {
        let mut old_digests: Vec<String> = self.old_texts.iter().map(|text| digest(text)).collect();
        old_digests.sort_unstable();
        FieldResult {
            field: self.field.clone(),
            old_digests,
            new_digest: digest(&canonical(&self.new)),
            before: self.seen,
            after: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::CorrectionRef;

    fn seen(old: &str, records: &[Value]) -> FieldResult {
        let of =
            CorrectionRef { downstream: String::new(), category: "contacts".into(), field: "/name".into() };
        let mut probe = Probe::new(&Correction::new(of, old, "\"Ada\"").unwrap());
        for record in records {
            probe.look(record);
        }
        probe.finish(|text| format!("<{}>", text.len()))
    }

    #[test]
    fn with_an_old_value_others_are_left_alone() {
        let records =
            [json!({ "name": "Eda" }), json!({ "name": "Bob" }), json!({ "name": "Ada" }), json!({})];
        let with = seen("\"Eda\"", &records);
        assert_eq!(with.before, Sighting { present: 3, old: 1, new: 1 });
        assert_eq!(with.old_digests.len(), 1);
        let without = seen("", &records);
        assert_eq!(without.before, Sighting { present: 3, old: 2, new: 1 });
        assert_eq!(without.old_digests.len(), 2);
    }

    #[test]
    fn many_wrong_values_are_counted_and_few_are_digested() {
        let records: Vec<Value> = (0..20).map(|number| json!({ "name": number })).collect();
        let found = seen("", &records);
        assert_eq!((found.before.old, found.old_digests.len()), (20, OLD_DIGESTS_MAX));
    }
}
