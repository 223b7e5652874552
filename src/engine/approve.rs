//! Approve: somebody else than who opened a case lets it begin.

use super::{CaseView, Engine, Error, decide::pass};
use crate::domain::{CaseEvent, CaseId};

impl Engine {
    /// Lets the case begin. The same approver again is answered again; who opened the case is refused (four eyes).
    pub async fn approve(&self, id: CaseId, approver: String, note: String) -> Result<CaseView, Error> {
        self.decide(id, move |file, handling| {
            let approval = &file.case.proceedings.approval;
            if approval.approved_at.is_some() && approval.approver == approver {
                return Ok(());
            }
            file.case.state.after(CaseEvent::Approve)?;
            if file.case.caller == approver {
                return Err(Error::FourEyes { caller: approver.clone() });
            }
            let now = file.now;
            let approval = &mut file.case.proceedings.approval;
            approval.approver.clone_from(&approver);
            approval.note.clone_from(&note);
            approval.approved_at = Some(now);
            file.move_case(CaseEvent::Approve, None)?;
            file.detail("approver", approver.as_str().into());
            Ok(pass(file, handling)?)
        })
        .await
    }
}
