//! How a puppet changes things: once per task id, now or later.

use std::collections::BTreeMap;

use prost::Message as _;
use rightful::proto::downstream::v1::{
    EraseRequest, ObjectRequest, Outcome, RectifyRequest, Refusal, RestrictRequest, Subject,
    WithdrawConsentRequest, Working, get_task_response::Answer,
};

use super::{Fault, Gone, Inner, Person, person, rights};

/// How long a puppet asks to be left alone while it works: the least that rightful keeps to.
const POLL_AFTER: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 100_000_000 };

/// A changing call.
#[derive(Clone)]
pub enum Work {
    Erase(EraseRequest),
    Rectify(RectifyRequest),
    Restrict(RestrictRequest),
    Object(ObjectRequest),
    WithdrawConsent(WithdrawConsentRequest),
}

impl Work {
    /// Its key, and whether it is only tried.
    fn key(&self) -> (&str, bool) {
        match self {
            Self::Erase(request) => (&request.task_id, request.dry_run),
            Self::Rectify(request) => (&request.task_id, request.dry_run),
            Self::Restrict(request) => (&request.task_id, request.dry_run),
            Self::Object(request) => (&request.task_id, request.dry_run),
            Self::WithdrawConsent(request) => (&request.task_id, request.dry_run),
        }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Erase(request) => request.encode_to_vec(),
            Self::Rectify(request) => request.encode_to_vec(),
            Self::Restrict(request) => request.encode_to_vec(),
            Self::Object(request) => request.encode_to_vec(),
            Self::WithdrawConsent(request) => request.encode_to_vec(),
        }
    }

    fn subject(&self) -> Subject {
        let subject = match self {
            Self::Erase(request) => &request.subject,
            Self::Rectify(request) => &request.subject,
            Self::Restrict(request) => &request.subject,
            Self::Object(request) => &request.subject,
            Self::WithdrawConsent(request) => &request.subject,
        };
        subject.clone().unwrap_or_default()
    }
}

/// What the puppet remembers of its tasks.
#[derive(Default)]
pub struct Tasks {
    known: BTreeMap<String, Known>,
    /// Task ids that came again with another body: a breach of the contract by rightful.
    pub changed: Vec<String>,
}

struct Known {
    work: Work,
    /// Polls until the outcome is there; the effect happens then.
    polls_left: u32,
    answer: Option<Answer>,
    half: bool,
}

/// Answers a changing call.
pub fn change(inner: &mut Inner, work: Work, fault: Option<&Fault>) -> Answer {
    let (task_id, dry_run) = work.key();
    let task_id = task_id.to_owned();
    match fault {
        Some(Fault::Refuse(ground)) => return Answer::Refusal(Refusal { ground: Some(ground.clone()) }),
        Some(Fault::Claim(outcome)) => return Answer::Outcome(outcome.clone()),
        _ if dry_run => return Answer::Outcome(apply(&mut inner.people.clone(), inner, &work, false).0),
        _ => {}
    }
    if let Some(known) = inner.tasks.known.get(&task_id) {
        if known.work.body() != work.body() {
            inner.tasks.changed.push(task_id.clone());
        }
    } else {
        let polls_left = if let Some(Fault::Work(polls)) = fault { *polls } else { 0 };
        let half = matches!(fault, Some(Fault::EraseHalf));
        inner.tasks.known.insert(task_id.clone(), Known { work, polls_left, answer: None, half });
    }
    progress(inner, &task_id).expect("it was put there")
}

/// Answers a GetTask; none if the task is not known.
pub fn poll(inner: &mut Inner, task_id: &str, fault: Option<&Fault>) -> Option<Answer> {
    if let Some(outcome) = inner.sweeps.outcome(task_id) {
        return Some(Answer::Outcome(outcome));
    }
    if matches!(fault, Some(Fault::Forget)) {
        inner.tasks.known.remove(task_id);
    }
    let known = inner.tasks.known.get_mut(task_id)?;
    known.polls_left = known.polls_left.saturating_sub(1);
    progress(inner, task_id)
}

/// Does the work when its time has come, and answers.
fn progress(inner: &mut Inner, task_id: &str) -> Option<Answer> {
    let known = inner.tasks.known.get(task_id)?;
    if let Some(answer) = &known.answer {
        return Some(answer.clone());
    }
    if known.polls_left > 0 {
        return Some(Answer::Working(Working { poll_after: Some(POLL_AFTER) }));
    }
    let (work, half) = (known.work.clone(), known.half);
    let mut people = std::mem::take(&mut inner.people);
    let (outcome, gone) = apply(&mut people, inner, &work, half);
    inner.people = people;
    inner.journal.gone.extend(gone);
    inner.journal.effect(task_id);
    let answer = Answer::Outcome(outcome);
    inner.tasks.known.get_mut(task_id)?.answer = Some(answer.clone());
    Some(answer)
}

/// Changes `people`, or only every second record of what it says it changed.
fn apply(people: &mut [Person], inner: &Inner, work: &Work, half: bool) -> (Outcome, Vec<Gone>) {
    let subject = work.subject();
    let understands = &inner.description.understands;
    let meant = people.iter_mut().filter(|person| person.is_meant(&subject, understands));
    let now = inner.clock.as_ref().map(|clock| clock.now());
    let mut gone = Vec::new();
    let mut outcome = match work {
        Work::Erase(request) => {
            let (outcome, erased) = person::erase(meant, &request.directives, half, now);
            gone = erased;
            outcome
        }
        Work::Rectify(request) => rights::rectify(meant, &request.corrections, half),
        Work::Restrict(request) => rights::restrict(meant, &request.categories, request.lift, half),
        Work::Object(request) => rights::object(meant, request),
        Work::WithdrawConsent(request) => rights::withdraw(meant, &request.categories),
    };
    rights::tell(&mut outcome, &inner.description);
    (outcome, gone)
}
