//! Judge: what an attempt says about its downstream, for all replicas to know.
//!
//! **Guarantees.** None for a single attempt: a judgement that is lost costs a call. A lane is written only when it would
//! change, so a healthy downstream costs nothing.

use jiff::Timestamp;

use super::{Engine, Error};
use crate::{
    domain::{Lane, TaskReason},
    downstream::Failure,
};

impl Engine {
    /// The downstream answered.
    pub(super) fn note_answer(&self, downstream: &str) {
        let lane = self.0.directory.get(downstream).map(|known| known.lane).unwrap_or_default();
        if !lane.breaker.is_pristine() || lane.held_until.is_some() {
            self.judge(downstream, Lane::answered);
        }
    }

    /// The downstream did not do what it was asked to.
    pub(super) fn note_failure(&self, downstream: &str, failure: &Failure) {
        if failure.reason != TaskReason::Unavailable {
            // Whoever refuses, or answers nonsense, is there.
            return self.note_answer(downstream);
        }
        let now = self.0.clock.now();
        let hint = failure.retry_after.filter(|_| failure.exhausted);
        let held_until = hint.map(|hint| {
            let hint = hint.min(self.0.settings.retry.hint_max());
            now.saturating_add(hint).unwrap_or(Timestamp::MAX)
        });
        let policy = self.0.settings.breaker;
        self.judge(downstream, move |lane| lane.failed(now, &policy, held_until));
    }

    /// Written beside the record of the attempt, with which it shares a commit as a rule.
    fn judge(&self, downstream: &str, change: impl Fn(&mut Lane) + Send + 'static) {
        let (engine, downstream) = (self.clone(), downstream.to_owned());
        tokio::spawn(async move {
            match engine.0.store.change_lane(&downstream, change).await {
                Ok(lane) => engine.0.directory.see_lane(&downstream, lane),
                Err(error) => Error::from(error).say("a lane was not changed"),
            }
        });
    }
}
