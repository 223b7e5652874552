//! What law and policy make of a case, and what people say about that: evidence, approvals, refusals, clocks.

use std::str::FromStr as _;

use jiff::{SignedDuration, Timestamp};

use super::{category, choice, time};
use crate::{
    domain::{
        CaseId, Faults, Ground,
        clock::{Clocks, Extension, PauseGround},
        decision::{Approval, Refusal},
        verification::{EVIDENCE_MAX, Evidence, Verification},
    },
    engine::Confirmation,
    proto::{downstream::v1 as shared, v1},
};

/// A ticket or a row of the caller's own log.
const REFERENCE_BYTES_MAX: usize = 128;
/// A sentence, or an article of a law.
const NOTE_BYTES_MAX: usize = 256;

/// The clocks of a case, each with its sentence.
pub(super) fn clocks(clocks: &Clocks) -> Vec<v1::Clock> {
    let shown = |clock: &crate::domain::clock::Clock| {
        let paused = clocks.stands_still(clock);
        v1::Clock {
            regime: clock.regime.clone(),
            kind: choice::clock_kind(clock.kind).into(),
            due_time: clock.due_at.filter(|_| !paused).map(time::time),
            sentence: clocks.sentence(clock),
            source: clock.source.clone(),
            draft: clock.draft,
            met_time: clock.met_at.map(time::time),
            missed_time: clock.missed_at.map(time::time),
            paused,
            extended: clock.is_extended,
        }
    };
    clocks.clocks.iter().map(shown).collect()
}

/// How well the person has to be verified, and is.
pub(super) fn verification(verification: Verification) -> v1::Verification {
    let evidence = |evidence: Evidence| v1::Evidence {
        kind: choice::evidence_kind(evidence.kind).into(),
        reference: evidence.reference,
        seen_time: evidence.seen_at.map(time::time),
    };
    v1::Verification {
        needed: choice::assurance(verification.needed).into(),
        reached: choice::assurance(verification.reached).into(),
        evidence: verification.evidence.into_iter().map(evidence).collect(),
        failed_attempts: verification.failed_attempts,
        verify_time: verification.verified_at.map(time::time),
        expire_time: verification.expires_at.map(time::time),
    }
}

/// Whether somebody has to approve, and who did.
pub(super) fn approval(approval: Approval) -> v1::Approval {
    v1::Approval {
        needed: approval.is_needed,
        approver: approval.approver,
        approve_time: approval.approved_at.map(time::time),
        note: approval.note,
    }
}

/// That it is refused.
pub(super) fn refusal(refusal: Refusal) -> v1::Refusal {
    v1::Refusal {
        ground: Some(category::ground(refusal.ground)),
        refuser: refusal.refuser,
        complaint_body: refusal.complaint_body,
        court: refusal.court,
        refuse_time: Some(time::time(refusal.refused_at)),
    }
}

/// By how much a caller's clock may be ahead of ours.
const SKEW_MAX: SignedDuration = SignedDuration::from_mins(1);

/// A time that has come; where it has not, or is none, there is a fault.
fn past(
    faults: &mut Faults,
    field: &str,
    given: Option<prost_types::Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    let at = faults.take(field, time::timestamp(given?))?;
    if at.duration_since(now) > SKEW_MAX {
        faults.push(field, "must not be in the future");
    }
    Some(at.min(now))
}

/// Pieces of evidence.
pub(super) fn evidence(faults: &mut Faults, given: Vec<v1::Evidence>, now: Timestamp) -> Vec<Evidence> {
    if given.len() > EVIDENCE_MAX {
        faults.push("evidence", format!("must have at most {EVIDENCE_MAX} entries"));
        return Vec::new();
    }
    let mut evidence = Vec::new();
    for (index, given) in given.into_iter().enumerate() {
        let path = format!("evidence[{index}]");
        let bytes = given.reference.bytes();
        if !(1..=REFERENCE_BYTES_MAX).contains(&bytes.len())
            || !bytes.clone().all(|b| matches!(b, b' '..=b'~'))
        {
            let rule = format!("must be 1 to {REFERENCE_BYTES_MAX} bytes of printable ASCII");
            faults.push(format!("{path}.reference"), rule);
        }
        let seen_at = past(faults, &format!("{path}.seen_time"), given.seen_time, now);
        match choice::evidence_kind_of(given.kind) {
            Some(kind) => evidence.push(Evidence { kind, reference: given.reference, seen_at }),
            None => faults.push(format!("{path}.kind"), "must be an EvidenceKind"),
        }
    }
    evidence
}

/// Evidence, or that there is none.
pub(crate) fn confirmation(
    request: v1::ConfirmSubjectRequest,
    now: Timestamp,
) -> Result<(CaseId, Confirmation), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    let shown = evidence(&mut faults, request.evidence, now);
    if request.failed != shown.is_empty() && faults.is_empty() {
        faults.push("evidence", "must be set, or `failed` instead");
    }
    let confirmation = if request.failed { Confirmation::Failed } else { Confirmation::Shown(shown) };
    finish(faults, id, confirmation)
}

/// An approval and its note.
pub(crate) fn approval_note(request: v1::ApproveCaseRequest) -> Result<(CaseId, String), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    note(&mut faults, "note", &request.note);
    finish(faults, id, request.note)
}

/// On which ground a case is refused.
pub(crate) fn refusal_ground(request: v1::RefuseCaseRequest) -> Result<(CaseId, Ground), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    let shared::Ground { code, source, note: text } = request.ground.unwrap_or_default();
    note(&mut faults, "ground.source", &source);
    note(&mut faults, "ground.note", &text);
    let ground = choice::ground_code_of(code).map(|code| Ground { code, source, note: text });
    if ground.is_none() {
        faults.push("ground.code", "must be a GroundCode");
    }
    match (id, ground) {
        (Some(id), Some(ground)) => faults.or((id, ground)),
        _ => Err(faults),
    }
}

/// That the person was told of a delay.
pub(crate) fn extension(
    request: v1::ExtendDeadlineRequest,
    now: Timestamp,
) -> Result<(CaseId, Extension), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    let ground = choice::extension_ground_of(request.ground);
    if ground.is_none() {
        faults.push("ground", "must be an ExtensionGround");
    }
    let told_at = past(&mut faults, "told_time", request.told_time, now);
    if request.told_time.is_none() {
        faults.push("told_time", "must be set: the person has to be told before the first deadline");
    }
    note(&mut faults, "note", &request.note);
    match (id, ground, told_at) {
        (Some(id), Some(ground), Some(told_at)) => {
            faults.or((id, Extension { ground, told_at, note: request.note }))
        }
        _ => Err(faults),
    }
}

/// That the person was told of the receipt.
pub(crate) fn acknowledgement(
    request: &v1::AcknowledgeCaseRequest,
    now: Timestamp,
) -> Result<(CaseId, Option<Timestamp>), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    let told_at = past(&mut faults, "told_time", request.told_time, now);
    finish(faults, id, told_at)
}

/// Why the clocks stand still.
pub(crate) fn pause_ground(request: &v1::PauseClockRequest) -> Result<(CaseId, PauseGround), Faults> {
    let mut faults = Faults::default();
    let id = case_id(&mut faults, &request.case_id);
    let ground = choice::pause_ground_of(request.ground);
    if ground.is_none() {
        faults.push("ground", "must be a PauseGround");
    }
    match (id, ground) {
        (Some(id), Some(ground)) => faults.or((id, ground)),
        _ => Err(faults),
    }
}

fn case_id(faults: &mut Faults, text: &str) -> Option<CaseId> {
    faults.take("case_id", CaseId::from_str(text))
}

fn note(faults: &mut Faults, field: &str, text: &str) {
    if text.len() > NOTE_BYTES_MAX || text.chars().any(char::is_control) {
        faults.push(field, format!("must be at most {NOTE_BYTES_MAX} bytes without control characters"));
    }
}

fn finish<T>(faults: Faults, id: Option<CaseId>, value: T) -> Result<(CaseId, T), Faults> {
    match id {
        Some(id) => faults.or((id, value)),
        None => Err(faults),
    }
}
