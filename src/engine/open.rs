//! Open: a request becomes a case.
//!
//! **Expected flow.** Check, plan, seal, and one transaction that writes the case, its tasks, its place in the blind
//! index and the first line of its history. The task rows are the outbox.
//!
//! **Guarantees.** Durable when it answers. The same request id of the same caller answers the same case; with another
//! body it is refused, and says what differs.

use super::{CaseView, Engine, Error, NewCase, OpenedCase, plan};
use crate::{
    domain::{Case, CaseId, CaseState, CaseWork, Subject, advance},
    store::{Existing, Opened, Opening, due_again},
    vault::CaseKey,
};

/// What the sealed subject is sealed for.
const SUBJECT: &str = "subject";

impl Engine {
    /// Opens a case; durable when it answers.
    pub async fn open(&self, new: NewCase) -> Result<OpenedCase, Error> {
        if let Err(fault) = self.check_scope(&new.scope) {
            // A replay is answered even if its scope names a downstream that has left since.
            let existing = self.0.store.opened(&new.caller, &new.request_id).await?.ok_or(fault)?;
            return self.replay(&new, existing).await;
        }
        let opening = self.opening(&new)?;
        match self.0.store.insert(opening.clone()).await? {
            Opened::New => {
                let view = CaseView { case: opening.case, tasks: opening.tasks, export: None };
                Ok(OpenedCase { view, replayed: false })
            }
            Opened::Existing(existing) => self.replay(&new, existing).await,
        }
    }

    async fn replay(&self, new: &NewCase, existing: Existing) -> Result<OpenedCase, Error> {
        let differs = differences(new, &self.0.ring.pseudonym(&new.subject), &existing);
        if differs.is_empty() {
            Ok(OpenedCase { view: self.case(existing.case.id).await?, replayed: true })
        } else {
            Err(Error::RequestIdReused { case_id: existing.case.id, differs })
        }
    }

    fn opening(&self, new: &NewCase) -> Result<Opening, Error> {
        let now = self.0.clock.now();
        let received_at = new.received_at.unwrap_or(now);
        let case = Case {
            id: CaseId(self.0.clock.new_id()),
            caller: new.caller.clone(),
            request_id: new.request_id.clone(),
            right: new.right,
            state: CaseState::InProgress,
            reason: None,
            revision: 1,
            opened_at: now,
            received_at,
            due_at: self.0.settings.respond_within.after(received_at),
            settled_at: None,
            expires_at: None,
            identifier_kinds: new.subject.kinds().into_iter().collect(),
            scope: new.scope.clone(),
            labels: new.labels.clone(),
            policy_version: new.policy_version.clone(),
            pseudonym: self.0.ring.pseudonym(&new.subject),
        };
        let (tasks, work) = if self.undescribed(&new.scope).is_empty() {
            let planned = self.plan(new.right, &new.subject.kinds(), &new.scope);
            let tasks = plan::tasks(&case, &planned, &*self.0.clock, now);
            let work = if advance::all_settled(&tasks) {
                (CaseWork::Settle, now)
            } else {
                (CaseWork::Due, due_again(case.due_at, now))
            };
            (tasks, Some(work))
        } else {
            (Vec::new(), Some((CaseWork::Plan, now)))
        };
        let key = CaseKey::generate()?;
        Ok(Opening {
            key: self.0.ring.wrap(&key, case.id)?,
            subject: seal_subject(&key, &new.subject)?,
            blinds: new.subject.identifiers().map(|identifier| self.0.ring.blind_index(identifier)).collect(),
            received_at: new.received_at,
            trace_parent: new.trace_parent.clone(),
            case,
            tasks,
            work,
        })
    }
}

/// What a replay asks for that the case was not opened with. The pseudonym stands for the subject.
fn differences(new: &NewCase, pseudonym: &str, existing: &Existing) -> Vec<&'static str> {
    let case = &existing.case;
    let fields = [
        ("right", new.right != case.right),
        ("subject", pseudonym != case.pseudonym),
        ("received_time", new.received_at != existing.received_at),
        ("scope", new.scope != case.scope),
        ("labels", new.labels != case.labels),
        ("policy_version", new.policy_version != case.policy_version),
    ];
    fields.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
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
