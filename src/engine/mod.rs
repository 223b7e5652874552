//! The verbs: one file each.
//!
//! [`Engine`] is the handle that the services hold: cheap to clone, safe to share.

mod api;
mod error;

pub use api::*;
pub use error::Error;

use futures::stream::BoxStream;

use crate::domain::{CaseId, TaskId};

/// The handle to everything that rightful does.
#[derive(Clone)]
pub struct Engine;

#[expect(clippy::unused_async, unused_variables, missing_docs, reason = "signatures first; bodies follow")]
impl Engine {
    /// Opens a case; durable when it answers.
    pub async fn open(&self, new: NewCase) -> Result<CaseView, Error> {
        unimplemented!()
    }
    /// What opening would do.
    pub async fn preview(&self, new: NewPreview) -> Result<Preview, Error> {
        unimplemented!()
    }
    pub async fn case(&self, id: CaseId) -> Result<CaseView, Error> {
        unimplemented!()
    }
    pub async fn list(&self, filter: Filter, after: Option<CaseId>, size: u32) -> Result<Page, Error> {
        unimplemented!()
    }
    /// The case at once and after each change, until it is settled. Fails at once if there is no such case.
    pub async fn watch(&self, id: CaseId) -> Result<BoxStream<'static, Result<CaseView, Error>>, Error> {
        unimplemented!()
    }
    pub async fn cancel(&self, id: CaseId) -> Result<CaseView, Error> {
        unimplemented!()
    }
    pub async fn retry(&self, id: TaskId) -> Result<CaseView, Error> {
        unimplemented!()
    }
    /// `offset` past the end is `BadInput`.
    pub async fn download(&self, id: CaseId, offset: u64) -> Result<Download, Error> {
        unimplemented!()
    }
    pub async fn receipt(&self, id: CaseId) -> Result<Receipt, Error> {
        unimplemented!()
    }
    /// All of them, by name.
    pub async fn downstreams(&self) -> Result<Vec<DownstreamView>, Error> {
        unimplemented!()
    }
    pub async fn downstream(&self, name: &str) -> Result<DownstreamView, Error> {
        unimplemented!()
    }
    /// Calls Describe now.
    pub async fn check(&self, name: &str) -> Result<Check, Error> {
        unimplemented!()
    }
}
