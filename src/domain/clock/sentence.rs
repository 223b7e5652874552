//! Every clock explains itself in a sentence, with its source.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{Anchor, Clock, ClockKind, Clocks, Term, Unit};

impl Clocks {
    /// `Respond by 2026-12-24 23:59:59 Europe/Berlin: 1 calendar month from receipt on 2026-11-24 (GDPR, …)`.
    pub fn sentence(&self, clock: &Clock) -> String {
        let zone = TimeZone::get(&clock.zone).unwrap_or(TimeZone::UTC);
        let day = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string();
        let verb = match clock.kind {
            ClockKind::Acknowledge => "Acknowledge",
            ClockKind::Respond => "Respond",
        };
        let mut text = String::new();
        // A String takes everything.
        let mut say = |args: std::fmt::Arguments<'_>| _ = text.write_fmt(args);
        let anchor = match clock.anchor {
            Anchor::Receipt => "receipt",
            Anchor::Verification => "verification",
        };
        match clock.due_at.filter(|_| !self.stands_still(clock)) {
            Some(due_at) => {
                let local = due_at.to_zoned(zone.clone());
                say(format_args!("{verb} by {} {}: ", local.strftime("%Y-%m-%d %H:%M:%S"), clock.zone));
            }
            None => say(format_args!("{verb} within ")),
        }
        say(format_args!("{}", words(&clock.term)));
        if let Some(extend) = clock.extend.as_ref().filter(|_| clock.is_extended) {
            say(format_args!(" and {} more", words(extend)));
        }
        say(format_args!(" from {anchor}"));
        if let Some(started_at) = clock.started_at {
            say(format_args!(" on {}", day(started_at)));
        }
        if clock.source.is_empty() {
            say(format_args!(" ({})", clock.title));
        } else {
            say(format_args!(" ({}, {})", clock.title, clock.source));
        }
        if let Some(extension) = self.extension.as_ref().filter(|_| clock.is_extended) {
            let ground = extension.ground.as_str().replace('_', " ");
            say(format_args!("; extended because of {ground}, told on {}", day(extension.told_at)));
        }
        if let Some(pause) = self.pause.filter(|_| self.stands_still(clock)) {
            let ground = pause.ground.as_str().replace('_', " ");
            say(format_args!("; stands still since {} ({ground})", day(pause.paused_at)));
        }
        // A person reads it: nobody counts less than seconds.
        let stood_still = SignedDuration::from_secs(clock.stood_still.as_secs());
        if !stood_still.is_zero() {
            say(format_args!("; stood still for {stood_still:#}"));
        }
        if clock.rolls && clock.due_at.is_some() {
            say(format_args!("; an end on a day off moves to the next working day"));
        }
        if clock.draft {
            say(format_args!("; draft: not checked by a lawyer"));
        }
        say(format_args!("."));
        text
    }
}

/// `1 calendar month`, `72 clock hours`, `P30D`.
fn words(term: &Term) -> String {
    let Term::Count { count, unit } = term else { return term.to_string() };
    let unit = match unit {
        Unit::ClockHours => "clock hour",
        Unit::CalendarDays => "calendar day",
        Unit::CalendarMonths => "calendar month",
        Unit::BusinessDays => "business day",
    };
    format!("{count} {unit}{}", if *count == 1 { "" } else { "s" })
}
