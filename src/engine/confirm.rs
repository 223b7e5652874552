//! Confirm: somebody shows that it is the person who asks, or fails to.
//!
//! **Expected flow.** Evidence is kept until the best of it reaches the level that policy asks for; then the case goes
//! on. Failed attempts are counted, and a case with too many of them is refused.
//!
//! **Guarantees.** No downstream is asked anything before. Evidence that is known already changes nothing.

use jiff::Timestamp;

use super::{CaseView, Engine, Error, decide::pass, refuse::refuse};
use crate::{
    domain::{
        CaseEvent, CaseId, CaseState, Ground, GroundCode, IllegalTransition, clock::Anchor,
        decision::Refusal, handling::Handling, verification::Evidence,
    },
    store::{self, CaseFile},
};

/// What came of an attempt to show that it is the person who asks.
#[derive(Clone, Debug)]
pub enum Confirmation {
    /// This was shown.
    Shown(Vec<Evidence>),
    /// It was not shown.
    Failed,
}

impl Engine {
    /// Adds evidence, or a failure.
    pub async fn confirm(&self, id: CaseId, confirmation: Confirmation) -> Result<CaseView, Error> {
        let doubt = self.doubt();
        self.decide(id, move |file, handling| {
            match &confirmation {
                Confirmation::Shown(evidence) => shown(file, evidence, handling)?,
                Confirmation::Failed => failed(file, handling, &doubt)?,
            }
            Ok(())
        })
        .await
    }

    /// With what a case is refused whose subject stays in doubt.
    pub(super) fn doubt(&self) -> Doubt {
        let now = self.0.clock.now();
        Doubt {
            expires_at: self.0.settings.export_lives.after(now),
            complaint_body: self.0.controller.complaint_body.clone(),
        }
    }
}

/// What a refusal for want of verification needs to know.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    expires_at: Timestamp,
    complaint_body: String,
}

fn shown(file: &mut CaseFile, evidence: &[Evidence], handling: &Handling) -> Result<(), store::Error> {
    let now = file.now;
    let state = file.case.state;
    let verification = &mut file.case.proceedings.verification;
    if evidence.iter().all(|evidence| verification.knows(evidence)) {
        return Ok(());
    }
    state.after(CaseEvent::Verify)?;
    let is_enough = verification.add(evidence, &handling.verification, now);
    let reached = verification.reached;
    if !is_enough {
        let kinds: Vec<&str> = evidence.iter().map(|evidence| evidence.kind.as_str()).collect();
        file.note(
            None,
            "case.evidence".to_owned(),
            serde_json::json!({ "v": 1, "kinds": kinds, "reached": reached }),
        );
        return Ok(());
    }
    verification.verified_at = Some(now);
    verification.expires_at = None;
    file.case.proceedings.clocks.start(Anchor::Verification, now, &handling.table);
    file.move_case(CaseEvent::Verify, None)?;
    file.detail("reached", reached.as_str().into());
    file.set_due();
    pass(file, handling)
}

fn failed(file: &mut CaseFile, handling: &Handling, doubt: &Doubt) -> Result<(), store::Error> {
    if file.case.state != CaseState::AwaitingVerification {
        return Err(IllegalTransition { from: file.case.state.as_str(), event: "fail" }.into());
    }
    let verification = &mut file.case.proceedings.verification;
    verification.failed_attempts += 1;
    let failures = verification.failed_attempts;
    file.note(
        None,
        "case.verification_failed".to_owned(),
        serde_json::json!({ "v": 1, "failures": failures }),
    );
    if failures >= handling.verification.attempts {
        return refuse_unverified(file, handling, doubt, "too many failed attempts to show who asks");
    }
    Ok(())
}

/// Refuses a case because nobody showed that it is the person who asks.
pub(super) fn refuse_unverified(
    file: &mut CaseFile,
    handling: &Handling,
    doubt: &Doubt,
    note: &str,
) -> Result<(), store::Error> {
    let (complaint_body, court) = handling.remedies(&file.case.proceedings.regimes, &doubt.complaint_body);
    let refusal = Refusal {
        ground: Ground {
            code: GroundCode::IdentityInDoubt,
            source: "GDPR 12(6)".to_owned(),
            note: note.to_owned(),
        },
        refuser: String::new(),
        complaint_body,
        court,
        refused_at: file.now,
    };
    refuse(file, refusal, doubt.expires_at)
}
