//! Whether an erasure did what the downstream says: by collecting again.

use super::CategoryResult;

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
            let declared = result.outcome.as_ref().map_or(0, super::CategoryOutcome::may_remain);
            exceeds(remaining.records, remaining.files, declared).then(|| Leftover {
                category: result.category.clone(),
                remaining: remaining.items(),
                allowed: declared,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CategoryOutcome, Ground, GroundCode, Retained, outcome::Tally};

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
    fn a_category_without_an_outcome_may_keep_nothing() {
        let mut silent = result(1, 0, 0);
        silent.outcome = None;
        assert_eq!(leftovers(&[silent]).len(), 1);
    }
}
