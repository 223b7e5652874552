//! Resolve: ask a downstream for further identifiers of the subject.

use std::sync::Arc;

use super::{
    attempt::{Attempt, Trouble},
    record::{Found, Step},
};
use crate::domain::IdentifierKind;

impl Attempt {
    pub(super) async fn resolve(&self, wanted: &[IdentifierKind]) -> Result<Step, Trouble> {
        let found = self.client.resolve(self.task.call_id, &self.subject, wanted).await?;
        tracing::debug!(identifiers = found.len(), "resolved");
        let blinds = found.iter().map(|identifier| self.engine.0.ring.blind_index(identifier)).collect();
        Ok(Step::Resolved(Found { key: Arc::clone(&self.key), identifiers: found, blinds }))
    }
}
