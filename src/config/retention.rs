//! `[retention]` and the `[[retention.rule]]` entries: what is kept, for how long and why; when sweeps run.

use super::settings::Settings;
use crate::domain::{
    Action, Ground, Period,
    retention::{Data, Policy, Rule},
    subject::{NAME_RULE, is_name},
};

/// Rules at the most: one for each category of many downstreams, and still a file that a person can read.
const RULES_MAX: usize = 1_000;
/// An IRI of a vocabulary.
const TERM_BYTES_MAX: usize = 1_024;
/// As in `subject_data.proto`, as is the next one.
const SOURCE_BYTES_MAX: usize = 256;
/// See [`SOURCE_BYTES_MAX`].
const NOTE_BYTES_MAX: usize = 1_024;

/// `[retention]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// From one sweep of a downstream to the next. Absent: none is planned by itself.
    pub sweep_every: Option<Period>,
    /// Whether a sweep that was planned by itself runs by itself once its report is there.
    pub run_by_itself: bool,
    /// `[[retention.rule]]`: the first one that matches a category counts.
    pub policy: Policy,
}

/// The section.
pub(super) fn section(settings: &mut Settings) -> Retention {
    let every = settings.optional("retention.sweep_every").filter(|text| !text.is_empty());
    let sweep_every = every.and_then(|text| {
        Period::new(&text).map_err(|fault| settings.fault("retention.sweep_every", fault.description)).ok()
    });
    let run = settings.optional("retention.run").unwrap_or_else(|| "report".to_owned());
    if !["report", "automatic"].contains(&run.as_str()) {
        settings.fault("retention.run", "must be report or automatic");
    }
    let length = settings.length("retention.rule");
    if length > RULES_MAX {
        settings.fault("retention.rule", format!("must have at most {RULES_MAX} entries"));
    }
    let rules = (0..length.min(RULES_MAX)).map(|index| rule(settings, &format!("retention.rule[{index}]")));
    let rules = rules.collect();
    Retention { sweep_every, run_by_itself: run == "automatic", policy: Policy { rules } }
}

/// A rule. Where there is a fault, the value is of no use.
fn rule(settings: &mut Settings, at: &str) -> Rule {
    let key = |name: &str| format!("{at}.{name}");
    let downstream = settings.optional(&key("downstream")).filter(|name| name != "*");
    if downstream.as_ref().is_some_and(|name| !is_name(name)) {
        settings.fault(&key("downstream"), format!("{NAME_RULE}, or * for all"));
    }
    let data = data(settings, at);
    let action = action(settings, &key("action")).unwrap_or_else(|| {
        settings.fault(&key("action"), "must be erase, anonymise, restrict or retain");
        Action::Erase
    });
    let period = settings.optional(&key("period")).and_then(|text| {
        Period::new(&text).map_err(|fault| settings.fault(&key("period"), fault.description)).ok()
    });
    let ground = ground(settings, &key("ground"));
    if action == Action::Retain && (period.is_none() || ground.is_none()) {
        settings.fault(at, "must have a period and a ground: it retains");
    }
    if action != Action::Retain && ground.is_some() {
        settings.fault(&key("ground"), "must not be set: only what is retained needs a ground");
    }
    let default = if action == Action::Retain { Action::Erase } else { action };
    let outlived = match settings.optional(&key("outlived")) {
        None => default,
        Some(text) => text.parse().ok().filter(|action| *action != Action::Retain).unwrap_or_else(|| {
            settings.fault(&key("outlived"), "must be erase, anonymise or restrict");
            default
        }),
    };
    Rule { downstream, data, action, period, ground, outlived }
}

fn action(settings: &mut Settings, key: &str) -> Option<Action> {
    settings.optional(key)?.parse().ok()
}

fn data(settings: &mut Settings, at: &str) -> Data {
    let category = settings.optional(&format!("{at}.category"));
    let term = settings.optional(&format!("{at}.dpv_term"));
    match (category, term) {
        (Some(_), Some(_)) => {
            settings.fault(at, "must have a category or a dpv_term, not both");
            Data::Every
        }
        (None, Some(term)) => {
            if term.is_empty() || term.len() > TERM_BYTES_MAX {
                settings.fault(&format!("{at}.dpv_term"), format!("must have 1 to {TERM_BYTES_MAX} bytes"));
            }
            Data::Term(term)
        }
        (Some(name), None) if name != "*" => {
            if !is_name(&name) {
                settings.fault(&format!("{at}.category"), format!("{NAME_RULE}, or * for all"));
            }
            Data::Category(name)
        }
        _ => Data::Every,
    }
}

fn ground(settings: &mut Settings, at: &str) -> Option<Ground> {
    let code = settings.optional(&format!("{at}.code"));
    let source = settings.optional(&format!("{at}.source")).unwrap_or_default();
    let note = settings.optional(&format!("{at}.note")).unwrap_or_default();
    for (name, text, most) in [("source", &source, SOURCE_BYTES_MAX), ("note", &note, NOTE_BYTES_MAX)] {
        if text.len() > most || text.chars().any(char::is_control) {
            let rule = format!("must have at most {most} bytes and no control characters");
            settings.fault(&format!("{at}.{name}"), rule);
        }
    }
    let Some(code) = code else {
        if !source.is_empty() || !note.is_empty() {
            settings.fault(&format!("{at}.code"), "must be set: a ground has a code");
        }
        return None;
    };
    let code = code.parse().ok();
    if code.is_none() {
        settings.fault(&format!("{at}.code"), "must be a ground such as legal_obligation or contract");
    }
    Some(Ground { code: code?, source, note })
}
