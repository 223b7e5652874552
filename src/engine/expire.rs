//! Expire: the time of a case's personal data is over.
//!
//! **Guarantees.** No case expires before its last follow-up has begun. The objects are deleted first and the key is destroyed with the state's change: a crash in between
//! repeats the deletion. What stays is the case without its subject, its history and its receipt.

use uuid::Uuid;

use super::{Engine, Error, release};
use crate::{
    domain::{CaseEvent, CaseState},
    store::StoredCase,
};

impl Engine {
    /// Destroys the key, the subject and the data of a case.
    pub(super) async fn expire(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let is_completed = stored.case.state == CaseState::Completed;
        if is_completed && stored.case.proceedings.follow_ups.next_at().is_some() {
            // Without the subject nothing could be released any more.
            let wait = |file: &mut crate::store::CaseFile| {
                release::wait(file);
                Ok(())
            };
            return self.change_case(stored.case.id, token, wait).await;
        }
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
