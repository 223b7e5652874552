//! Handling: what policy makes of every case: under which regimes, how well verified, who approves, by when.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Period, Right,
    clock::{Clocks, Promise, Table},
    decision::WhenDue,
    fault::Fault,
    processor::ProcessorPolicy,
    verification,
};

/// The policy of a controller, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// What each regime wants, and when.
    pub table: Table,
    /// What the company promises.
    pub promise: Promise,
    /// The regimes of a case that names none.
    pub regimes: Vec<String>,
    /// How long before its end a clock says so, and a case counts as due soon.
    pub warn_before: SignedDuration,
    /// What happens when a case is due.
    pub when_due: WhenDue,
    /// How persons are verified.
    pub verification: verification::Policy,
    /// How long evidence is waited for.
    pub verification_expires: Period,
    /// The rights whose cases somebody has to approve.
    pub approval: BTreeSet<Right>,
    /// What becomes of what downstreams hold for other controllers.
    pub processor: ProcessorPolicy,
    /// How long after its approval an erasure begins.
    pub confirmation_window: SignedDuration,
}

impl Handling {
    /// The regimes that a case is under: its own, or those of the configuration. Unknown ones are faults.
    pub fn regimes(&self, asked: &[String]) -> Result<Vec<String>, Vec<Fault>> {
        if asked.is_empty() {
            return Ok(self.regimes.clone());
        }
        let known: Vec<&str> = self.table.regimes.keys().map(String::as_str).collect();
        let mut faults = Vec::new();
        for (index, name) in asked.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let rule = format!("must be one of {}", known.join(", "));
                faults.push(Fault::new(format!("regimes[{index}]"), rule));
            } else if asked[..index].contains(name) {
                faults.push(Fault::new(format!("regimes[{index}]"), "must be different from all others"));
            }
        }
        if faults.is_empty() { Ok(asked.to_vec()) } else { Err(faults) }
    }

    /// The clocks of a case that the person asked for at `asked_at`.
    pub fn clocks(&self, regimes: &[String], right: Right, asked_at: Timestamp) -> Clocks {
        self.table.clocks(regimes, &self.promise, right, asked_at).warning(self.warn_before)
    }

    /// When a case may start that could start now; absent: at once.
    pub fn start_at(&self, right: Right, now: Timestamp) -> Option<Timestamp> {
        let waits = right == Right::Erasure && self.confirmation_window > SignedDuration::ZERO;
        waits.then(|| now.saturating_add(self.confirmation_window).unwrap_or(Timestamp::MAX))
    }

    /// Where a person under these regimes may complain about a refusal, and which court they may go to. Where a regime
    /// names nobody, it is the controller's own.
    pub fn remedies(&self, regimes: &[String], controllers: &str) -> (String, String) {
        let of = |regime: &String| self.table.regimes.get(regime);
        let mut bodies: Vec<&str> = Vec::new();
        let mut courts: Vec<&str> = Vec::new();
        for regime in regimes.iter().filter_map(of) {
            let body = if regime.complaint_body.is_empty() { controllers } else { &regime.complaint_body };
            if !bodies.contains(&body) {
                bodies.push(body);
            }
            if !regime.court.is_empty() && !courts.contains(&regime.court.as_str()) {
                courts.push(&regime.court);
            }
        }
        if bodies.is_empty() {
            bodies.push(controllers);
        }
        (bodies.join("; "), courts.join("; "))
    }
}
