//! Whether an erasure or another change did what the downstream says: by collecting again.

use super::{CategoryOutcome, CategoryResult};

/// A category of which more was found after the erasure than was declared to remain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// Which.
    pub category: String,
    /// Records and files found.
    pub remaining: u64,
    /// Records that may remain: declared as retained or restricted.
    pub allowed: u64,
}

/// Whether more was found after an erasure than the records that were declared to remain. Outcomes count records; files
/// go with the records that they belong to, so they may stay only where records may.
pub fn exceeds(records: u64, files: u64, declared: u64) -> bool {
    records > declared || (declared == 0 && files > 0)
}

/// The leftovers of a task's results after the second collection. Empty means: confirmed.
///
/// A category without an outcome was declared untouched-and-empty, so nothing of it may remain.
pub fn leftovers(results: &[CategoryResult]) -> Vec<Leftover> {
    results
        .iter()
        .filter_map(|result| {
            let remaining = result.remaining.as_ref()?;
            let declared = result.outcome.as_ref().map_or(0, CategoryOutcome::may_remain);
            exceeds(remaining.records, remaining.files, declared).then(|| Leftover {
                category: result.category.clone(),
                remaining: remaining.items(),
                allowed: declared,
            })
        })
        .collect()
}

/// What speaks against a rectification, in words without values. Empty means: confirmed.
///
/// As many records as the downstream declared as retained on a ground may hold a wrong value still. Where it says that it
/// rectified something, the new value must be seen.
pub fn unrectified(results: &[CategoryResult]) -> Vec<String> {
    let mut against = Vec::new();
    for result in results {
        let outcome = result.outcome.as_ref();
        let (allowed, rectified) = outcome.map_or((0, 0), |outcome| (outcome.retained(), outcome.rectified));
        for field in &result.fields {
            let after = field.after.unwrap_or_default();
            if after.old > allowed {
                let (category, path) = (&result.category, &field.field);
                against.push(format!(
                    "{category} {path}: {} found with a wrong value after the rectification, {allowed} declared to keep it",
                    after.old
                ));
            }
        }
        let is_seen = result.fields.iter().any(|field| field.after.is_some_and(|after| after.new > 0));
        if rectified > 0 && !is_seen {
            against.push(format!(
                "{}: {rectified} declared as rectified, none found with a new value",
                result.category
            ));
        }
    }
    against
}

/// What speaks against a restriction, or against its lifting, in words. Empty means: confirmed.
///
/// Nothing may be lost. Every record that there was must be declared as restricted, or as retained on a ground; what was
/// lifted need not have been restricted before.
pub fn unrestricted(results: &[CategoryResult], lift: bool) -> Vec<String> {
    let mut against = Vec::new();
    for result in results {
        let Some(remaining) = &result.remaining else { continue };
        let (category, found) = (&result.category, &result.found);
        if remaining.records < found.records || remaining.files < found.files {
            let (before, after) = (found.items(), remaining.items());
            against.push(format!("{category}: {before} found before, {after} after: nothing may be lost"));
        }
        let declared = result.outcome.as_ref().map_or(0, CategoryOutcome::may_remain);
        if !lift && declared < found.records {
            against.push(format!("{category}: {} found, {declared} declared as restricted", found.records));
        }
    }
    against
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{FieldResult, Ground, GroundCode, Retained, Sighting, outcome::Tally};

    fn result(records: u64, files: u64, retained: u64) -> CategoryResult {
        let ground = Ground { code: GroundCode::LegalObligation, source: String::new(), note: String::new() };
        CategoryResult {
            outcome: Some(CategoryOutcome {
                retained: vec![Retained { count: retained, ground, release_at: None }],
                ..CategoryOutcome::default()
            }),
            remaining: Some(Tally { records, files, digest: String::new() }),
            ..CategoryResult::new("invoices")
        }
    }

    #[test]
    fn only_what_is_declared_may_remain() {
        assert_eq!(leftovers(&[result(0, 0, 0), result(3, 1, 3), result(2, 0, 3)]), []);
        let found = leftovers(&[result(4, 1, 3)]);
        assert_eq!((found[0].remaining, found[0].allowed), (5, 3));
        assert_eq!(leftovers(&[result(0, 1, 0)]).len(), 1, "a file without a retained record");
    }

    #[test]
    fn a_rectification_is_confirmed_by_what_is_found() {
        let found = |rectified, retained, old, new| {
            let mut result = result(2, 0, retained);
            result.outcome.as_mut().unwrap().rectified = rectified;
            let after = Some(Sighting { present: 2, old, new });
            result.fields = vec![FieldResult { field: "/name".into(), after, ..FieldResult::default() }];
            unrectified(&[result])
        };
        assert!(found(2, 0, 0, 2).is_empty() && found(0, 0, 0, 0).is_empty());
        assert!(found(1, 1, 1, 1).is_empty(), "one stays as it was, on a ground");
        assert_eq!(found(2, 0, 1, 1).len(), 1, "one still holds the wrong value");
        assert_eq!(found(2, 0, 0, 0).len(), 1, "the new value is nowhere");
        assert_eq!(found(0, 0, 2, 0).len(), 1, "nothing was put right");
    }

    #[test]
    fn a_restriction_loses_nothing_and_leaves_nothing_out() {
        let found = |restricted, retained, remaining, lift| {
            let mut result = result(remaining, 0, retained);
            result.found.records = 3;
            result.outcome.as_mut().unwrap().restricted = restricted;
            unrestricted(&[result], lift)
        };
        assert!(found(3, 0, 3, false).is_empty() && found(2, 1, 4, false).is_empty());
        assert!(found(0, 0, 3, true).is_empty(), "nothing was restricted before");
        assert_eq!(found(2, 0, 3, false).len(), 1, "one is used on");
        assert_eq!(found(3, 0, 2, false).len(), 1, "one is lost");
        assert_eq!(found(0, 0, 2, true).len(), 1);
    }

    #[test]
    fn a_category_without_an_outcome_may_keep_nothing() {
        let mut silent = result(1, 0, 0);
        silent.outcome = None;
        assert_eq!(leftovers(&[silent]).len(), 1);
    }
}
