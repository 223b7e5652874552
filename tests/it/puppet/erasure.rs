//! How a puppet erases: once per task id, now or later.

use std::collections::BTreeMap;

use prost::Message as _;
use rightful::proto::downstream::v1::{EraseRequest, Outcome, Refusal, Working, erase_response::Answer};

use super::{Fault, Gone, Inner, Person, person};

/// How long a puppet asks to be left alone while it works: the least that rightful keeps to.
const POLL_AFTER: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 100_000_000 };

/// What the puppet remembers of its tasks.
#[derive(Default)]
pub struct Tasks {
    known: BTreeMap<String, Known>,
    /// Task ids that came again with another body: a breach of the contract by rightful.
    pub changed: Vec<String>,
}

struct Known {
    body: Vec<u8>,
    request: EraseRequest,
    /// Polls until the outcome is there; the effect happens then.
    polls_left: u32,
    answer: Option<Answer>,
    half: bool,
}

/// Answers an Erase.
pub fn erase(inner: &mut Inner, request: &EraseRequest, fault: Option<&Fault>) -> Answer {
    match fault {
        Some(Fault::Refuse(ground)) => return Answer::Refusal(Refusal { ground: Some(ground.clone()) }),
        Some(Fault::Claim(outcome)) => return Answer::Outcome(outcome.clone()),
        _ if request.dry_run => {
            return Answer::Outcome(apply(&mut inner.people.clone(), inner, request, false).0);
        }
        _ => {}
    }
    let body = request.encode_to_vec();
    if let Some(known) = inner.tasks.known.get(&request.task_id) {
        if known.body != body {
            inner.tasks.changed.push(request.task_id.clone());
        }
    } else {
        let polls_left = if let Some(Fault::Work(polls)) = fault { *polls } else { 0 };
        let half = matches!(fault, Some(Fault::EraseHalf));
        let known = Known { body, request: request.clone(), polls_left, answer: None, half };
        inner.tasks.known.insert(request.task_id.clone(), known);
    }
    progress(inner, &request.task_id).expect("it was put there")
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
    let (request, half) = (known.request.clone(), known.half);
    let mut people = std::mem::take(&mut inner.people);
    let (outcome, gone) = apply(&mut people, inner, &request, half);
    inner.people = people;
    inner.journal.gone.extend(gone);
    inner.journal.effect(task_id);
    let answer = Answer::Outcome(outcome);
    inner.tasks.known.get_mut(task_id)?.answer = Some(answer.clone());
    Some(answer)
}

/// Erases from `people`, or only every second record of what it says it erased.
fn apply(people: &mut [Person], inner: &Inner, request: &EraseRequest, half: bool) -> (Outcome, Vec<Gone>) {
    let subject = request.subject.clone().unwrap_or_default();
    let understands = &inner.description.understands;
    let meant = people.iter_mut().filter(|person| person.is_meant(&subject, understands));
    let now = inner.clock.as_ref().map(|clock| clock.now());
    person::erase(meant, &request.directives, half, now)
}
