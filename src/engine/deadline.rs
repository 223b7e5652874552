//! Deadline: what people say about a case's clocks: acknowledged, extended, paused, going on. And how many cases are due.
//!
//! **Guarantees.** Each is written down with the change of the case's due time, in one transaction. Said twice, it counts
//! once.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{CaseView, Engine, Error};
use crate::{
    domain::{
        CaseId, IllegalTransition,
        clock::{Extension, Overdue, Pause, PauseGround},
    },
    store::{CaseFile, Waiting},
    telemetry::metrics,
};

/// How often it is counted how many cases are due: an alert on it is in hours.
const COUNT_EVERY: SignedDuration = SignedDuration::from_secs(60);

impl Engine {
    /// The person was told that the answer takes longer.
    pub async fn extend(&self, id: CaseId, extension: Extension) -> Result<CaseView, Error> {
        self.decide(id, move |file, handling| {
            let clocks = &mut file.case.proceedings.clocks;
            let is_known = |known: &Extension| (known.ground, known.told_at) == (extension.ground, extension.told_at);
            if clocks.extension.as_ref().is_some_and(is_known) {
                return Ok(());
            }
            let told_at = extension.told_at;
            check_told(told_at, file)?;
            must_be_open(file, "extend")?;
            let before = file.case.due_at;
            let clocks = &mut file.case.proceedings.clocks;
            clocks.extend(extension.clone(), &handling.table).map_err(|overdue| match overdue {
                Overdue::NotExtendable(regimes) => Error::NotExtendable { regimes },
                Overdue::TooLate(due_at) => {
                    Error::TooLate { event: "extend", with: ("due_time", due_at.to_string()) }
                }
            })?;
            file.set_due();
            let data = json!({
                "v": 1, "ground": extension.ground, "told_at": told_at, "from": before, "to": file.case.due_at,
            });
            file.note(None, "case.extend".to_owned(), data);
            Ok(())
        })
        .await
    }

    /// The person was told that the request has arrived; without a time, now.
    pub async fn acknowledge(&self, id: CaseId, told_at: Option<Timestamp>) -> Result<CaseView, Error> {
        self.decide(id, move |file, _| {
            let told_at = told_at.unwrap_or(file.now);
            if file.case.proceedings.clocks.acknowledgement.is_some() {
                return Ok(());
            }
            check_told(told_at, file)?;
            must_be_open(file, "acknowledge")?;
            file.case.proceedings.clocks.acknowledge(told_at);
            file.note(None, "case.acknowledge".to_owned(), json!({ "v": 1, "told_at": told_at }));
            file.look_again_if_idle();
            Ok(())
        })
        .await
    }

    /// Lets the clocks stand still that allow the ground.
    pub async fn pause_clock(&self, id: CaseId, ground: PauseGround) -> Result<CaseView, Error> {
        self.decide(id, move |file, _| {
            must_be_open(file, "pause")?;
            match file.case.proceedings.clocks.pause {
                Some(pause) if pause.ground == ground => return Ok(()),
                Some(_) => return Err(IllegalTransition { from: "paused", event: "pause" }.into()),
                None => {}
            }
            file.case.proceedings.clocks.pause(Pause { ground, paused_at: file.now });
            file.note(None, "case.pause".to_owned(), json!({ "v": 1, "ground": ground }));
            file.set_due();
            Ok(())
        })
        .await
    }

    /// Lets them run on.
    pub async fn resume_clock(&self, id: CaseId) -> Result<CaseView, Error> {
        self.decide(id, |file, _| {
            if file.case.proceedings.clocks.pause.is_none() {
                return Ok(());
            }
            must_be_open(file, "resume")?;
            file.case.proceedings.clocks.resume(file.now);
            file.set_due();
            file.note(None, "case.resume".to_owned(), json!({ "v": 1, "due_at": file.case.due_at }));
            Ok(())
        })
        .await
    }

    /// Counts again and again how many cases are due soon, and how many overdue.
    pub(super) async fn keep_counting(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let now = self.0.clock.now();
            let soon = now.saturating_add(self.0.settings.handling.warn_before).unwrap_or(Timestamp::MAX);
            // Without an answer the last count stands: an outage is said elsewhere.
            if let Ok(counts) = self.0.store.count_open().await {
                metrics::open_cases(counts);
            }
            self.count_waiting(now).await;
            if let (Ok(overdue), Ok(soon)) =
                (self.0.store.count_due(now).await, self.0.store.count_due(soon).await)
            {
                metrics::due(soon.saturating_sub(overdue), overdue);
            }
            let next = now.saturating_add(COUNT_EVERY).unwrap_or(Timestamp::MAX);
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.0.clock.until(next) => {}
            }
        }
    }
}

impl Engine {
    /// Each downstream is counted, those that nothing waits for as well.
    async fn count_waiting(&self, now: Timestamp) {
        for name in self.0.registry.names() {
            let Ok(waiting) = self.0.store.count_waiting(name, now).await else { return };
            let Waiting { tasks, since, needs_attention } = waiting;
            let oldest = since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
            metrics::waiting(name, tasks, oldest.max(SignedDuration::ZERO).unsigned_abs(), needs_attention);
        }
    }
}

/// By how much a caller's clock may be behind the database's, by which a case is received.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(1);

/// Nobody is told before there is something to tell.
fn check_told(told_at: Timestamp, file: &CaseFile) -> Result<(), Error> {
    let mut faults = crate::domain::Faults::default();
    if told_at.saturating_add(SKEW_MAX).unwrap_or(Timestamp::MAX) < file.case.received_at {
        faults.push("told_time", "must not be before the person asked");
    }
    Ok(faults.or(())?)
}

fn must_be_open(file: &CaseFile, event: &'static str) -> Result<(), IllegalTransition> {
    if file.case.state.is_open() {
        Ok(())
    } else {
        Err(IllegalTransition { from: file.case.state.as_str(), event })
    }
}
