//! Change: erase, rectify, restrict, and stop uses; and collect again to see, where that can show it.
//!
//! **Expected flow.** `note` counts and digests what the downstream holds, and is recorded before anything is changed:
//! after a crash in the middle nobody could tell any more. `change` asks for it; a downstream that works in the
//! background is polled. `verify` collects again: after an erasure only what was declared as retained or restricted may
//! remain, a corrected field must hold its new value, a restriction must lose nothing. That uses have stopped no
//! collection can show: there `change` is all, and the receipt says so.
//!
//! **Guarantees.** Changes are verified, not believed, where they can be. There is no undo, so there is no unwinding
//! either: failures are retried until the case is due, and then a person decides.

use super::{
    attempt::{Attempt, Trouble},
    record::Step,
};
use crate::{
    domain::{Ask, CategoryOutcome, CategoryResult},
    downstream::{Answer, Change},
};

impl Attempt {
    /// What there is before the change.
    pub(super) async fn note(&self) -> Result<Step, Trouble> {
        Ok(Step::Noted(self.count().await?))
    }

    /// Asks for it.
    pub(super) async fn change(&self) -> Result<Step, Trouble> {
        let change = Change {
            call_id: self.task.call_id,
            subject: &self.subject,
            ask: &self.task.ask,
            corrections: &self.corrections,
            dry_run: false,
        };
        let answer = self.client.change(change).await?;
        Ok(self.answered(answer))
    }

    /// Asks how an accepted change stands.
    pub(super) async fn poll(&self) -> Result<Step, Trouble> {
        let answer = self.client.poll(self.task.call_id, &self.task.ask).await?;
        Ok(answer.map_or(Step::Forgotten, |answer| self.answered(answer)))
    }

    /// What there is after it.
    pub(super) async fn verify(&self) -> Result<Step, Trouble> {
        let mut results = self.task.results.clone();
        for after in self.count().await? {
            let Some(result) = results.iter_mut().find(|result| result.category == after.category) else {
                continue;
            };
            result.remaining = Some(after.found);
            for (field, seen) in result.fields.iter_mut().zip(after.fields) {
                field.after = Some(seen.before);
            }
        }
        Ok(Step::Verified(results))
    }

    fn answered(&self, answer: Answer) -> Step {
        match answer {
            Answer::Done(outcomes) => {
                let results = with_outcomes(self.results(), outcomes);
                match self.task.ask {
                    Ask::Erase { .. } => Step::Erased(results),
                    Ask::Rectify { .. } | Ask::Restrict { .. } => Step::Changed(results),
                    Ask::Object { .. }
                    | Ask::WithdrawConsent { .. }
                    | Ask::Resolve { .. }
                    | Ask::Collect { .. } => Step::Stated(results),
                }
            }
            Answer::Working { poll_after } => Step::Accepted { poll_after },
            Answer::Refused(ground) => Step::Refused(ground),
        }
    }

    /// What is known so far: of a change that is not noted before, only its categories.
    fn results(&self) -> Vec<CategoryResult> {
        if self.task.results.is_empty() {
            self.task.ask.categories().into_iter().map(CategoryResult::new).collect()
        } else {
            self.task.results.clone()
        }
    }
}

/// Adds the outcomes. After a retry there is one already: what was done adds up, what is kept is as it is now.
pub(super) fn with_outcomes(
    mut results: Vec<CategoryResult>,
    outcomes: Vec<CategoryOutcome>,
) -> Vec<CategoryResult> {
    for mut outcome in outcomes {
        let Some(result) = results.iter_mut().find(|result| result.category == outcome.category) else {
            continue;
        };
        if let Some(before) = &result.outcome {
            outcome.add_earlier(before);
        }
        result.outcome = Some(outcome);
    }
    results
}
