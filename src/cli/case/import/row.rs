//! A row of an import: a request to open a case, or what is wrong with it.

use crate::{
    domain::{Fault, Faults},
    proto::v1::OpenCaseRequest,
};

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line in which it begins, from 1.
    pub(super) line: u64,
    /// The request, complete with its id, or every fault that was found. Faults never hold what was read.
    pub(super) request: Result<OpenCaseRequest, Faults>,
}

impl Row {
    /// A row that was read. Without a request id it gets the one of its batch and line, which is the same again when
    /// the file is read again. It is not made of what the row says: ids are kept in clear, and the hash of an email
    /// address can be guessed.
    pub(super) fn new(line: u64, batch: Option<&str>, request: Result<OpenCaseRequest, Faults>) -> Self {
        let request = request.and_then(|mut request| match batch {
            _ if !request.request_id.is_empty() => Ok(request),
            Some(batch) => {
                request.request_id = format!("{batch}-line-{line}");
                Ok(request)
            }
            None => Err(Faults::from(Fault::new("request_id", "must be set, or --batch names the batch"))),
        });
        Self { line, request }
    }

    /// A row of which nothing could be read.
    pub(super) fn unreadable(line: u64, why: impl Into<String>) -> Self {
        Self { line, request: Err(Faults::from(Fault::new("row", why))) }
    }
}
