//! How a puppet sweeps: a record whose `seen` is older than the directive's period goes, once per task id.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};
use rightful::proto::downstream::v1::{
    Action, CategoryOutcome, Outcome, Refusal, SweepDirective, SweepRetentionRequest, Working,
    sweep_retention_response::Answer,
};
use serde_json::Value;

use super::{Fault, Inner, person::Gone};

/// The least that rightful keeps to.
const POLL_AFTER: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 100_000_000 };

/// What was done, by task id.
#[derive(Default)]
pub struct Sweeps(BTreeMap<String, Outcome>);

impl Sweeps {
    /// What a sweep that was accepted came to.
    pub fn outcome(&self, task_id: &str) -> Option<Outcome> {
        self.0.get(task_id).cloned()
    }
}

/// Answers a sweep.
pub fn sweep(inner: &mut Inner, request: &SweepRetentionRequest, fault: Option<&Fault>) -> Answer {
    if let Some(Fault::Refuse(ground)) = fault {
        return Answer::Refusal(Refusal { ground: Some(ground.clone()) });
    }
    if let Some(known) = inner.sweeps.outcome(&request.task_id) {
        return Answer::Outcome(known);
    }
    let now = inner.clock.as_ref().expect("who sweeps knows the time").now();
    let mut categories = Vec::new();
    for directive in &request.directives {
        categories.push(of_category(inner, directive, now, request.dry_run));
    }
    let outcome = Outcome { categories };
    inner.sweeps.0.insert(request.task_id.clone(), outcome.clone());
    if !request.dry_run {
        inner.journal.effect(&request.task_id);
    }
    match fault {
        Some(Fault::Work(_)) => Answer::Working(Working { poll_after: Some(POLL_AFTER) }),
        _ => Answer::Outcome(outcome),
    }
}

fn of_category(inner: &mut Inner, directive: &SweepDirective, now: Timestamp, dry: bool) -> CategoryOutcome {
    let period: jiff::Span = directive.period.parse().expect("rightful sends periods");
    let line = now.to_zoned(TimeZone::UTC).checked_sub(period).expect("no period reaches before time");
    let mut outcome = CategoryOutcome { category: directive.category.clone(), ..CategoryOutcome::default() };
    let mut gone = Vec::new();
    for person in &mut inner.people {
        person.records.retain(|(category, json)| {
            let record: Value = serde_json::from_slice(json).unwrap_or_default();
            let seen = record["seen"].as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let outlived = seen.is_some_and(|seen| seen <= line.timestamp());
            if *category != directive.category || !outlived {
                return true;
            }
            match directive.action() {
                Action::Anonymise => outcome.anonymised += 1,
                _ => outcome.erased += 1,
            }
            if !dry {
                gone.push(Gone { json: record, at: now });
            }
            dry
        });
    }
    inner.journal.gone.extend(gone);
    outcome
}
