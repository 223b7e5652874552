//! The clocks of one case: started, paused, extended, met or missed.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Anchor, PROMISE, Table, Term};

/// The least time that the database tells apart.
const MOMENT: SignedDuration = SignedDuration::from_micros(1);

named! {
    /// What has to be done by then.
    pub enum ClockKind {
        /// The person is told that the request has arrived.
        Acknowledge = "acknowledge",
        /// The person has an answer.
        Respond = "respond",
    }
}

named! {
    /// Why a clock stands still.
    pub enum PauseGround {
        /// Reasonable doubts about who asks: more information was asked for (GDPR 12(6)).
        IdentityInDoubt = "identity_in_doubt",
        /// It cannot be told what is asked for: the person was asked (UK GDPR 12A).
        ScopeUnclear = "scope_unclear",
    }
}

named! {
    /// Why an answer takes longer.
    pub enum ExtensionGround {
        /// The request is complex (GDPR 12(3)).
        Complexity = "complexity",
        /// There are many requests (GDPR 12(3)).
        NumberOfRequests = "number_of_requests",
        /// Another ground that the regime takes.
        Other = "other",
    }
}

/// One clock: a term of a regime as it was when the case was opened, and how it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "facts that hold or not, each for itself")]
pub struct Clock {
    /// The regime, or [`PROMISE`].
    pub regime: String,
    /// Its name for a person.
    pub title: String,
    /// What has to be done.
    pub kind: ClockKind,
    /// How long it may take.
    pub term: Term,
    /// By how much it may be late if the person is told in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extend: Option<Term>,
    /// From when it runs.
    pub anchor: Anchor,
    /// Whether it rolls on to the next working day.
    pub rolls: bool,
    /// On which grounds it stands still.
    pub pauses: Vec<PauseGround>,
    /// Where it is written; empty for a promise.
    pub source: String,
    /// Whether that waits for a lawyer.
    pub draft: bool,
    /// The time zone whose days are counted.
    pub zone: String,
    /// The name of the holidays that count.
    pub holidays: String,
    /// When it began to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ends; absent until it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// When it is said that the end comes near.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near_at: Option<Timestamp>,
    /// Whether that has been said.
    #[serde(default)]
    pub is_near_said: bool,
    /// Whether it was extended.
    #[serde(default)]
    pub is_extended: bool,
    /// How long it has stood still altogether.
    #[serde(default, skip_serializing_if = "SignedDuration::is_zero")]
    pub stood_still: SignedDuration,
    /// When that was done which it wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub met_at: Option<Timestamp>,
    /// When it was seen to be missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_at: Option<Timestamp>,
}

/// That the person was told of a delay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Why it takes longer.
    pub ground: ExtensionGround,
    /// When the person was told.
    pub told_at: Timestamp,
    /// More about it, without personal data.
    pub note: String,
}

/// That clocks stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Why.
    pub ground: PauseGround,
    /// Since when.
    pub paused_at: Timestamp,
}

/// That the person was told that the request has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// When.
    pub told_at: Timestamp,
}

/// Why clocks were not extended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// None of these regimes knows an extension, or it is used up.
    NotExtendable(Vec<String>),
    /// The person was told after this, which was the first deadline.
    TooLate(Timestamp),
}

/// What the time brought to one clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Whose clock.
    pub regime: String,
    /// Which of its clocks.
    pub kind: ClockKind,
    /// When it ends.
    pub due_at: Timestamp,
    /// Whether it is over; otherwise it ends soon.
    pub is_missed: bool,
}

/// All clocks of a case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clocks {
    /// In the order of the regimes, the company's promise last.
    pub clocks: Vec<Clock>,
    /// How long before its end a clock says so; half of its term at the most.
    pub warn_before: SignedDuration,
    /// Present while those that allow it stand still.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// That the person was told of a delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// That the person was told of the receipt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acknowledgement: Option<Acknowledgement>,
}

/// The last full second of the calendar: fractions of it do not come back from microseconds, which the database keeps.
fn never() -> Timestamp {
    Timestamp::from_second(Timestamp::MAX.as_second()).unwrap_or(Timestamp::MAX)
}

impl Clock {
    /// Whether it is a deadline for the answer that nothing has met yet.
    fn awaits_response(&self) -> bool {
        self.kind == ClockKind::Respond && self.met_at.is_none()
    }

    /// Reckons its end anew.
    fn reckon(&mut self, table: &Table, warn_before: SignedDuration) {
        let Some(started_at) = self.started_at else { return };
        let due_at = match self.extend.as_ref().filter(|_| self.is_extended) {
            None => table.end(self, &self.term, started_at),
            Some(extend) => match self.term.with(extend) {
                Some(whole) => table.end(self, &whole, started_at),
                None => table.end(self, extend, table.end(self, &self.term, started_at)),
            },
        };
        self.end_at(due_at.saturating_add(self.stood_still).unwrap_or(Timestamp::MAX), warn_before);
    }

    fn end_at(&mut self, due_at: Timestamp, warn_before: SignedDuration) {
        let whole = self.started_at.map_or(SignedDuration::ZERO, |start| due_at.duration_since(start));
        let lead = warn_before.min(whole / 2).max(SignedDuration::ZERO);
        self.due_at = Some(due_at);
        self.near_at = due_at.checked_sub(lead).ok();
        self.is_near_said = false;
    }
}

impl Clocks {
    /// Starts the clocks that run from this anchor.
    pub fn start(&mut self, anchor: Anchor, at: Timestamp, table: &Table) {
        for clock in self.clocks.iter_mut().filter(|c| c.anchor == anchor && c.started_at.is_none()) {
            clock.started_at = Some(at);
            clock.reckon(table, self.warn_before);
        }
    }

    /// Sets how long before its end each clock says so.
    #[must_use]
    pub fn warning(mut self, warn_before: SignedDuration) -> Self {
        self.warn_before = warn_before;
        for clock in &mut self.clocks {
            if let Some(due_at) = clock.due_at {
                clock.end_at(due_at, warn_before);
            }
        }
        self
    }

    /// Whether the clock stands still just now.
    pub fn stands_still(&self, clock: &Clock) -> bool {
        clock.met_at.is_none() && self.pause.is_some_and(|pause| clock.pauses.contains(&pause.ground))
    }

    /// When the case has to be answered: the earliest of the clocks for an answer wins. The end of time while all of
    /// them stand still; absent if there are none.
    pub fn deadline(&self) -> Option<Timestamp> {
        let answers = || self.clocks.iter().filter(|clock| clock.kind == ClockKind::Respond);
        answers().next()?;
        let running = answers().filter(|clock| !self.stands_still(clock)).filter_map(|clock| clock.due_at);
        Some(running.min().unwrap_or_else(never))
    }

    /// When a clock has something to say next.
    pub fn next_moment(&self) -> Option<Timestamp> {
        let waits =
            |clock: &&Clock| clock.met_at.is_none() && clock.missed_at.is_none() && !self.stands_still(clock);
        // Missed is what is not done when the time is over, not in its last moment.
        let over = |due_at: Timestamp| due_at.saturating_add(MOMENT).unwrap_or(Timestamp::MAX);
        let moment = |clock: &Clock| if clock.is_near_said { clock.due_at.map(over) } else { clock.near_at };
        self.clocks.iter().filter(waits).filter_map(moment).min()
    }

    /// What the time has brought since this was last asked. Each end is said once, and before it that it comes near.
    pub fn tick(&mut self, now: Timestamp) -> Vec<Tick> {
        let pause = self.pause;
        let mut ticks = Vec::new();
        for clock in &mut self.clocks {
            let is_still = pause.is_some_and(|pause| clock.pauses.contains(&pause.ground));
            if is_still || clock.met_at.is_some() || clock.missed_at.is_some() {
                continue;
            }
            let (Some(due_at), Some(near_at)) = (clock.due_at, clock.near_at) else { continue };
            let is_missed = due_at < now;
            if !is_missed && (clock.is_near_said || near_at > now) {
                continue;
            }
            clock.is_near_said = true;
            clock.missed_at = is_missed.then_some(now);
            ticks.push(Tick { regime: clock.regime.clone(), kind: clock.kind, due_at, is_missed });
        }
        ticks
    }

    /// The person was told that the request has arrived. The first time counts.
    pub fn acknowledge(&mut self, told_at: Timestamp) {
        if self.acknowledgement.is_none() {
            self.acknowledgement = Some(Acknowledgement { told_at });
            self.meet(ClockKind::Acknowledge, told_at);
        }
    }

    /// The person has an answer, and with it knows that the request has arrived. Whatever stood still runs to its end.
    pub fn answer(&mut self, at: Timestamp) {
        self.resume(at);
        self.meet(ClockKind::Acknowledge, at);
        self.meet(ClockKind::Respond, at);
    }

    fn meet(&mut self, kind: ClockKind, at: Timestamp) {
        for clock in self.clocks.iter_mut().filter(|clock| clock.kind == kind && clock.met_at.is_none()) {
            clock.met_at = Some(at);
            if clock.due_at.is_some_and(|due_at| at <= due_at) {
                // It was done in time and only said late.
                clock.missed_at = None;
            }
        }
    }

    /// Moves every clock that its regime lets move: the person was told in time.
    pub fn extend(&mut self, extension: Extension, table: &Table) -> Result<(), Overdue> {
        let answers: Vec<&Clock> = self.clocks.iter().filter(|clock| clock.awaits_response()).collect();
        // Where a law is silent about delays, the company's own readiness to promise less does not help.
        let is_law = |clock: &&Clock| clock.regime != PROMISE;
        let laws: Vec<&Clock> = answers.iter().copied().filter(is_law).collect();
        let binding = if laws.is_empty() { answers } else { laws };
        let can_move = |clock: &&&Clock| clock.extend.is_some() && !clock.is_extended;
        let movable: Vec<&&Clock> = binding.iter().filter(can_move).collect();
        if movable.is_empty() {
            let regimes: BTreeSet<String> = binding.iter().map(|clock| clock.regime.clone()).collect();
            return Err(Overdue::NotExtendable(regimes.into_iter().collect()));
        }
        let told_at = extension.told_at;
        let in_time = |clock: &Clock| clock.due_at.is_none_or(|due_at| told_at <= due_at);
        if !movable.iter().any(|clock| in_time(clock)) {
            let first = movable.iter().filter_map(|clock| clock.due_at).min();
            return Err(Overdue::TooLate(first.unwrap_or(told_at)));
        }
        for clock in self.clocks.iter_mut().filter(|clock| clock.awaits_response() && in_time(clock)) {
            if clock.extend.is_some() && !clock.is_extended {
                clock.is_extended = true;
                clock.missed_at = None;
                clock.reckon(table, self.warn_before);
            }
        }
        self.extension = Some(extension);
        Ok(())
    }

    /// Lets those stand still that allow the ground.
    pub fn pause(&mut self, pause: Pause) {
        self.pause = Some(pause);
    }

    /// Lets them run on: their ends move by as long as they stood still.
    pub fn resume(&mut self, now: Timestamp) {
        let Some(pause) = self.pause.take() else { return };
        let stood_still = now.duration_since(pause.paused_at).max(SignedDuration::ZERO);
        let warn_before = self.warn_before;
        let moves = |clock: &&mut Clock| {
            clock.pauses.contains(&pause.ground) && clock.met_at.is_none() && clock.missed_at.is_none()
        };
        for clock in self.clocks.iter_mut().filter(moves) {
            clock.stood_still = clock.stood_still.saturating_add(stood_still);
            if let Some(due_at) = clock.due_at {
                clock.end_at(due_at.saturating_add(stood_still).unwrap_or(Timestamp::MAX), warn_before);
            }
        }
    }
}
