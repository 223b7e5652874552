//! Refuse: a person, or the time, refuses a case on a ground of the law.
//!
//! **Guarantees.** Tasks that are not final are cancelled in the same transaction; a worker that holds one loses its
//! lease. Once a change may have been sent anywhere it is too late: nothing is done, and the answer says where. What is
//! personal is destroyed when the export of a fulfilled case would be.

use jiff::Timestamp;

use super::{CaseView, Engine, Error, decide::stop_tasks};
use crate::{
    domain::{
        CaseEvent, CaseId, CaseState, CaseWork, Ground,
        decision::{Refusal, may_be_sent},
    },
    store::{self, CaseFile},
};

impl Engine {
    /// Refuses a case. The same ground again answers it again.
    pub async fn refuse(&self, id: CaseId, ground: Ground, refuser: String) -> Result<CaseView, Error> {
        let expires_at = self.0.settings.export_lives.after(self.0.clock.now());
        let controllers = self.0.controller.complaint_body.clone();
        self.decide(id, move |file, handling| {
            let known = file.case.proceedings.refusal.as_ref();
            if file.case.state == CaseState::Refused
                && known.is_some_and(|known| known.ground.code == ground.code)
            {
                return Ok(());
            }
            file.case.state.after(CaseEvent::Refuse)?;
            let mut sent: Vec<String> = file
                .tasks
                .iter()
                .filter(|task| may_be_sent(task, file.is_leased(task.id)))
                .map(|task| task.downstream.clone())
                .collect();
            sent.dedup();
            if !sent.is_empty() {
                return Err(Error::TooLate { event: "refuse", with: ("downstreams", sent.join(",")) });
            }
            let (complaint_body, court) = handling.remedies(&file.case.proceedings.regimes, &controllers);
            let refusal = Refusal {
                ground: ground.clone(),
                refuser: refuser.clone(),
                complaint_body,
                court,
                refused_at: file.now,
            };
            Ok(refuse(file, refusal, expires_at)?)
        })
        .await
    }
}

/// Refuses it, whoever decided so.
pub(super) fn refuse(
    file: &mut CaseFile,
    refusal: Refusal,
    expires_at: Timestamp,
) -> Result<(), store::Error> {
    file.move_case(CaseEvent::Refuse, Some(Refusal::reason(refusal.ground.code)))?;
    file.detail("ground", refusal.ground.code.as_str().into());
    file.detail("refuser", refusal.refuser.as_str().into());
    // The person is told within the same time as of anything else (GDPR 12(4)).
    file.case.proceedings.clocks.answer(file.now);
    file.case.proceedings.refusal = Some(refusal);
    file.set_due();
    file.case.settled_at = Some(file.now);
    file.case.expires_at = Some(expires_at);
    file.work = Some((CaseWork::Expire, expires_at));
    file.attempts = 0;
    stop_tasks(file)
}
