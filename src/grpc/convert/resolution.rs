//! What a person says of a task, and hands in.

use super::request;
use crate::{
    domain::{Fault, Faults, TaskId},
    engine::{Resolution, ResolvedAs},
    proto::{
        downstream::v1::{
            CollectResponse, EraseResponse, collect_response::Item as Collected, erase_response::Answer,
        },
        v1::{ResolveTaskRequest, resolve_task_request::Item, task_resolution::Outcome},
    },
};

/// The first message of a stream.
pub(crate) fn resolution(message: Option<ResolveTaskRequest>, by: String) -> Result<Resolution, Faults> {
    let Some(Item::Resolution(said)) = message.and_then(|message| message.item) else {
        return Err(Fault::new("resolution", "must come first").into());
    };
    let mut faults = Faults::default();
    let task_id: Option<TaskId> = faults.take("resolution.task_id", said.task_id.parse());
    request::text(&mut faults, "resolution.note", &said.note, 0..=request::NOTE_BYTES_MAX);
    let outcome = match said.outcome {
        Some(Outcome::Done(outcome)) => {
            Some(ResolvedAs::Said(EraseResponse { answer: Some(Answer::Outcome(outcome)) }))
        }
        Some(Outcome::Refused(refusal)) => {
            Some(ResolvedAs::Said(EraseResponse { answer: Some(Answer::Refusal(refusal)) }))
        }
        Some(Outcome::NothingHeld(_)) => Some(ResolvedAs::NothingHeld),
        Some(Outcome::Waived(_)) => {
            if said.note.is_empty() {
                faults.push("resolution.note", "must say why it is waived");
            }
            Some(ResolvedAs::Waived)
        }
        None => {
            faults.push("resolution.outcome", "must be set");
            None
        }
    };
    let (task_id, outcome) = faults.or(()).map(|()| (task_id, outcome))?;
    match (task_id, outcome) {
        (Some(task_id), Some(outcome)) => Ok(Resolution { task_id, by, note: said.note, outcome }),
        _ => Err(Fault::new("resolution", "must be whole").into()),
    }
}

/// A further message, as a downstream would send it. One that is none of those is empty, which is a fault later on.
pub(crate) fn handed_in(message: ResolveTaskRequest) -> CollectResponse {
    let item = match message.item {
        Some(Item::Record(record)) => Some(Collected::Record(record)),
        Some(Item::FileBegin(begin)) => Some(Collected::FileBegin(begin)),
        Some(Item::FileChunk(chunk)) => Some(Collected::FileChunk(chunk)),
        Some(Item::FileEnd(end)) => Some(Collected::FileEnd(end)),
        Some(Item::Withheld(withheld)) => Some(Collected::Withheld(withheld)),
        Some(Item::Resolution(_)) | None => None,
    };
    CollectResponse { item }
}
