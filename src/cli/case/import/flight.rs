//! Sends rows over `OpenCases` and matches the answers. A stream that breaks is taken up again: what was not answered is
//! sent once more, and opens no case twice.

use std::collections::VecDeque;

use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{report::Report, row::Row, source::Source};
use crate::{
    cli::{
        client::{Client, Lost, RECONNECTS_MAX, pause},
        exit::{Exit, Failure},
    },
    proto::v1::{OpenCaseRequest, OpenCasesRequest, OpenCasesResult},
};

/// Rows that are sent and not answered: more than the server has in hand, so that it never waits for us …
const UNANSWERED_MAX: usize = 1_000;
/// … and bytes of them, so that rows of an unusual size do not fill the memory.
const UNANSWERED_BYTES_MAX: usize = 8 << 20;
/// Rows in a message; the server takes 500.
const MESSAGE_ROWS: usize = 100;
/// Bytes of a message; the server takes 1 MiB, and one row has at most 64 KiB.
const MESSAGE_BYTES: usize = 512 << 10;

/// Rows between here and the server.
pub(super) struct Flight<'a> {
    client: Client,
    source: &'a mut Source,
    report: &'a mut Report,
    /// In the order of sending.
    unanswered: VecDeque<Sent>,
    /// Their bytes.
    bytes: usize,
    /// Why the file cannot be read any further.
    broken: Option<Failure>,
    is_read: bool,
}

/// A row that waits for its answer.
struct Sent {
    line: u64,
    request: OpenCaseRequest,
}

/// How a stream is fed.
type Messages = mpsc::Sender<OpenCasesRequest>;

impl<'a> Flight<'a> {
    pub(super) fn new(client: Client, source: &'a mut Source, report: &'a mut Report) -> Self {
        Self { client, source, report, unanswered: VecDeque::new(), bytes: 0, broken: None, is_read: false }
    }

    /// Sends everything, over as many streams as it takes. Fails if the server is gone for good, or with what was wrong
    /// with the file after all that came before it is answered.
    pub(super) async fn run(mut self) -> Result<(), Failure> {
        let mut failures = 0;
        loop {
            match self.one_stream(&mut failures).await {
                Ok(()) => return self.broken.map_or(Ok(()), Err),
                Err(Lost::ForNow(_)) if failures < RECONNECTS_MAX => {
                    pause(failures).await;
                    failures += 1;
                }
                Err(Lost::ForNow(failure) | Lost::ForGood(failure)) => return Err(failure),
            }
        }
    }

    /// Sends what is unanswered and what is still to be read over one stream. Sets `failures` to zero with everything
    /// that is answered.
    async fn one_stream(&mut self, failures: &mut u32) -> Result<(), Lost> {
        // A message has at least one row that is unanswered, so there is always room for the next one.
        let (send, messages) = mpsc::channel(UNANSWERED_MAX);
        let again: Vec<_> = self.unanswered.iter().map(|sent| sent.request.clone()).collect();
        put(&send, again);
        let mut send = Some(send);
        let request = tonic::Request::new(ReceiverStream::new(messages));
        let mut answers = self.client.cases.open_cases(request).await?.into_inner();
        let mut answered = 0;
        let mut rows = Vec::new();
        loop {
            if self.is_read {
                // Tells the server that there is nothing more to come.
                send = None;
            }
            let room = self.room();
            tokio::select! {
                count = self.source.rows.recv_many(&mut rows, room), if !self.is_read && room > 0 => {
                    self.is_read = count == 0;
                    let requests = self.take(rows.drain(..))?;
                    if let Some(send) = &send {
                        put(send, requests);
                    }
                }
                message = answers.message() => match message? {
                    Some(message) => {
                        *failures = 0;
                        for result in &message.results {
                            self.match_up(answered, result)?;
                            answered += 1;
                        }
                        self.report.progress(self.source.read());
                    }
                    None if self.is_read && self.unanswered.is_empty() => return Ok(()),
                    None => return Err(Lost::too_early()),
                },
            }
        }
    }

    /// How many more rows may be read now.
    fn room(&self) -> usize {
        if self.bytes > UNANSWERED_BYTES_MAX {
            0
        } else {
            UNANSWERED_MAX.saturating_sub(self.unanswered.len())
        }
    }

    /// The requests among these rows; bad ones are told at once.
    fn take(
        &mut self,
        rows: impl Iterator<Item = Result<Row, Failure>>,
    ) -> Result<Vec<OpenCaseRequest>, Failure> {
        let mut requests = Vec::new();
        for row in rows {
            match row {
                Ok(Row { line, request: Ok(request) }) => {
                    self.bytes += request.encoded_len();
                    self.unanswered.push_back(Sent { line, request: request.clone() });
                    requests.push(request);
                }
                Ok(Row { line, request: Err(faults) }) => self.report.refused_here(line, None, &faults)?,
                Err(failure) => self.broken = Some(failure),
            }
        }
        Ok(requests)
    }

    fn match_up(&mut self, position: u64, result: &OpenCasesResult) -> Result<(), Failure> {
        let sent = self.unanswered.pop_front().filter(|_| result.position == position);
        let Some(Sent { line, request }) = sent else {
            return Err(Failure::new(Exit::Fault, "the server answered something that was not sent"));
        };
        self.bytes -= request.encoded_len();
        self.report.answered(line, &request, result)
    }
}

/// Puts requests into messages.
fn put(send: &Messages, requests: Vec<OpenCaseRequest>) {
    let (mut cases, mut bytes) = (Vec::new(), 0);
    let flush = |cases: &mut Vec<OpenCaseRequest>| {
        if !cases.is_empty() {
            // There is room; and if nobody takes it any more, the stream has ended, which its answers will tell.
            let _ = send.try_send(OpenCasesRequest { cases: std::mem::take(cases) });
        }
    };
    for request in requests {
        let length = request.encoded_len();
        if cases.len() == MESSAGE_ROWS || bytes + length > MESSAGE_BYTES {
            flush(&mut cases);
            bytes = 0;
        }
        bytes += length;
        cases.push(request);
    }
    flush(&mut cases);
}
