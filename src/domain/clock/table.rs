//! The table of regimes: which law wants what of a right, and since when. It is data; `config` reads it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};

use super::{Clock, ClockKind, Clocks, Holidays, PauseGround, Term};
use crate::domain::Right;

/// What the company's own promise is called where regimes are named.
pub const PROMISE: &str = "promise";

named! {
    /// From when a term runs.
    pub enum Anchor {
        /// The person asked.
        Receipt = "receipt",
        /// The person's identity was verified.
        Verification = "verification",
    }
}

/// A law, or a body of laws, that a case may be under.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Regime {
    /// Its name: `gdpr`.
    pub name: String,
    /// Its name for a person: `GDPR`.
    pub title: String,
    /// The time zone whose days are counted; absent: the controller's.
    pub zone: Option<String>,
    /// Whose holidays; absent: the controller's.
    pub holidays: Option<String>,
    /// Where the person may complain; empty: the controller's.
    pub complaint_body: String,
    /// Which court the person may go to, if the law wants a refusal to say so; or empty.
    pub court: String,
}

/// What a regime wants of some rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which regime.
    pub regime: String,
    /// Which rights; empty means all.
    pub rights: Vec<Right>,
    /// By when the person has to have an answer, if that is said.
    pub respond: Option<Term>,
    /// By when the receipt has to be acknowledged, if that is said.
    pub acknowledge: Option<Term>,
    /// By how much the answer may be late if the person is told in time.
    pub extend: Option<Term>,
    /// From when the terms run.
    pub anchor: Anchor,
    /// Whether a term that ends on a day off ends on the next working day.
    pub rolls: bool,
    /// On which grounds the clock stands still.
    pub pauses: Vec<PauseGround>,
    /// Whether the law lets nobody ask for a proof of identity.
    pub unverified: bool,
    /// Where it is written.
    pub source: String,
    /// Whether it comes from a secondary source and waits for a lawyer.
    pub draft: bool,
    /// The first day.
    pub valid_from: Date,
    /// The first day on which it is valid no more.
    pub valid_until: Option<Date>,
}

/// The company's promise: a row like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// By when a case is answered.
    pub respond: Term,
    /// By when its receipt is acknowledged.
    pub acknowledge: Option<Term>,
    /// By how much the answer may be late if the person is told in time.
    pub extend: Option<Term>,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// By name.
    pub regimes: BTreeMap<String, Regime>,
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// By name.
    pub holidays: BTreeMap<String, Holidays>,
    /// The controller's time zone.
    pub zone: String,
    /// The name of the controller's holidays.
    pub controller_holidays: String,
}

impl Table {
    /// The rows of a regime that are about this right and were valid when the person asked.
    pub fn rows<'a>(
        &'a self,
        regime: &'a str,
        right: Right,
        asked_at: Timestamp,
    ) -> impl Iterator<Item = &'a Row> {
        let day = asked_at.to_zoned(self.zone_of(regime).1).date();
        self.rows.iter().filter(move |row| {
            row.regime == regime
                && (row.rights.is_empty() || row.rights.contains(&right))
                && row.valid_from <= day
                && row.valid_until.is_none_or(|until| day < until)
        })
    }

    /// Whether one of the regimes forbids asking for a proof of identity for this right.
    pub fn is_unverified(&self, regimes: &[String], right: Right, asked_at: Timestamp) -> bool {
        regimes.iter().any(|regime| self.rows(regime, right, asked_at).any(|row| row.unverified))
    }

    /// The clocks of a case: those of its regimes, in their order, and the company's own, which pauses on any ground. The
    /// ones that run from the receipt have started.
    pub fn clocks(&self, regimes: &[String], promise: &Promise, right: Right, asked_at: Timestamp) -> Clocks {
        let mut clocks = Vec::new();
        for regime in regimes {
            for row in self.rows(regime, right, asked_at) {
                clocks.extend(self.of(row));
            }
        }
        let own = Row {
            regime: PROMISE.to_owned(),
            rights: Vec::new(),
            respond: Some(promise.respond.clone()),
            acknowledge: promise.acknowledge.clone(),
            extend: promise.extend.clone(),
            anchor: Anchor::Receipt,
            rolls: false,
            pauses: PauseGround::ALL.to_vec(),
            unverified: false,
            source: String::new(),
            draft: false,
            valid_from: Date::MIN,
            valid_until: None,
        };
        clocks.extend(self.of(&own));
        let mut clocks = Clocks { clocks, ..Clocks::default() };
        clocks.start(Anchor::Receipt, asked_at, self);
        clocks
    }

    fn of(&self, row: &Row) -> impl Iterator<Item = Clock> {
        let title =
            self.regimes.get(&row.regime).map_or("the company's promise", |regime| regime.title.as_str());
        let clock = |kind, term: &Term| Clock {
            regime: row.regime.clone(),
            title: title.to_owned(),
            kind,
            term: term.clone(),
            extend: row.extend.clone().filter(|_| kind == ClockKind::Respond),
            anchor: row.anchor,
            rolls: row.rolls,
            pauses: row.pauses.clone(),
            source: row.source.clone(),
            draft: row.draft,
            zone: self.zone_of(&row.regime).0,
            holidays: self.holidays_of(&row.regime),
            started_at: None,
            due_at: None,
            near_at: None,
            is_near_said: false,
            is_extended: false,
            stood_still: SignedDuration::ZERO,
            met_at: None,
            missed_at: None,
        };
        let acknowledge = row.acknowledge.as_ref().map(|term| clock(ClockKind::Acknowledge, term));
        let respond = row.respond.as_ref().map(|term| clock(ClockKind::Respond, term));
        acknowledge.into_iter().chain(respond)
    }

    fn zone_of(&self, regime: &str) -> (String, TimeZone) {
        let own = self.regimes.get(regime).and_then(|regime| regime.zone.as_deref());
        let name = own.unwrap_or(&self.zone);
        // The company's promise is counted in UTC (see `Period::after`), and so is what a zone that is gone counted.
        let name = if regime == PROMISE { "UTC" } else { name };
        (name.to_owned(), TimeZone::get(name).unwrap_or(TimeZone::UTC))
    }

    fn holidays_of(&self, regime: &str) -> String {
        let own = self.regimes.get(regime).and_then(|regime| regime.holidays.as_ref());
        own.unwrap_or(&self.controller_holidays).clone()
    }

    /// When a term ends that began at `start`, for a clock of this zone and these holidays. What the table no longer has
    /// is counted without holidays: the earlier time is the safe one.
    pub(super) fn end(&self, clock: &Clock, term: &Term, start: Timestamp) -> Timestamp {
        let zone = TimeZone::get(&clock.zone).unwrap_or(TimeZone::UTC);
        let none = Holidays::default();
        term.after(start, &zone, self.holidays.get(&clock.holidays).unwrap_or(&none), clock.rolls)
    }
}
