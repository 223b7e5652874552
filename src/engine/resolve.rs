//! Resolve: ask a downstream for further identifiers of the subject.

use super::{
    attempt::{Attempt, Trouble},
    record::Step,
};
use crate::domain::IdentifierKind;

impl Attempt {
    pub(super) async fn resolve(&self, wanted: &[IdentifierKind]) -> Result<Step, Trouble> {
        let found = self.client.resolve(self.task.call_id, &self.subject, wanted).await?;
        tracing::debug!(identifiers = found.len(), "resolved");
        Ok(Step::Resolved(found))
    }
}
