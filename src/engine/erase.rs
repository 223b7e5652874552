//! Erase: note what is there, erase, and collect again to see whether that is true.
//!
//! **Expected flow.** `note` counts and digests what the downstream holds, and is recorded before anything is erased:
//! after a crash in the middle nobody could tell any more. `erase` sends the directives; a downstream that works in the
//! background is polled. `verify` collects again; only what was declared as retained or restricted may remain.
//!
//! **Guarantees.** Erasure is verified, not believed. There is no undo, so there is no unwinding either: failures are
//! retried until the case is due, and then a person decides.

use super::{
    attempt::{Attempt, Trouble},
    record::Step,
};
use crate::{
    domain::{CategoryOutcome, CategoryResult, Directive},
    downstream::Answer,
};

impl Attempt {
    /// What there is before the erasure.
    pub(super) async fn note(&self) -> Result<Step, Trouble> {
        Ok(Step::Noted(self.count().await?))
    }

    /// Sends the directives.
    pub(super) async fn erase(&self, directives: &[Directive]) -> Result<Step, Trouble> {
        let answer = self.client.erase(self.task.call_id, &self.subject, directives, false).await?;
        Ok(self.answered(answer))
    }

    /// Asks how an accepted erasure stands.
    pub(super) async fn poll(&self, directives: &[Directive]) -> Result<Step, Trouble> {
        let answer = self.client.poll(self.task.call_id, directives).await?;
        Ok(answer.map_or(Step::Forgotten, |answer| self.answered(answer)))
    }

    /// What there is after it.
    pub(super) async fn verify(&self) -> Result<Step, Trouble> {
        let mut results = self.task.results.clone();
        for after in self.count().await? {
            if let Some(result) = results.iter_mut().find(|result| result.category == after.category) {
                result.remaining = Some(after.found);
            }
        }
        Ok(Step::Verified(results))
    }

    fn answered(&self, answer: Answer) -> Step {
        match answer {
            Answer::Done(outcomes) => Step::Erased(with_outcomes(self.task.results.clone(), outcomes)),
            Answer::Working { poll_after } => Step::Accepted { poll_after },
            Answer::Refused(ground) => Step::Refused(ground),
        }
    }
}

/// Adds the outcomes. After a retry there is one already: what was erased adds up, what is kept is as it is now.
pub(super) fn with_outcomes(
    mut results: Vec<CategoryResult>,
    outcomes: Vec<CategoryOutcome>,
) -> Vec<CategoryResult> {
    for mut outcome in outcomes {
        let Some(result) = results.iter_mut().find(|result| result.category == outcome.category) else {
            continue;
        };
        if let Some(before) = &result.outcome {
            outcome.erased = outcome.erased.saturating_add(before.erased);
            outcome.anonymised = outcome.anonymised.saturating_add(before.anonymised);
        }
        result.outcome = Some(outcome);
    }
    results
}
