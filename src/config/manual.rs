//! Manual downstreams: what a service without an interface holds is said by the configuration. People answer for it.

use std::collections::BTreeSet;

use super::settings::Settings;
use crate::domain::{
    Capabilities, Category, Fault, Ground, GroundCode, IdentifierKind, LegalBasis, Period, Retention, Right,
    subject::{NAME_RULE, is_name},
};

/// As for what downstreams describe of themselves.
const CATEGORIES_MAX: usize = 64;
/// As for what downstreams describe of themselves.
const KINDS_MAX: usize = 32;
/// As for what downstreams describe of themselves.
const PURPOSES_MAX: usize = 32;
/// A name, a purpose, the source of a ground.
const TEXT_BYTES_MAX: usize = 1_024;

/// What the entry at `at` says of its downstream.
pub(super) fn capabilities(settings: &mut Settings, at: &str) -> Capabilities {
    let title = settings.text(&format!("{at}.title"), "Archive", TEXT_BYTES_MAX);
    let understands =
        parsed(settings, &format!("{at}.understands"), KINDS_MAX, |name| IdentifierKind::new(name).ok());
    if understands.is_empty() {
        settings
            .fault(&format!("{at}.understands"), "must name the kinds of identifiers that people look by");
    }
    let mut rights = parsed(settings, &format!("{at}.rights"), Right::ALL.len(), |name| name.parse().ok());
    if rights.is_empty() {
        rights = BTreeSet::from([Right::Access, Right::Erasure]);
    }
    let length = settings.length(&format!("{at}.category"));
    if !(1..=CATEGORIES_MAX).contains(&length) {
        settings.fault(&format!("{at}.category"), format!("must have 1 to {CATEGORIES_MAX} entries"));
    }
    let mut categories: Vec<Category> = Vec::new();
    for index in 0..length.min(CATEGORIES_MAX) {
        let path = format!("{at}.category[{index}]");
        let category = category(settings, &path);
        if categories.iter().any(|other| other.name == category.name) {
            settings.fault(&format!("{path}.name"), "must be different from all others");
        }
        categories.push(category);
    }
    let processor_for = settings.text_if_any(&format!("{at}.processor_for"), TEXT_BYTES_MAX);
    Capabilities { title, understands, rights, categories, processor_for, ..Capabilities::default() }
}

fn category(settings: &mut Settings, at: &str) -> Category {
    let key = |name: &str| format!("{at}.{name}");
    let name = settings.optional(&key("name")).unwrap_or_default();
    if !is_name(&name) {
        settings.fault(&key("name"), NAME_RULE);
    }
    let title = settings.text(&key("title"), "Documents", TEXT_BYTES_MAX);
    let purposes = settings.list(&key("purposes"), PURPOSES_MAX);
    let legal_basis = settings.optional(&key("legal_basis")).and_then(|text| {
        let known: Option<LegalBasis> = text.parse().ok();
        if known.is_none() {
            settings.fault(&key("legal_basis"), "must be a legal basis such as legal_obligation");
        }
        known
    });
    Category {
        retention: retention(settings, at),
        provided_by_subject: settings.parsed(&key("provided_by_subject"), false, "must be true or false"),
        name,
        title,
        dpv_term: String::new(),
        purposes,
        legal_basis,
        recipients: Vec::new(),
        origin: String::new(),
        json_schema: String::new(),
        may_contain_credentials: false,
        may_contain_third_party_data: false,
    }
}

fn retention(settings: &mut Settings, at: &str) -> Retention {
    let key = |name: &str| format!("{at}.{name}");
    let mut faults: Vec<(String, Fault)> = Vec::new();
    let period = settings
        .optional(&key("retention"))
        .and_then(|text| Period::new(&text).map_err(|fault| faults.push((key("retention"), fault))).ok());
    let runs_from = settings.optional(&key("retention_runs_from")).unwrap_or_default();
    let code = settings.optional(&key("retention_ground")).and_then(|text| {
        let rule = || Fault::new("", "must be a ground such as legal_obligation");
        text.parse::<GroundCode>().map_err(|_| faults.push((key("retention_ground"), rule()))).ok()
    });
    let source = settings.optional(&key("retention_source")).unwrap_or_default();
    for (key, fault) in faults {
        settings.fault(&key, fault.description);
    }
    Retention { period, runs_from, ground: code.map(|code| Ground { code, source, note: String::new() }) }
}

fn parsed<T: Ord>(
    settings: &mut Settings,
    key: &str,
    most: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> BTreeSet<T> {
    let mut found = BTreeSet::new();
    for (index, text) in settings.list(key, most).into_iter().enumerate() {
        match parse(&text) {
            Some(value) => drop(found.insert(value)),
            None => settings.fault(&format!("{key}[{index}]"), "must be a known name"),
        }
    }
    found
}
