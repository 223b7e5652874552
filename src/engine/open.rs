//! Open: a request becomes a case.
//!
//! **Expected flow.** Check, plan, seal, and one transaction that writes the case, its tasks, its place in the blind
//! index and the first line of its history. The task rows are the outbox.
//!
//! **Guarantees.** Durable when it answers. The same request id of the same caller answers the same case; with another
//! body it is refused, and says what differs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use sha2::{Digest as _, Sha256};

use super::{CaseView, Engine, Error, NewCase, OpenedCase, plan};
use crate::{
    domain::{
        Case, CaseId, CaseState, CaseWork, Circumstances, Details, FollowUps, Proceedings, Right, Scope,
        Subject, Wish, advance,
        clock::Anchor,
        decision::Approval,
        handling::Handling,
        verification::{Assurance, Verification},
    },
    store::{Existing, Opened, Opening, Repeats, due_again},
    telemetry::metrics,
    vault::{CaseKey, KeyRing},
};

/// What the sealed subject is sealed for.
const SUBJECT: &str = "subject";
/// What the sealed details are sealed for.
const DETAILS: &str = "details";

impl Engine {
    /// Opens a case; durable when it answers.
    pub async fn open(&self, new: NewCase) -> Result<OpenedCase, Error> {
        let checked = self.check_names(&new.scope, &new.regimes).and_then(|regimes| {
            self.check_particulars(new.right, &new.scope, &new.particulars).map(|()| regimes)
        });
        let regimes = match checked {
            Ok(regimes) => regimes,
            Err(fault) => {
                // A replay is answered even if it names a downstream, or a regime, that has left since.
                let existing = self.0.store.opened(&new.caller, &new.request_id).await?.ok_or(fault)?;
                return self.replay(&new, existing).await;
            }
        };
        let mut opening = self.opening(&new, regimes)?;
        match self.0.store.insert(opening.clone()).await? {
            Opened::New(findings) => {
                metrics::opened(opening.case.right.as_str());
                findings.apply(&mut opening);
                let view = CaseView { case: opening.case, tasks: opening.tasks, export: None };
                Ok(OpenedCase { view, replayed: false, joined: false })
            }
            Opened::Joined(case) => {
                Ok(OpenedCase { view: self.case(case).await?, replayed: false, joined: true })
            }
            Opened::Existing(existing) => self.replay(&new, existing).await,
        }
    }

    async fn replay(&self, new: &NewCase, existing: Existing) -> Result<OpenedCase, Error> {
        let differs = differences(new, &self.0.ring, &existing);
        if differs.is_empty() {
            Ok(OpenedCase { view: self.case(existing.case.id).await?, replayed: true, joined: false })
        } else {
            Err(Error::RequestIdReused { case_id: existing.case.id, differs })
        }
    }

    fn opening(&self, new: &NewCase, regimes: Vec<String>) -> Result<Opening, Error> {
        let now = self.0.clock.now();
        let received_at = new.received_at.unwrap_or(now);
        let (state, proceedings) = begin(new, regimes, &self.0.settings.handling, (received_at, now));
        let mut case = Case {
            id: CaseId(self.0.clock.new_id()),
            caller: new.caller.clone(),
            request_id: new.request_id.clone(),
            right: new.right,
            state,
            reason: None,
            revision: 1,
            opened_at: now,
            received_at,
            due_at: proceedings.clocks.deadline().unwrap_or(Timestamp::MAX),
            settled_at: None,
            expires_at: None,
            identifier_kinds: new.subject.kinds().into_iter().collect(),
            scope: new.scope.clone(),
            labels: new.labels.clone(),
            policy_version: new.policy_version.clone(),
            proceedings,
            pseudonym: self.0.ring.pseudonym(&new.subject),
        };
        let waits = state != CaseState::InProgress || case.proceedings.waits_to_start(now);
        let (tasks, work) = if waits {
            (Vec::new(), Some((CaseWork::Due, case.proceedings.next_look(state, case.due_at, now))))
        } else if self.undescribed(&new.scope).is_empty() {
            let planned = self.plan(&Wish {
                right: new.right,
                particulars: &new.particulars,
                scope: &new.scope,
                known: &new.subject.kinds(),
            });
            let tasks = plan::tasks(&case, &planned, &*self.0.clock, now);
            let work = if advance::all_settled(&tasks) {
                (CaseWork::Settle, now)
            } else {
                case.proceedings.deliver_at = Some(due_again(case.due_at, now));
                (CaseWork::Due, case.proceedings.next_look(state, case.due_at, now))
            };
            (tasks, Some(work))
        } else {
            (Vec::new(), Some((CaseWork::Plan, now)))
        };
        let key = CaseKey::generate()?;
        Ok(Opening {
            sameness: sameness(new.right, &new.scope),
            repeats: self.repeats(now),
            digest: self.0.ring.digest(whole(new, &self.0.ring).as_bytes()),
            key: self.0.ring.wrap(&key, case.id)?,
            subject: seal_subject(&key, &new.subject)?,
            details: seal_details(&key, &new.details)?,
            asked: asked(new, &self.0.ring),
            blinds: new.subject.identifiers().map(|identifier| self.0.ring.blind_index(identifier)).collect(),
            received_at: new.received_at,
            trace_parent: new.trace_parent.clone(),
            case,
            tasks,
            work,
        })
    }
}

/// What policy and law make of the case, and where it stands at first: steps that policy does not ask for are passed
/// through at once.
fn begin(
    new: &NewCase,
    regimes: Vec<String>,
    handling: &Handling,
    (received_at, now): (Timestamp, Timestamp),
) -> (CaseState, Proceedings) {
    let mut clocks = handling.clocks(&regimes, new.right, received_at);
    let policy = &handling.verification;
    let needed = policy.needed(new.right, (&regimes, &handling.table), &new.channel, received_at);
    let mut verification = Verification { needed, ..Verification::default() };
    let is_verified = verification.add(&new.evidence, policy, now);
    if !is_verified {
        verification.expires_at = Some(handling.verification_expires.after(now));
    } else if needed == Assurance::None {
        clocks.start(Anchor::Verification, received_at, &handling.table);
    } else {
        verification.verified_at = Some(now);
        clocks.start(Anchor::Verification, now, &handling.table);
    }
    // A minor's erasure begins at once: that it waits for a second person is what harms.
    let is_fast = new.minor && new.right == Right::Erasure;
    let is_needed = handling.approval.contains(&new.right) && !is_fast;
    let approval = Approval { is_needed, ..Approval::default() };
    let state = match (is_verified, approval.is_needed) {
        (false, _) => CaseState::AwaitingVerification,
        (true, true) => CaseState::AwaitingApproval,
        (true, false) => CaseState::InProgress,
    };
    let proceedings = Proceedings {
        channel: new.channel.clone(),
        regimes,
        clocks,
        verification,
        approval,
        particulars: new.particulars.clone(),
        follow_ups: FollowUps::default(),
        circumstances: circumstances(new),
        refusal: None,
        start_at: handling.start_at(new.right, now).filter(|_| state == CaseState::InProgress && !new.minor),
        when_due: handling.when_due,
        deliver_at: None,
    };
    (state, proceedings)
}

impl Engine {
    /// What policy says about subjects that ask again.
    fn repeats(&self, now: jiff::Timestamp) -> Repeats {
        let settings = &self.0.settings;
        let most = settings.excessive_cases;
        Repeats {
            duplicates: settings.duplicates,
            excessive: (most > 0).then(|| (most, settings.excessive_within.before(now))),
        }
    }
}

/// What is special about the case, as far as the caller says so.
fn circumstances(new: &NewCase) -> Circumstances {
    let guardian = new.details.guardian.as_ref();
    Circumstances {
        minor: new.minor,
        guardian_identifier_kinds: guardian
            .map(|known| known.kinds().into_iter().collect())
            .unwrap_or_default(),
        ..Circumstances::default()
    }
}

/// Cases of one subject are duplicates if this is the same. Half of a SHA-256 is far more than a person's cases need.
fn sameness(right: Right, scope: &Scope) -> String {
    let text = json!([right, scope]).to_string();
    hex::encode(&Sha256::digest(text)[..16])
}

/// All that a caller asks for, as text, to be digested.
fn whole(new: &NewCase, ring: &KeyRing) -> String {
    let subject = ring.pseudonym(&new.subject);
    json!([new.right, subject, new.received_at, new.scope, new.labels, new.policy_version, asked(new, ring),])
        .to_string()
}

/// Keyed digests of what only some cases are opened with, by field. Each field that a caller may set and that no column
/// holds as it was given belongs here.
fn asked(new: &NewCase, ring: &KeyRing) -> BTreeMap<String, String> {
    let particulars = &new.particulars;
    let fields = [
        ("channel", json!(new.channel)),
        ("regimes", json!(new.regimes)),
        ("evidence", json!(new.evidence)),
        ("corrections", json!(new.details.corrections)),
        ("uses", json!(particulars.uses)),
        ("purposes", json!(particulars.purposes)),
        ("lift", json!(particulars.lift)),
        ("minor", json!(new.minor)),
        ("guardian", json!(new.details.guardian)),
    ];
    let empty = [json!(""), json!([]), json!(false), Value::Null];
    let is_set = |value: &Value| !empty.contains(value);
    let digest =
        |(field, value): (&str, Value)| (field.to_owned(), ring.digest(value.to_string().as_bytes()));
    fields.into_iter().filter(|(_, value)| is_set(value)).map(digest).collect()
}

/// What a replay asks for that the case was not opened with. The pseudonym stands for the subject.
fn differences(new: &NewCase, ring: &KeyRing, existing: &Existing) -> Vec<String> {
    let case = &existing.case;
    let asked = asked(new, ring);
    let fields: BTreeSet<&String> = asked.keys().chain(existing.asked.keys()).collect();
    let others = fields.into_iter().filter(|field| asked.get(*field) != existing.asked.get(*field)).cloned();
    let fields = [
        ("right", new.right != case.right),
        ("subject", ring.pseudonym(&new.subject) != case.pseudonym),
        ("received_time", new.received_at != existing.received_at),
        ("scope", new.scope != case.scope),
        ("labels", new.labels != case.labels),
        ("policy_version", new.policy_version != case.policy_version),
    ];
    let own = fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned());
    own.chain(others).collect()
}

/// Seals what else is personal, if there is anything.
fn seal_details(key: &CaseKey, details: &Details) -> Result<Option<Vec<u8>>, crate::vault::Error> {
    if details.is_empty() {
        return Ok(None);
    }
    let json = zeroize::Zeroizing::new(serde_json::to_vec(details).expect("details are JSON"));
    key.seal(DETAILS, &json).map(Some)
}

/// Opens what else is personal.
pub(super) fn open_details(key: &CaseKey, sealed: Option<&[u8]>) -> Result<Details, crate::vault::Error> {
    let Some(sealed) = sealed else { return Ok(Details::default()) };
    let json = key.open(DETAILS, sealed)?;
    serde_json::from_slice(&json).map_err(|_| crate::vault::Error::Sealed)
}

/// Seals a subject under its case's key.
pub(super) fn seal_subject(key: &CaseKey, subject: &Subject) -> Result<Vec<u8>, crate::vault::Error> {
    let json = zeroize::Zeroizing::new(serde_json::to_vec(subject).expect("identifiers are JSON"));
    key.seal(SUBJECT, &json)
}

/// Opens a sealed subject.
pub(super) fn open_subject(key: &CaseKey, sealed: &[u8]) -> Result<Subject, crate::vault::Error> {
    let json = key.open(SUBJECT, sealed)?;
    serde_json::from_slice(&json).map_err(|_| crate::vault::Error::Sealed)
}
