//! `OpenCases`: many openings over one stream.
//!
//! **Expected flow.** Messages are taken apart, a window of openings is under way at once, and whatever is answered by
//! then goes back in one message. Openings that are under way together share commits.
//!
//! **Guarantees.** Answers come in the order of sending, and each is durable. What is wrong with one opening is its own
//! affair; what concerns all of them (no database, lasting overload) ends the stream. Memory does not grow with the
//! stream: nothing is read while the window is full, and the window is full while nobody reads the answers.

use std::{sync::Arc, time::Duration};

use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use tonic::{Code, Status};
use tracing::{Instrument as _, Span};

use super::{
    caller::Caller,
    convert,
    limits::{Of, Place},
    serve::Now,
    status,
};
use crate::{
    domain::Fault,
    engine::{Engine, Error, OpenedCase},
    proto::v1::{
        OpenCaseRequest, OpenCasesRequest, OpenCasesResponse, OpenCasesResult, open_cases_result::Outcome,
    },
};

/// Openings of one stream under way at once: as many as share a commit by default (`engine.open_batch_max`).
const WINDOW: usize = 256;
/// Cases in one message, and results: some 100 KiB of either.
const MESSAGE_MAX: usize = 500;
/// How often an opening is tried while the writes' queue is full …
const TRIES_MAX: u32 = 30;
/// … and how long it rests in between. A queue that stays full for 30 s is not going to be empty soon.
const REST: Duration = Duration::from_secs(1);

/// The openings of one stream.
pub(super) struct Openings {
    /// Opens them.
    pub(super) engine: Engine,
    /// Tells the time against which they are checked.
    pub(super) now: Now,
    /// The caller's limits.
    pub(super) limits: Arc<Of>,
    /// Who calls.
    pub(super) caller: Caller,
    /// The trace that the cases belong to.
    pub(super) trace_parent: Option<String>,
    /// The call's span, which lives as long as the stream.
    pub(super) span: Span,
}

impl Openings {
    /// The answers to these requests. The stream's place is held until it ends.
    pub(super) fn answers(
        self,
        requests: impl Stream<Item = Result<OpenCasesRequest, Status>> + Send + 'static,
        place: Place,
    ) -> BoxStream<'static, Result<OpenCasesResponse, Status>> {
        let openings = Arc::new(self);
        let span = openings.span.clone();
        requests
            .flat_map(|message| stream::iter(items(message)))
            // Nothing that was sent after a fault of the stream is opened: it would not be answered.
            .scan(false, |ended, item| {
                let goes_on = !std::mem::replace(ended, item.is_err());
                std::future::ready(goes_on.then_some(item))
            })
            .zip(stream::iter(0..))
            .map(move |(item, position)| {
                let openings = Arc::clone(&openings);
                async move { openings.open(position, item?).await }.instrument(span.clone())
            })
            .buffered(WINDOW)
            .ready_chunks(MESSAGE_MAX)
            .flat_map(move |answers| {
                let _until_it_ends = &place;
                stream::iter(messages(answers))
            })
            .boxed()
    }

    /// The answer to one opening; an error ends the stream.
    async fn open(&self, position: u64, request: OpenCaseRequest) -> Result<OpenCasesResult, Status> {
        let mut result = OpenCasesResult {
            position,
            request_id: request.request_id.clone(),
            ..OpenCasesResult::default()
        };
        match self.try_open(request).await {
            Ok(opened) => {
                result.replayed = opened.replayed;
                result.joined = opened.joined;
                let mut case = convert::case(opened.view);
                case.tasks.clear();
                result.outcome = Some(Outcome::Case(case));
            }
            Err(status) if matches!(status.code(), Code::Unavailable | Code::ResourceExhausted) => {
                return Err(status);
            }
            Err(status) => {
                let error = convert::refused(&status);
                if error.field_violations.iter().any(|violation| violation.field == "request_id") {
                    result.request_id.clear();
                }
                result.outcome = Some(Outcome::Error(error));
            }
        }
        Ok(result)
    }

    async fn try_open(&self, request: OpenCaseRequest) -> Result<OpenedCase, Status> {
        let mut new = convert::new_case(request, (self.now)()).map_err(status::bad_request)?;
        self.caller.name().clone_into(&mut new.caller);
        new.trace_parent.clone_from(&self.trace_parent);
        for _ in 1..TRIES_MAX {
            let place = self.limits.open_in_turn().await;
            match self.engine.open(new.clone()).await {
                Err(Error::Overloaded) => drop(place),
                answer => return answer.map_err(status::from),
            }
            tokio::time::sleep(REST).await;
        }
        self.engine.open(new).await.map_err(status::from)
    }
}

/// The openings in a message, or what ends the stream.
fn items(message: Result<OpenCasesRequest, Status>) -> Vec<Result<OpenCaseRequest, Status>> {
    match message {
        Ok(message) if (1..=MESSAGE_MAX).contains(&message.cases.len()) => {
            message.cases.into_iter().map(Ok).collect()
        }
        Ok(_) => {
            let rule = format!("must have 1 to {MESSAGE_MAX} entries");
            vec![Err(status::bad_request(Fault::new("cases", rule)))]
        }
        Err(status) => vec![Err(status::of_framework(status))],
    }
}

/// One message with all answers before the first error, and that error.
fn messages(answers: Vec<Result<OpenCasesResult, Status>>) -> Vec<Result<OpenCasesResponse, Status>> {
    let mut results = Vec::with_capacity(answers.len());
    let mut end = None;
    for answer in answers {
        match answer {
            Ok(result) => results.push(result),
            Err(status) => {
                end = Some(Err(status));
                break;
            }
        }
    }
    let message = (!results.is_empty()).then_some(Ok(OpenCasesResponse { results }));
    message.into_iter().chain(end).collect()
}
