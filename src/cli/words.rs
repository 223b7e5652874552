//! Enumerations and counts in words: `TASK_STATE_NEEDS_ATTENTION` is `needs attention`.

use std::fmt::Write as _;

use crate::proto::{
    downstream::v1::{Action, GroundCode, LegalBasis, Right, Use},
    v1::{
        Assurance, CaseReason, CaseState, EvidenceKind, NoticeType, Role, SweepEvent, SweepState, TaskKind,
        TaskReason, TaskState, UnscheduledReason,
    },
};

macro_rules! words {
    ($($(#[$meta:meta])* $function:ident: $Enum:ident, $prefix:literal;)*) => {$(
        $(#[$meta])*
        pub(super) fn $function(number: i32) -> String {
            match $Enum::try_from(number) {
                Ok(known) => plain(known.as_str_name(), $prefix),
                // A newer server may say what this client has no word for.
                Err(_) => format!("unknown ({number})"),
            }
        }
    )*};
}

words! {
    /// What a caller may do.
    role: Role, "ROLE_";
    /// A right.
    right: Right, "RIGHT_";
    /// Where a case stands.
    case_state: CaseState, "CASE_STATE_";
    /// Why.
    case_reason: CaseReason, "CASE_REASON_";
    /// What a notice says.
    notice_type: NoticeType, "NOTICE_TYPE_";
    /// What a task asks.
    task_kind: TaskKind, "TASK_KIND_";
    /// Where a task stands.
    task_state: TaskState, "TASK_STATE_";
    /// Why.
    task_reason: TaskReason, "TASK_REASON_";
    /// Where a sweep stands.
    sweep_state: SweepState, "SWEEP_STATE_";
    /// What happened to it.
    sweep_event: SweepEvent, "SWEEP_EVENT_";
    /// Why nothing comes for what is retained.
    unscheduled: UnscheduledReason, "UNSCHEDULED_REASON_";
    /// What is done with a category.
    action: Action, "ACTION_";
    /// Why something stays.
    ground: GroundCode, "GROUND_CODE_";
    /// How sure it is that the person asks.
    assurance: Assurance, "ASSURANCE_";
    /// What shows that.
    evidence_kind: EvidenceKind, "EVIDENCE_KIND_";
    /// What a person can object to.
    r#use: Use, "USE_";
    /// On what basis data is processed.
    legal_basis: LegalBasis, "LEGAL_BASIS_";
}

/// A ground with its source: `legal obligation, HGB § 257`.
pub(super) fn sourced(code: i32, source: &str) -> String {
    if source.is_empty() { ground(code) } else { format!("{}, {source}", ground(code)) }
}

/// `1 record`, `1,204 records`.
pub(super) fn count(number: u64, singular: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {singular}{plural}", grouped(number))
}

/// `1,204`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// As `sha256sum` prints it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// `UNSPECIFIED` says nothing, so nothing is said.
fn plain(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        word => word.to_lowercase().replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enumerations_are_words() {
        assert_eq!(task_state(TaskState::NeedsAttention.into()), "needs attention");
        assert_eq!(case_reason(0), "");
        assert_eq!(right(99), "unknown (99)");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_204), "1,204");
        assert_eq!(grouped(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(0, "record"), "0 records");
    }
}
