//! Requests: checked whole, with a fault for each bad field. The bounds are those of `case_service.proto`.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
    str::FromStr,
};

use jiff::Timestamp;

use super::{
    choice, handling,
    particulars::{self, Given},
    time,
};
use crate::{
    domain::{
        CaseId, Fault, Faults, Identifier, Right, Scope, Subject,
        subject::{NAME_RULE, is_name},
    },
    engine::{Filter, NewCase, NewPreview},
    grpc::page,
    proto::{downstream::v1 as shared, v1},
};

/// A person has a handful of names; what downstreams resolve has room beside them (`domain::subject`).
const IDENTIFIERS_MAX: usize = 32;
/// A UUID or a ticket number, not a document.
pub(super) const REQUEST_ID_BYTES_MAX: usize = 128;
/// Why a downstream is paused, or a task waived: a sentence, and a link to what is done about it.
pub(super) const NOTE_BYTES_MAX: usize = 256;
/// A version, not a text.
const POLICY_VERSION_BYTES_MAX: usize = 64;
/// References of the caller, kept with the case and shown in lists.
const LABELS_MAX: usize = 16;
/// As long as the names of everything else.
const LABEL_KEY_BYTES_MAX: usize = 63;
/// A URL or a ticket number.
const LABEL_VALUE_BYTES_MAX: usize = 256;
/// Downstreams in a scope, and categories of each: more than that is "all".
const SCOPE_MAX: usize = 100;
/// A person lives under a few laws at once.
const REGIMES_MAX: usize = 16;
/// 2018-05-25T00:00:00Z: from when the GDPR applies. Earlier requests are mistakes.
const RECEIVED_LEAST: Timestamp = Timestamp::constant(1_527_206_400, 0);

/// A request to open a case; who calls, and in which trace, is added by the service.
pub(crate) fn new_case(request: v1::OpenCaseRequest, now: Timestamp) -> Result<NewCase, Faults> {
    let mut faults = Faults::default();
    ascii(&mut faults, "request_id", &request.request_id, 1..=REQUEST_ID_BYTES_MAX);
    let right = right(&mut faults, request.right);
    let subject = subject(&mut faults, request.subject);
    let received_at = received(&mut faults, request.received_time, now);
    let scope = scope(&mut faults, request.scope);
    let labels = labels(&mut faults, request.labels);
    ascii(&mut faults, "policy_version", &request.policy_version, 0..=POLICY_VERSION_BYTES_MAX);
    channel(&mut faults, &request.channel);
    regimes(&mut faults, &request.regimes);
    let evidence = handling::evidence(&mut faults, request.evidence, now);
    let given = Given {
        corrections: request.corrections,
        uses: request.uses,
        purposes: request.purposes,
        lift: request.lift,
    };
    let (particulars, mut details) = particulars::read(&mut faults, right, given);
    details.guardian = guardian(&mut faults, request.guardian, request.minor);
    faults.or(NewCase {
        caller: String::new(),
        request_id: request.request_id,
        right,
        subject,
        received_at,
        scope,
        labels,
        policy_version: request.policy_version,
        channel: request.channel,
        regimes: request.regimes,
        evidence,
        minor: request.minor,
        particulars,
        details,
        trace_parent: None,
    })
}

/// A request for a preview.
pub(crate) fn new_preview(request: v1::PreviewCaseRequest, now: Timestamp) -> Result<NewPreview, Faults> {
    let mut faults = Faults::default();
    let right = right(&mut faults, request.right);
    let subject = subject(&mut faults, request.subject);
    let received_at = received(&mut faults, request.received_time, now);
    let scope = scope(&mut faults, request.scope);
    channel(&mut faults, &request.channel);
    regimes(&mut faults, &request.regimes);
    let given = Given {
        corrections: request.corrections,
        uses: request.uses,
        purposes: request.purposes,
        lift: request.lift,
    };
    let (particulars, details) = particulars::read(&mut faults, right, given);
    let (channel, regimes) = (request.channel, request.regimes);
    faults.or(NewPreview { right, subject, received_at, scope, channel, regimes, particulars, details })
}

/// Which cases to list, and after which one.
pub(crate) fn filter(request: &mut v1::ListCasesRequest) -> Result<(Filter, Option<CaseId>), Faults> {
    let mut faults = Faults::default();
    let mut states = BTreeSet::new();
    for (index, number) in request.states.iter().enumerate() {
        match choice::case_state_of(*number) {
            Some(state) => {
                states.insert(state);
            }
            None => faults.push(format!("states[{index}]"), "must be a CaseState"),
        }
    }
    let right = choice::right_of(request.right);
    if right.is_none() && request.right != 0 {
        faults.push("right", "must be a Right, or unset for all");
    }
    if !request.downstream.is_empty() && !is_name(&request.downstream) {
        faults.push("downstream", NAME_RULE);
    }
    let due_before =
        request.due_before_time.and_then(|before| faults.take("due_before_time", time::timestamp(before)));
    let identifier = request
        .identifier
        .as_ref()
        .and_then(|given| faults.take("identifier", Identifier::new(&given.kind, &given.value)));
    let after = faults.take("page_token", page::case_before(request)).flatten();
    let filter = Filter {
        caller: None,
        states: states.into_iter().collect(),
        right,
        downstream: Some(request.downstream.clone()).filter(|name| !name.is_empty()),
        due_before,
        overdue: request.overdue,
        due_soon: request.due_soon,
        identifier,
    };
    faults.or((filter, after))
}

/// An id in `field`.
pub(crate) fn id<T: FromStr<Err = Fault>>(field: &str, text: &str) -> Result<T, Faults> {
    text.parse().map_err(|fault: Fault| Faults::from(fault.under(field)))
}

/// The name of a downstream, which may well be unknown.
pub(crate) fn downstream_name(name: &str) -> Result<&str, Faults> {
    named("name", name)
}

/// A name in `field`.
pub(crate) fn named<'a>(field: &str, name: &'a str) -> Result<&'a str, Faults> {
    if is_name(name) { Ok(name) } else { Err(Faults::from(Fault::new(field, NAME_RULE))) }
}

/// The downstream to be paused, and why.
pub(crate) fn pause(request: v1::PauseDownstreamRequest) -> Result<(String, String), Faults> {
    let mut faults = Faults::default();
    if !is_name(&request.name) {
        faults.push("name", NAME_RULE);
    }
    text(&mut faults, "note", &request.note, 0..=NOTE_BYTES_MAX);
    faults.or((request.name, request.note))
}

/// Where there is a fault, the value is of no use: it never leaves this file.
fn right(faults: &mut Faults, number: i32) -> Right {
    choice::right_of(number).unwrap_or_else(|| {
        let names: Vec<&str> = Right::ALL.iter().map(|right| choice::right(*right).as_str_name()).collect();
        faults.push("right", format!("must be one of {}", names.join(", ")));
        Right::Access
    })
}

pub(super) fn subject(faults: &mut Faults, subject: Option<shared::Subject>) -> Subject {
    person(faults, "subject", subject.unwrap_or_default())
}

fn guardian(faults: &mut Faults, guardian: Option<shared::Subject>, minor: bool) -> Option<Subject> {
    let guardian = person(faults, "guardian", guardian?);
    if !minor {
        faults.push("guardian", "must be left out unless `minor` is set");
    }
    Some(guardian)
}

fn person(faults: &mut Faults, field: &str, person: shared::Subject) -> Subject {
    let identifiers = person.identifiers;
    if !(1..=IDENTIFIERS_MAX).contains(&identifiers.len()) {
        faults.push(format!("{field}.identifiers"), format!("must have 1 to {IDENTIFIERS_MAX} entries"));
        return Subject::default();
    }
    let mut subject = Subject::default();
    for (index, given) in identifiers.iter().enumerate() {
        let path = format!("{field}.identifiers[{index}]");
        if let Some(identifier) = faults.take(&path, Identifier::new(&given.kind, &given.value)) {
            subject.add(identifier);
        }
    }
    subject
}

fn received(faults: &mut Faults, given: Option<prost_types::Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let at = faults.take("received_time", time::timestamp(given?))?;
    if at > now {
        faults.push("received_time", "must not be in the future");
    }
    if at < RECEIVED_LEAST {
        faults.push("received_time", "must not be before 2018-05-25");
    }
    Some(at)
}

/// Whether there is such a downstream or category is for the engine to say: it knows the registry.
fn scope(faults: &mut Faults, given: Option<v1::Scope>) -> Scope {
    let given = given.unwrap_or_default();
    let downstreams = names(faults, "scope.downstreams", given.downstreams);
    if given.categories.len() > SCOPE_MAX {
        faults.push("scope.categories", format!("must have at most {SCOPE_MAX} entries"));
        return Scope::default();
    }
    let mut categories = BTreeMap::new();
    for (index, entry) in given.categories.into_iter().enumerate() {
        let path = format!("scope.categories[{index}]");
        if !is_name(&entry.downstream) {
            faults.push(format!("{path}.downstream"), NAME_RULE);
        }
        if entry.categories.is_empty() {
            faults.push(
                format!("{path}.categories"),
                "must not be empty: leave the entry out for all categories",
            );
        }
        let chosen = names(faults, &format!("{path}.categories"), entry.categories);
        if categories.insert(entry.downstream, chosen).is_some() {
            faults.push(format!("{path}.downstream"), "must be different from all others");
        }
    }
    Scope { downstreams, categories }
}

fn names(faults: &mut Faults, path: &str, given: Vec<String>) -> BTreeSet<String> {
    if given.len() > SCOPE_MAX {
        faults.push(path, format!("must have at most {SCOPE_MAX} entries"));
        return BTreeSet::new();
    }
    for (index, name) in given.iter().enumerate() {
        if !is_name(name) {
            faults.push(format!("{path}[{index}]"), NAME_RULE);
        }
    }
    given.into_iter().collect()
}

fn channel(faults: &mut Faults, name: &str) {
    if !name.is_empty() && !is_name(name) {
        faults.push("channel", NAME_RULE);
    }
}

/// Whether there are such regimes is for the engine to say: it knows the table of clocks.
fn regimes(faults: &mut Faults, given: &[String]) {
    if given.len() > REGIMES_MAX {
        return faults.push("regimes", format!("must have at most {REGIMES_MAX} entries"));
    }
    for (index, name) in given.iter().enumerate() {
        if !is_name(name) {
            faults.push(format!("regimes[{index}]"), NAME_RULE);
        }
    }
}

fn labels(faults: &mut Faults, given: HashMap<String, String>) -> BTreeMap<String, String> {
    if given.len() > LABELS_MAX {
        faults.push("labels", format!("must have at most {LABELS_MAX} entries"));
        return BTreeMap::new();
    }
    let labels: BTreeMap<String, String> = given.into_iter().collect();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
    let is_key = |key: &&String| (1..=LABEL_KEY_BYTES_MAX).contains(&key.len()) && key.bytes().all(plain);
    if !labels.keys().all(|key| is_key(&key)) {
        // Which one is not said: a bad key may be anything, somebody's address among it.
        faults.push("labels", "must have keys of 1 to 63 bytes [a-z0-9_.-]");
    }
    for (key, value) in labels.iter().filter(|(key, _)| is_key(key)) {
        text(faults, &format!("labels[{key:?}]"), value, 0..=LABEL_VALUE_BYTES_MAX);
    }
    labels
}

pub(super) fn text(faults: &mut Faults, field: &str, text: &str, bytes: RangeInclusive<usize>) {
    if !bytes.contains(&text.len()) || text.chars().any(char::is_control) {
        let rule = match bytes.start() {
            0 => format!("must be at most {} bytes without control characters", bytes.end()),
            least => format!("must be {least} to {} bytes without control characters", bytes.end()),
        };
        faults.push(field, rule);
    }
}

pub(super) fn ascii(faults: &mut Faults, field: &str, text: &str, bytes: RangeInclusive<usize>) {
    if !bytes.contains(&text.len()) || !text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        let rule = format!("must be {} to {} bytes of printable ASCII", bytes.start(), bytes.end());
        faults.push(field, rule);
    }
}
