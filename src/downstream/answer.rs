//! What became of a change: the answers to Erase, Rectify, Restrict, Object, WithdrawConsent and GetTask, checked.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{
    Failure,
    convert::{self, TEXT_BYTES_MAX, ground},
};
use crate::{
    domain::{Ask, CategoryOutcome, Fault, Faults, Ground, Retained},
    proto::downstream::v1,
};

/// Grounds and release dates of one category at the most: one for each day of eleven years.
const RETAINED_MAX: usize = 4_096;

/// Asking sooner would be a busy loop.
const POLL_AFTER_MIN: SignedDuration = SignedDuration::from_millis(100);

/// Asking later would let a task rest beyond a day's work.
const POLL_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// As many recipients as one category may have.
const TOLD_MAX: usize = 256;

/// What became of a change so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done. Each category is one that was asked for, and comes once; one that is missing was left untouched.
    Done(Vec<CategoryOutcome>),
    /// It goes on in the background.
    Working {
        /// When to poll: 100 ms to 1 day from now.
        poll_after: SignedDuration,
    },
    /// The downstream will not do it.
    Refused(Ground),
}

/// An answer as it came, whichever RPC it is of.
pub(super) enum Said {
    Outcome(v1::Outcome),
    Working(v1::Working),
    Refusal(v1::Refusal),
}

/// A response that holds one of the three answers.
pub(super) trait Reply {
    /// Of which RPC it is.
    const RPC: &'static str;

    /// The answer, if there is one.
    fn said(self) -> Option<Said>;
}

macro_rules! replies {
    ($($rpc:literal: $Response:ident, $answer:ident;)*) => {$(
        impl Reply for v1::$Response {
            const RPC: &'static str = $rpc;

            fn said(self) -> Option<Said> {
                use v1::$answer::Answer as A;
                Some(match self.answer? {
                    A::Outcome(outcome) => Said::Outcome(outcome),
                    A::Working(working) => Said::Working(working),
                    A::Refusal(refusal) => Said::Refusal(refusal),
                })
            }
        }
    )*};
}

replies! {
    "Erase": EraseResponse, erase_response;
    "Rectify": RectifyResponse, rectify_response;
    "Restrict": RestrictResponse, restrict_response;
    "Object": ObjectResponse, object_response;
    "WithdrawConsent": WithdrawConsentResponse, withdraw_consent_response;
    "SweepRetention": SweepRetentionResponse, sweep_retention_response;
    "GetTask": GetTaskResponse, get_task_response;
}

/// Checks what was answered to what was asked.
pub(super) fn read<R: Reply>(reply: R, ask: &Ask) -> Result<Answer, Failure> {
    match reply.said() {
        Some(Said::Outcome(outcome)) => done(R::RPC, outcome, ask),
        Some(Said::Working(working)) => Ok(self::working(&working)),
        Some(Said::Refusal(refusal)) => refused(R::RPC, refusal),
        None => Err(Failure::violation(format!("{} answered nothing", R::RPC))),
    }
}

fn working(working: &v1::Working) -> Answer {
    let wish = working.poll_after.unwrap_or_default();
    // Anything but a sane duration is clamped: the next poll decides, not this number.
    let wish = SignedDuration::from_secs(wish.seconds)
        .saturating_add(SignedDuration::from_nanos(i64::from(wish.nanos)));
    Answer::Working { poll_after: wish.clamp(POLL_AFTER_MIN, POLL_AFTER_MAX) }
}

fn refused(rpc: &str, refusal: v1::Refusal) -> Result<Answer, Failure> {
    ground(refusal.ground)
        .map(Answer::Refused)
        .map_err(|fault| Failure::bad_fields(rpc, &fault.under("refusal.ground").into()))
}

fn done(rpc: &str, outcome: v1::Outcome, ask: &Ask) -> Result<Answer, Failure> {
    let asked = ask.categories();
    let mut faults = Faults::default();
    let mut seen = BTreeSet::new();
    let mut outcomes = Vec::new();
    for (position, outcome) in outcome.categories.into_iter().enumerate() {
        let path = format!("outcome.categories[{position}]");
        // Categories that were asked for are few and each comes once, so this also bounds the list.
        let Some(name) = asked.iter().copied().find(|name| *name == outcome.category) else {
            faults.push(format!("{path}.category"), "must be one of the categories that were asked for");
            break;
        };
        if !seen.insert(name) {
            faults.push(format!("{path}.category"), format!("must come once: {name} comes again"));
            break;
        }
        outcomes.extend(faults.take(&path, category_outcome(outcome, ask)));
    }
    faults.or(Answer::Done(outcomes)).map_err(|faults| Failure::bad_fields(rpc, &faults))
}

fn category_outcome(outcome: v1::CategoryOutcome, ask: &Ask) -> Result<CategoryOutcome, Fault> {
    counts_belong(&outcome, ask)?;
    if outcome.retained.len() > RETAINED_MAX {
        return Err(Fault::new("retained", format!("must be at most {RETAINED_MAX}")));
    }
    let retained = outcome
        .retained
        .into_iter()
        .enumerate()
        .map(|(position, retained)| {
            self::retained(retained).map_err(|fault| fault.under(&format!("retained[{position}]")))
        })
        .collect::<Result<_, _>>()?;
    let category = outcome.category;
    Ok(CategoryOutcome {
        erased: outcome.erased,
        anonymised: outcome.anonymised,
        restricted: outcome.restricted,
        retained,
        rectified: outcome.rectified,
        unrestricted: outcome.unrestricted,
        stopped: outcome.stopped,
        stopped_purposes: stopped_purposes(outcome.stopped_purposes, asked_purposes(ask, &category))?,
        told: told(outcome.told)?,
        category,
    })
}

/// A downstream that says it erased when it was asked to correct has misunderstood something, and has to be looked at.
fn counts_belong(outcome: &v1::CategoryOutcome, ask: &Ask) -> Result<(), Fault> {
    let (erases, lifts) = (matches!(ask, Ask::Erase { .. }), matches!(ask, Ask::Restrict { lift: true, .. }));
    let counts = [
        ("erased", outcome.erased, erases),
        ("anonymised", outcome.anonymised, erases),
        ("restricted", outcome.restricted, erases || matches!(ask, Ask::Restrict { lift: false, .. })),
        ("rectified", outcome.rectified, matches!(ask, Ask::Rectify { .. })),
        ("unrestricted", outcome.unrestricted, lifts),
        ("stopped", outcome.stopped, matches!(ask, Ask::Object { .. } | Ask::WithdrawConsent { .. })),
    ];
    let foreign = counts.into_iter().find(|(_, count, belongs)| *count > 0 && !belongs);
    foreign.map_or(Ok(()), |(name, ..)| Err(Fault::new(name, "must be 0: it was not asked for")))
}

fn asked_purposes<'a>(ask: &'a Ask, category: &str) -> &'a [String] {
    let Ask::WithdrawConsent { categories } = ask else { return &[] };
    categories.iter().find(|of| of.category == category).map_or(&[], |of| &of.purposes)
}

/// Each of them was asked for, and comes once; which also bounds the list.
fn stopped_purposes(said: Vec<String>, asked: &[String]) -> Result<Vec<String>, Fault> {
    let mut seen: Vec<String> = Vec::new();
    for purpose in said {
        if !asked.contains(&purpose) || seen.contains(&purpose) {
            return Err(Fault::new("stopped_purposes", "must be purposes that were asked for, each once"));
        }
        seen.push(purpose);
    }
    Ok(seen)
}

fn told(names: Vec<String>) -> Result<Vec<String>, Fault> {
    if names.len() > TOLD_MAX {
        return Err(Fault::new("told", format!("must be at most {TOLD_MAX}")));
    }
    names.into_iter().map(|name| convert::text("told", name, TEXT_BYTES_MAX)).collect()
}

fn retained(retained: v1::Retained) -> Result<Retained, Fault> {
    Ok(Retained {
        count: retained.count,
        ground: ground(retained.ground).map_err(|fault| fault.under("ground"))?,
        release_at: retained
            .release_time
            .map(|time| Timestamp::new(time.seconds, time.nanos))
            .transpose()
            .map_err(|_| Fault::new("release_time", "must be a moment of the years 1 to 9999"))?,
    })
}

#[cfg(test)]
mod tests;
