//! Cancel: the caller stops a case.
//!
//! **Guarantees.** Tasks that are not final become cancelled in one transaction. A worker that holds one of them loses
//! its lease and cannot write; what its call did meanwhile at the downstream is not known here.

use super::{CaseView, Engine, Error, decide::stop_tasks};
use crate::domain::{CaseEvent, CaseId, CaseReason, CaseState, CaseWork};

impl Engine {
    /// Stops a case. Cancelling it again answers it again.
    pub async fn cancel(&self, id: CaseId) -> Result<CaseView, Error> {
        self.stored(id).await?;
        let now = self.0.clock.now();
        let expires_at = self.0.settings.export_lives.after(now);
        self.0
            .store
            .change(id, now, move |file| {
                if file.case.state == CaseState::Cancelled {
                    return Ok(());
                }
                file.move_case(CaseEvent::Cancel, Some(CaseReason::CancelledByCaller))?;
                file.case.settled_at = Some(now);
                // A case that was reopened may have follow-ups ahead: who stops it stops them too.
                file.case.proceedings.follow_ups.list.retain(|follow_up| follow_up.case_id.is_some());
                file.case.expires_at = Some(expires_at);
                file.work = Some((CaseWork::Expire, expires_at));
                stop_tasks(file)
            })
            .await?;
        self.case(id).await
    }
}
