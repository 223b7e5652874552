//! Guardian: who has to be told of a minor's case, for the one who tells them.
//!
//! **Guarantees.** Who read it stands in the case's history before it is handed out. Once the case's key is destroyed nobody
//! can read it any more.

use serde_json::json;

use super::{Engine, Error, open};
use crate::domain::{CaseId, CaseState, Subject};

impl Engine {
    /// The guardian that the case was opened with, handed to `reader`.
    pub async fn guardian(&self, id: CaseId, reader: String) -> Result<Subject, Error> {
        let stored = self.stored(id).await?;
        if let (CaseState::Expired, Some(at)) = (stored.case.state, stored.case.expires_at) {
            return Err(Error::Expired { at });
        }
        let none = || Error::NotFound { resource: "guardian", id: id.to_string() };
        if !stored.case.proceedings.circumstances.has_guardian() {
            return Err(none());
        }
        let details = open::open_details(&self.case_key(&stored)?, stored.details.as_deref())?;
        let guardian = details.guardian.ok_or_else(none)?;
        let read = move |file: &mut crate::store::CaseFile| {
            file.note(None, "case.guardian_read".to_owned(), json!({ "v": 1, "by": reader }));
            Ok(())
        };
        self.0.store.change(id, self.0.clock.now(), read).await?;
        Ok(guardian)
    }
}
