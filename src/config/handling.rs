//! `[policy]`, `[clocks]`, `[assurance]` and `[[verification]]`: how cases are handled.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{regimes, settings::Settings};
use crate::domain::{
    Period,
    clock::{Promise, Table, Term},
    decision::WhenDue,
    handling::Handling,
    processor::ProcessorPolicy,
    verification::{Assurance, EvidenceKind, Policy, Rule},
};

/// Rules at the most: rights times regimes times channels that anybody tells apart.
const RULES_MAX: usize = 1_000;
/// A case is under a handful of regimes.
const REGIMES_MAX: usize = 16;
/// Rights that there are, and some more.
const RIGHTS_MAX: u32 = 16;
/// Nobody thinks longer about it than the law gives the controller.
const WINDOW_MOST: SignedDuration = SignedDuration::from_hours(30 * 24);
/// What an assurance level looks like.
const LEVEL_RULE: &str = "must be none, low, substantial or high";

/// All of it. Where there is a fault, the value is of no use.
pub(super) fn handling(settings: &mut Settings, respond_within: &Period) -> Handling {
    let (table, is_readable) = table(settings);
    let regimes = settings.list("policy.regimes", REGIMES_MAX);
    for (index, name) in regimes.iter().enumerate().filter(|_| is_readable) {
        if !table.regimes.contains_key(name) {
            let known: Vec<&str> = table.regimes.keys().map(String::as_str).collect();
            settings
                .fault(&format!("policy.regimes[{index}]"), format!("must be one of {}", known.join(", ")));
        }
    }
    let verification = Policy {
        level: settings.parsed("policy.verification", Assurance::Low, LEVEL_RULE),
        rules: rules(settings, &table),
        assurance: assurance(settings),
        attempts: settings.number("policy.verification_attempts", 3, 1..=RIGHTS_MAX),
    };
    Handling {
        promise: Promise {
            respond: Term::Period(respond_within.clone()),
            acknowledge: term(settings, "policy.acknowledge_within", "PT72H"),
            extend: term(settings, "policy.extend_by", "P60D"),
        },
        regimes,
        warn_before: days(&settings.period("policy.warn_before", "P7D")),
        when_due: settings.parsed("policy.when_due", WhenDue::Deliver, "must be deliver, wait or escalate"),
        verification,
        verification_expires: settings.period("policy.verification_expires", "P30D"),
        approval: regimes::rights(settings, "policy.approval"),
        confirmation_window: settings.duration(
            "policy.confirmation_window",
            SignedDuration::ZERO,
            SignedDuration::ZERO..=WINDOW_MOST,
        ),
        processor: settings.parsed("policy.processor", ProcessorPolicy::Forward, "must be forward or answer"),
        table,
    }
}

/// The file that is named, or what is built in, with the controller's own zone and holidays; and whether it could be read.
fn table(settings: &mut Settings) -> (Table, bool) {
    let (mut table, is_readable) = match settings.optional("clocks.table").filter(|path| !path.is_empty()) {
        None => (regimes::built_in(), true),
        Some(path) => match from_file(settings, &path) {
            Some(table) => (table, true),
            None => (regimes::built_in(), false),
        },
    };
    table.zone = settings.optional("clocks.zone").unwrap_or_else(|| "UTC".to_owned());
    if !regimes::is_zone(&table.zone) {
        settings.fault("clocks.zone", "must be a time zone such as Europe/Berlin");
    }
    table.controller_holidays = settings.optional("clocks.holidays").unwrap_or_else(|| "weekends".to_owned());
    if is_readable && !table.holidays.contains_key(&table.controller_holidays) {
        let known: Vec<&str> = table.holidays.keys().map(String::as_str).collect();
        settings.fault("clocks.holidays", format!("must be one of {}", known.join(", ")));
    }
    (table, is_readable)
}

fn from_file(settings: &mut Settings, path: &str) -> Option<Table> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            settings.fault("clocks.table", format!("cannot be read: {error}"));
            return None;
        }
    };
    match regimes::read(&text) {
        Ok(Ok(table)) => return Some(table),
        Ok(Err(faults)) => {
            for fault in faults.as_slice() {
                settings.fault(&format!("clocks.table: {}", fault.field), fault.description.clone());
            }
        }
        Err(error) => settings.fault("clocks.table", format!("is not well-formed: {error}")),
    }
    None
}

/// A term that may be empty, which is none.
fn term(settings: &mut Settings, key: &str, default: &str) -> Option<Term> {
    let text = settings.optional(key).unwrap_or_else(|| default.to_owned());
    if text.is_empty() {
        return None;
    }
    let term = text.parse::<Term>();
    if let Err(fault) = &term {
        settings.fault(key, format!("{}, or empty for none", fault.description));
    }
    term.ok()
}

/// The length of a period that begins with a year, which is as good as any for a warning.
fn days(period: &Period) -> SignedDuration {
    period.after(Timestamp::UNIX_EPOCH).duration_since(Timestamp::UNIX_EPOCH)
}

fn assurance(settings: &mut Settings) -> BTreeMap<EvidenceKind, Assurance> {
    let mut levels = BTreeMap::new();
    for kind in EvidenceKind::ALL {
        let key = format!("assurance.{kind}");
        let level = settings.parsed(&key, kind.assurance(), LEVEL_RULE);
        levels.insert(*kind, level);
    }
    levels
}

fn rules(settings: &mut Settings, table: &Table) -> Vec<Rule> {
    let length = settings.length("verification");
    if length > RULES_MAX {
        settings.fault("verification", format!("must have at most {RULES_MAX} entries"));
    }
    (0..length.min(RULES_MAX)).map(|index| rule(settings, &format!("verification[{index}]"), table)).collect()
}

fn rule(settings: &mut Settings, at: &str, table: &Table) -> Rule {
    let key = |name: &str| format!("{at}.{name}");
    let right = settings.optional(&key("right")).filter(|text| !text.is_empty());
    let right = right.and_then(|text| {
        let right = text.parse().ok();
        if right.is_none() {
            settings.fault(&key("right"), "must be a right, such as erasure");
        }
        right
    });
    let regime = settings.optional(&key("regime")).filter(|text| !text.is_empty());
    if regime.as_ref().is_some_and(|name| !table.regimes.contains_key(name)) {
        settings.fault(&key("regime"), "must be a regime of the table of clocks");
    }
    let channel = settings.optional(&key("channel")).filter(|text| !text.is_empty());
    let level = settings.optional(&key("level")).and_then(|text| text.parse().ok());
    if level.is_none() {
        settings.fault(&key("level"), LEVEL_RULE);
    }
    Rule { right, regime, channel, level: level.unwrap_or(Assurance::High) }
}
