//! Expire: the time of a case's personal data is over.
//!
//! **Guarantees.** The objects are deleted first and the key is destroyed with the state's change: a crash in between
//! repeats the deletion. What stays is the case without its subject, its history and its receipt.

use uuid::Uuid;

use super::{Engine, Error};
use crate::{domain::CaseEvent, store::StoredCase};

impl Engine {
    /// Destroys the key, the subject and the data of a case.
    pub(super) async fn expire(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        self.0.storage.delete_case(stored.case.id).await?;
        self.change_case(stored.case.id, token, |file| {
            let reason = file.case.reason;
            file.move_case(CaseEvent::Expire, reason)?;
            file.destroy();
            file.work = None;
            Ok(())
        })
        .await
    }
}
