//! The erasures of a downstream: each task id has one effect and one answer, whatever happens in between.

use std::{collections::BTreeMap, path::Path};

use prost::Message as _;
use rightful::proto::downstream::v1::{EraseRequest, Outcome, Working, erase_response::Answer};

use super::{Entry, Inner, Journal, Person, person, read};

/// Polls until work in the background is done.
const POLLS: u32 = 2;
/// How long it asks to be left alone meanwhile: the least that rightful keeps to.
const POLL_AFTER: prost_types::Duration = prost_types::Duration { seconds: 0, nanos: 100_000_000 };

/// What is known of the tasks.
pub struct Tasks {
    journal: Journal,
    known: BTreeMap<String, Known>,
    /// Erasures are accepted, and done in the background.
    in_background: bool,
}

struct Known {
    request: Vec<u8>,
    /// Not in the journal: after a restart it takes as many polls again.
    polls: u32,
    outcome: Option<Outcome>,
}

impl Tasks {
    /// Reads the journal, and takes from the people what it says was erased.
    pub fn load(file: &Path, people: &mut [Person], in_background: bool) -> anyhow::Result<Self> {
        let mut known = BTreeMap::new();
        for entry in read(file)? {
            match entry {
                Entry::Accepted { task_id, request } => {
                    known.insert(task_id, Known { request, polls: 0, outcome: None });
                }
                Entry::Effect { task_id, request, outcome } => {
                    erase(people, &EraseRequest::decode(request.as_slice())?);
                    let outcome = Some(Outcome::decode(outcome.as_slice())?);
                    known.insert(task_id, Known { request, polls: 0, outcome });
                }
                Entry::Forgotten { task_id } => {
                    known.remove(&task_id);
                }
                Entry::Changed { .. } => {}
            }
        }
        Ok(Self { journal: Journal::open(file)?, known, in_background })
    }
}

/// Erases from those who are meant. People are found by any of their identifiers; the request has only kinds that the
/// service understands.
fn erase(people: &mut [Person], request: &EraseRequest) -> Outcome {
    let subject = request.subject.clone().unwrap_or_default();
    let kinds: Vec<String> = subject.identifiers.iter().map(|identifier| identifier.kind.clone()).collect();
    let meant = people.iter_mut().filter(|person| person.is_meant(&subject, &kinds));
    person::erase(meant, &request.directives, false, None).0
}

impl Inner {
    /// Answers an Erase.
    pub fn erase(&mut self, request: &EraseRequest) -> Answer {
        if request.dry_run {
            return Answer::Outcome(erase(&mut self.people.clone(), request));
        }
        let (task_id, body) = (request.task_id.clone(), request.encode_to_vec());
        if let Some(known) = self.tasks.known.get(&task_id) {
            if known.request != body {
                self.tasks.journal.append(&Entry::Changed { task_id: task_id.clone() });
            }
        } else {
            if self.tasks.in_background {
                let entry = Entry::Accepted { task_id: task_id.clone(), request: body.clone() };
                self.tasks.journal.append(&entry);
            }
            let polls = if self.tasks.in_background { 0 } else { POLLS };
            self.tasks.known.insert(task_id.clone(), Known { request: body, polls, outcome: None });
        }
        self.progress(&task_id).expect("it was put there")
    }

    /// Answers a GetTask; none if the task is not known.
    pub fn poll(&mut self, task_id: &str) -> Option<Answer> {
        self.tasks.known.get_mut(task_id)?.polls += 1;
        self.progress(task_id)
    }

    /// Loses every task that was accepted and is not done.
    pub fn forget(&mut self) {
        let open = self.tasks.known.iter().filter(|(_, known)| known.outcome.is_none());
        for task_id in open.map(|(task_id, _)| task_id.clone()).collect::<Vec<_>>() {
            self.tasks.journal.append(&Entry::Forgotten { task_id: task_id.clone() });
            self.tasks.known.remove(&task_id);
        }
    }

    /// Does the work when its time has come, and answers.
    fn progress(&mut self, task_id: &str) -> Option<Answer> {
        let known = self.tasks.known.get_mut(task_id)?;
        if let Some(outcome) = &known.outcome {
            return Some(Answer::Outcome(outcome.clone()));
        }
        if known.polls < POLLS {
            return Some(Answer::Working(Working { poll_after: Some(POLL_AFTER) }));
        }
        let request = EraseRequest::decode(known.request.as_slice()).expect("it was encoded here");
        let outcome = erase(&mut self.people, &request);
        let entry = Entry::Effect {
            task_id: task_id.to_owned(),
            request: known.request.clone(),
            outcome: outcome.encode_to_vec(),
        };
        self.tasks.journal.append(&entry);
        known.outcome = Some(outcome.clone());
        Some(Answer::Outcome(outcome))
    }
}
