//! Release: what an erasure had to retain may go now, and a case of its own sees to it.
//!
//! **Expected flow.** A settled erasure with follow-ups ahead has this as its work, at the time of the next one. The
//! follow-up becomes an erasure case of the same subject, over the categories that are released; it asks, verifies and
//! ends in a receipt as every erasure does. Nobody has to verify or approve it: the person asked long ago.
//!
//! **Guarantees.** Each follow-up becomes one case, whatever crashes: it is opened by a request id of its own, and noted
//! afterwards. Downstreams that have left, and categories that are no longer described, are not passed over: their tasks
//! need attention, or are asked all the same. The subject stays sealed until the last follow-up has begun, no longer.

use std::collections::BTreeSet;

use serde_json::json;
use uuid::Uuid;

use super::{Engine, Error, open, plan};
use crate::{
    domain::{
        Ask, Case, CaseId, CaseState, CaseWork, Directive, Duplicates, IdentifierKind, Proceedings, Right,
        Scope, Task, TaskKind, TaskReason, TaskState, Wish, advance,
        clock::Anchor,
        follow_up::{FollowUp, FollowUps, Origin},
        handling::Handling,
        plan::Planned,
    },
    store::{CaseFile, Opened, Opening, Repeats, StoredCase, due_again},
    vault::CaseKey,
};

/// The caller of cases that rightful opens itself. Nobody else can call by this name.
const CALLER: &str = crate::domain::caller::OWN;
/// Follow-ups of one case that begin under one claim. Those that are due come at once, the rest right after.
const AT_ONCE_MAX: usize = 16;

impl Engine {
    /// Opens the follow-ups of a case that are due.
    pub(super) async fn release(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let now = self.0.clock.now();
        let follow_ups = &stored.case.proceedings.follow_ups;
        let due = follow_ups.ahead().filter(|follow_up| follow_up.released.at <= now);
        let due: Vec<&FollowUp> = due.take(AT_ONCE_MAX).collect();
        let tasks = self.0.store.tasks(stored.case.id).await?;
        let mut begun: Vec<(u32, CaseId)> = Vec::with_capacity(due.len());
        for follow_up in due {
            let opening = self.follow_up(stored, &tasks, follow_up)?;
            let id = opening.case.id;
            let case_id = match self.0.store.insert(opening).await? {
                Opened::New(_) => id,
                // Its repeats are allowed.
                Opened::Joined(existing) => existing,
                // A crash came between the opening and the note of it.
                Opened::Existing(existing) => existing.case.id,
            };
            tracing::info!(case_id = %stored.case.id, follow_up = %case_id, "what was retained is released");
            begun.push((follow_up.number, case_id));
        }
        self.change_case(stored.case.id, token, move |file| {
            for (number, case_id) in &begun {
                note(file, *number, *case_id);
            }
            wait(file);
            file.attempts = 0;
            Ok(())
        })
        .await
    }

    fn follow_up(
        &self,
        stored: &StoredCase,
        before: &[Task],
        follow_up: &FollowUp,
    ) -> Result<Opening, Error> {
        let now = self.0.clock.now();
        let gone = || Error::NotFound { resource: "subject", id: stored.case.id.to_string() };
        let sealed = stored.subject.as_ref().ok_or_else(gone)?;
        let subject = open::open_subject(&self.case_key(stored)?, sealed)?;
        let categories = follow_up.released.categories.clone();
        let scope = Scope { downstreams: categories.keys().cloned().collect(), categories };
        let proceedings = proceedings(&stored.case, follow_up, &self.0.settings.handling);
        let mut case = Case {
            id: CaseId(self.0.clock.new_id()),
            caller: CALLER.to_owned(),
            request_id: format!("release:{}:{}", stored.case.id, follow_up.number),
            right: Right::Erasure,
            state: CaseState::InProgress,
            reason: None,
            revision: 1,
            opened_at: now,
            received_at: follow_up.released.at,
            due_at: proceedings.clocks.deadline().unwrap_or(now),
            settled_at: None,
            expires_at: None,
            identifier_kinds: subject.kinds().into_iter().collect(),
            scope,
            labels: stored.case.labels.clone(),
            policy_version: stored.case.policy_version.clone(),
            proceedings,
            pseudonym: stored.case.pseudonym.clone(),
        };
        let known = subject.kinds();
        let particulars = &case.proceedings.particulars;
        let wish = Wish { right: Right::Erasure, particulars, scope: &case.scope, known: &known };
        let mut planned = self.plan(&wish);
        leave_nobody_out(&mut planned, &case.scope, &known, before);
        let tasks = plan::tasks(&case, &planned, &*self.0.clock, now);
        let work = if advance::all_settled(&tasks) {
            (CaseWork::Settle, now)
        } else {
            case.proceedings.deliver_at = Some(due_again(case.due_at, now));
            (CaseWork::Due, case.proceedings.next_look(case.state, case.due_at, now))
        };
        let key = CaseKey::generate()?;
        Ok(Opening {
            // Nobody asks here, so it repeats nothing, and nothing is a duplicate of it.
            sameness: case.id.to_string(),
            repeats: Repeats { duplicates: Duplicates::Allow, excessive: None },
            digest: String::new(),
            key: self.0.ring.wrap(&key, case.id)?,
            subject: open::seal_subject(&key, &subject)?,
            details: None,
            asked: std::collections::BTreeMap::new(),
            blinds: subject.identifiers().map(|identifier| self.0.ring.blind_index(identifier)).collect(),
            received_at: None,
            trace_parent: None,
            case,
            tasks,
            work: Some(work),
        })
    }
}

/// Its clocks run from the release: what is erased late shows.
fn proceedings(parent: &Case, follow_up: &FollowUp, handling: &Handling) -> Proceedings {
    let (regimes, released_at) = (&parent.proceedings.regimes, follow_up.released.at);
    let mut clocks = handling.clocks(regimes, Right::Erasure, released_at);
    clocks.start(Anchor::Verification, released_at, &handling.table);
    // Nobody asks here, so there is nobody to whom it could be acknowledged.
    clocks.acknowledge(released_at);
    let origin = Origin {
        case_id: parent.id,
        number: follow_up.number,
        vain: follow_up.vain,
        scheduled: parent.proceedings.follow_ups.scheduled_beside(follow_up),
    };
    Proceedings {
        regimes: regimes.clone(),
        clocks,
        follow_ups: FollowUps { of: Some(origin), ..FollowUps::default() },
        ..Proceedings::default()
    }
}

/// What a settled case waits for next: its next follow-up, or its expiry.
pub(super) fn wait(file: &mut CaseFile) {
    let next = file.case.proceedings.follow_ups.next_at().map(|at| (CaseWork::Release, at));
    file.work = next.or_else(|| file.case.expires_at.map(|at| (CaseWork::Expire, at)));
}

/// Writes down that a follow-up has become a case.
fn note(file: &mut CaseFile, number: u32, case_id: CaseId) {
    let mut list = file.case.proceedings.follow_ups.list.iter_mut();
    let Some(follow_up) = list.find(|follow_up| follow_up.number == number && follow_up.case_id.is_none())
    else {
        return;
    };
    follow_up.case_id = Some(case_id);
    let data = json!({
        "v": 1, "number": number, "case_id": case_id, "release_at": follow_up.released.at,
        "categories": follow_up.released.categories,
    });
    file.note(None, "case.release".to_owned(), data);
}

/// The plan knows registered downstreams and described categories only. What was retained by others is asked for as it
/// was before, or needs a person.
fn leave_nobody_out(
    planned: &mut Vec<Planned>,
    scope: &Scope,
    known: &BTreeSet<IdentifierKind>,
    before: &[Task],
) {
    for (downstream, categories) in &scope.categories {
        let old = before.iter().find(|task| task.downstream == *downstream && task.kind() == TaskKind::Erase);
        let position = planned
            .iter()
            .position(|task| task.downstream == *downstream && matches!(task.ask, Ask::Erase { .. }));
        let understands = old.map(|task| task.understands.clone()).unwrap_or_default();
        let Some(position) = position else {
            planned.push(Planned {
                downstream: downstream.clone(),
                ask: Ask::Erase { directives: missing(categories, &[], old) },
                understands,
                state: TaskState::NeedsAttention,
                reason: Some(TaskReason::DownstreamUnknown),
                ground: None,
                waits_for: Vec::new(),
            });
            continue;
        };
        let task = &mut planned[position];
        let Ask::Erase { directives } = &mut task.ask else { continue };
        let more = missing(categories, directives, old);
        if more.is_empty() || task.state == TaskState::NeedsAttention {
            continue;
        }
        directives.extend(more);
        if (task.state, task.reason) == (TaskState::Skipped, Some(TaskReason::OutOfScope)) {
            if task.understands.is_empty() {
                task.understands = understands;
            }
            let is_known = !task.understands.is_disjoint(known);
            let no_name = (TaskState::Skipped, Some(TaskReason::NoKnownIdentifier));
            (task.state, task.reason) = if is_known { (TaskState::Pending, None) } else { no_name };
        }
    }
}

/// The directives of the erasure before, for those categories that have none now.
fn missing(categories: &BTreeSet<String>, directives: &[Directive], old: Option<&Task>) -> Vec<Directive> {
    let Some(Ask::Erase { directives: before }) = old.map(|task| &task.ask) else { return Vec::new() };
    let is_missing = |directive: &&Directive| {
        categories.contains(&directive.category)
            && !directives.iter().any(|known| known.category == directive.category)
    };
    before.iter().filter(is_missing).cloned().collect()
}
