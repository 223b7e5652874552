//! What law and policy make of a case, as people see it: its clocks, and what it waits for.

use jiff::Timestamp;

use crate::{
    cli::{
        table::{Field, Table, Tone},
        time, words,
    },
    proto::v1::{Assurance, Case, CaseState, Clock, PreviewCaseResponse},
};

/// Verification, approval and refusal, where there is anything to say.
pub(super) fn facts(case: &Case, table: &mut Table) {
    if let Some(verification) = &case.verification
        && verification.needed != i32::from(Assurance::None)
    {
        let kinds: Vec<String> =
            verification.evidence.iter().map(|evidence| words::evidence_kind(evidence.kind)).collect();
        let shown = if kinds.is_empty() { "nothing shown".to_owned() } else { kinds.join(", ") };
        let (needed, reached) =
            (words::assurance(verification.needed), words::assurance(verification.reached));
        table.fact("verified", format!("{reached} of {needed}: {shown}"));
    }
    if let Some(approval) = case.approval.as_ref().filter(|approval| approval.needed) {
        let by = if approval.approver.is_empty() { "nobody yet" } else { &approval.approver };
        table.fact("approved by", by);
    }
    if let Some(refusal) = &case.refusal {
        let ground = refusal.ground.as_ref();
        table.fact("ground", ground.map(|g| words::sourced(g.code, &g.source)).unwrap_or_default());
        table.fact("complaints", refusal.complaint_body.as_str());
        table.fact("court", refusal.court.as_str());
    }
}

/// Every clock in a sentence; absent if there are none.
pub(super) fn text(case: &Case) -> Option<String> {
    if case.clocks.is_empty() {
        return None;
    }
    let mut table = Table::new(&["CLOCK", "IS", "WHY"]);
    for clock in &case.clocks {
        table.row([clock.regime.as_str().into(), standing(clock), clock.sentence.as_str().into()]);
    }
    Some(table.text())
}

fn standing(clock: &Clock) -> Field {
    if clock.missed_time.is_some() {
        Field::toned("missed", Tone::Bad)
    } else if clock.met_time.is_some() {
        Field::toned("met", Tone::Good)
    } else if clock.paused {
        Field::toned("paused", Tone::Faint)
    } else if clock.due_time.is_none() {
        Field::toned("not started", Tone::Faint)
    } else {
        Field::toned("running", Tone::Busy)
    }
}

/// What somebody has to do before the case begins.
pub(super) fn next_step(case: &Case) -> Option<String> {
    let id = &case.case_id;
    match CaseState::try_from(case.state) {
        Ok(CaseState::AwaitingVerification) => Some(format!(
            "once the person has shown who asks: rightful case confirm {id} --evidence KIND=REFERENCE"
        )),
        Ok(CaseState::AwaitingApproval) => Some(format!(
            "somebody else than {} lets it begin: rightful --caller NAME case approve {id}",
            case.caller
        )),
        _ => None,
    }
}

/// What opening a case would wait for, and its clocks.
pub(super) fn conditions(preview: &PreviewCaseResponse, now: Timestamp) -> Vec<String> {
    let mut lines: Vec<String> = preview.clocks.iter().map(|clock| format!("  {}", clock.sentence)).collect();
    if preview.verification_needed != i32::from(Assurance::None) {
        lines.push(format!(
            "would need evidence of assurance {}",
            words::assurance(preview.verification_needed)
        ));
    }
    if preview.approval_needed {
        lines.push("would need somebody else's approval".into());
    }
    if preview.start_time.is_some() {
        lines.push(format!("would start {}", time::shown(preview.start_time.as_ref(), now)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_say_how_they_stand() {
        let clock =
            |sentence: &str| Clock { regime: "gdpr".into(), sentence: sentence.into(), ..Clock::default() };
        let missed = Clock { missed_time: Some(prost_types::Timestamp::default()), ..clock("a") };
        let case = Case { clocks: vec![missed, Clock { paused: true, ..clock("b") }], ..Case::default() };
        let text = text(&case).expect("has clocks");
        assert!(text.contains("missed") && text.contains("paused"), "{text}");
        assert_eq!(next_step(&case), None);
        let waiting = Case { state: CaseState::AwaitingVerification.into(), ..case };
        assert!(next_step(&waiting).expect("waits").contains("case confirm"));
    }
}
