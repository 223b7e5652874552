//! Enums: one table for each. The way back from a number is a search in the same table.

use crate::{
    domain::{
        Action, BreakerState, CaseReason, CaseState, GroundCode, LegalBasis, NoticeType, Right, Role,
        SweepEvent, SweepState, TaskKind, TaskReason, TaskState, Use,
        clock::{ClockKind, ExtensionGround, PauseGround},
        follow_up::Unscheduled,
        verification::{Assurance, EvidenceKind},
    },
    proto::{downstream::v1 as shared, v1},
};

/// Declares a total function from a domain enum to its protobuf enum; variants have the same names.
macro_rules! table {
    ($(#[$meta:meta])* $name:ident: $Domain:ident => $proto:path { $($Variant:ident),+ $(,)? }) => {
        $(#[$meta])*
        pub(super) const fn $name(value: $Domain) -> $proto {
            use $proto as Proto;
            match value { $( $Domain::$Variant => Proto::$Variant, )+ }
        }
    };
}

table!(
    /// Rights.
    right: Right => shared::Right {
        Access, Portability, Erasure, Rectification, Restriction, Objection, ConsentWithdrawal,
    }
);
table!(
    /// What a caller may do.
    role: Role => v1::Role { Requester, Operator, Approver, Auditor, Downstream, Admin }
);
table!(
    /// Where a breaker stands.
    breaker: BreakerState => v1::BreakerState { Closed, HalfOpen, Open }
);
table!(
    /// Where a case stands.
    case_state: CaseState => v1::CaseState {
        AwaitingVerification, AwaitingApproval, InProgress, Completed, Refused, Cancelled, Expired,
    }
);
table!(
    /// Why a case is there.
    case_reason: CaseReason => v1::CaseReason {
        Fulfilled, PartiallyFulfilled, NothingHeld, CancelledByCaller, InsufficientVerification, ManifestlyUnfounded,
        Excessive, Exempt, ExcessiveCandidate,
    }
);
table!(
    /// What a notice says.
    notice_type: NoticeType => v1::NoticeType {
        CaseOpened, CaseAwaitsVerification, CaseAwaitsApproval, CaseGuardian, CaseExtended, CasePaused, CaseResumed,
        CaseDeadlineNear, CaseDeadlineMissed, CaseSettled, CaseRefused, CaseCancelled, CaseReleased, TaskNeedsAttention,
        TaskAwaitsPerson, TaskForwarded,
    }
);
table!(
    /// What a task asks.
    task_kind: TaskKind => v1::TaskKind {
        Resolve, Collect, Erase, Rectify, Restrict, Object, WithdrawConsent,
    }
);
table!(
    /// Where a task stands.
    task_state: TaskState => v1::TaskState {
        Blocked, Pending, Working, Verifying, Done, Skipped, Refused, NeedsAttention, Cancelled,
    }
);
table!(
    /// Why a task is there.
    task_reason: TaskReason => v1::TaskReason {
        NoKnownIdentifier, RightNotSupported, OutOfScope, Unavailable, ContractViolation, Rejected,
        ErasureUnconfirmed, DownstreamUnknown, NotDescribed, Internal,
        ChangeUnconfirmed,
        LegalHold,
        AwaitsPerson, ResolvedByPerson, HeldForAnother,
    }
);
table!(
    /// Why something retained has no follow-up.
    unscheduled: Unscheduled => v1::UnscheduledReason { NoReleaseTime, InVain }
);
table!(
    /// Where a sweep stands.
    sweep_state: SweepState => v1::SweepState { Planning, Planned, Running, Done, Refused, Failed, Discarded }
);
table!(
    /// What happened to a sweep.
    sweep_event: SweepEvent => v1::SweepEvent { Report, Run, Finish, Postpone, Refuse, GiveUp, Discard }
);
table!(
    /// Grounds.
    ground_code: GroundCode => shared::GroundCode {
        LegalObligation, PublicTask, LegalClaims, Expression, PublicHealth, Archiving, RightsOfOthers, Credentials,
        Contract, IdentityInDoubt, ManifestlyUnfounded, Excessive, LegalHold, StatutoryExemption,
        Processor,
    }
);
table!(
    /// Legal bases.
    legal_basis: LegalBasis => shared::LegalBasis {
        Consent, Contract, LegalObligation, VitalInterests, PublicTask, LegitimateInterests,
    }
);
table!(
    /// What is to be done with a category.
    action: Action => shared::Action { Erase, Anonymise, Restrict, Retain }
);

table!(
    /// What a clock wants.
    clock_kind: ClockKind => v1::ClockKind { Acknowledge, Respond }
);
table!(
    /// Why clocks stand still.
    pause_ground: PauseGround => v1::PauseGround { IdentityInDoubt, ScopeUnclear }
);
table!(
    /// Why an answer takes longer.
    extension_ground: ExtensionGround => v1::ExtensionGround { Complexity, NumberOfRequests, Other }
);
table!(
    /// How sure it is that the person asks.
    assurance: Assurance => v1::Assurance { None, Low, Substantial, High }
);
table!(
    /// What shows that.
    evidence_kind: EvidenceKind => v1::EvidenceKind {
        AccountSession, EmailLink, PhoneCode, Document, InPerson, ElectronicId, AgentMandate, GuardianConsent,
    }
);

/// The ground of a pause; absent if there is none of this number.
pub(super) fn pause_ground_of(number: i32) -> Option<PauseGround> {
    PauseGround::ALL.iter().copied().find(|each| pause_ground(*each) as i32 == number)
}

/// The ground of an extension; absent if there is none of this number.
pub(super) fn extension_ground_of(number: i32) -> Option<ExtensionGround> {
    ExtensionGround::ALL.iter().copied().find(|each| extension_ground(*each) as i32 == number)
}

/// The kind of evidence of a number; absent if there is none.
pub(super) fn evidence_kind_of(number: i32) -> Option<EvidenceKind> {
    EvidenceKind::ALL.iter().copied().find(|each| evidence_kind(*each) as i32 == number)
}

table!(
    /// Uses that a person can object to.
    r#use: Use => shared::Use { DirectMarketing, Profiling, SaleOrSharing }
);

/// The use of a number; absent if there is none.
pub(super) fn use_of(number: i32) -> Option<Use> {
    Use::ALL.iter().copied().find(|each| r#use(*each) as i32 == number)
}

/// The right of a number; absent if there is none.
pub(super) fn right_of(number: i32) -> Option<Right> {
    Right::ALL.iter().copied().find(|each| right(*each) as i32 == number)
}

/// The ground of a number; absent if there is none.
pub(super) fn ground_code_of(number: i32) -> Option<GroundCode> {
    GroundCode::ALL.iter().copied().find(|each| ground_code(*each) as i32 == number)
}

/// The case state of a number; absent if no case is ever in it.
pub(super) fn case_state_of(number: i32) -> Option<CaseState> {
    CaseState::ALL.iter().copied().find(|each| case_state(*each) as i32 == number)
}

/// The type of notice of a number.
pub(super) fn notice_type_of(number: i32) -> Option<NoticeType> {
    NoticeType::ALL.iter().copied().find(|each| notice_type(*each) as i32 == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `COMPLETED` of `CASE_STATE_COMPLETED` is `completed`: one name for one thing, on the wire and in the database.
    fn same_name(proto: &str, prefix: &str, domain: &str) {
        assert_eq!(proto.strip_prefix(prefix).map(str::to_lowercase).as_deref(), Some(domain), "{proto}");
    }

    #[test]
    fn both_sides_use_the_same_names() {
        for each in Right::ALL {
            same_name(right(*each).as_str_name(), "RIGHT_", each.as_str());
        }
        for each in CaseState::ALL {
            same_name(case_state(*each).as_str_name(), "CASE_STATE_", each.as_str());
        }
        for each in CaseReason::ALL {
            same_name(case_reason(*each).as_str_name(), "CASE_REASON_", each.as_str());
        }
        for each in TaskKind::ALL {
            same_name(task_kind(*each).as_str_name(), "TASK_KIND_", each.as_str());
        }
        for each in TaskState::ALL {
            same_name(task_state(*each).as_str_name(), "TASK_STATE_", each.as_str());
        }
        for each in TaskReason::ALL {
            same_name(task_reason(*each).as_str_name(), "TASK_REASON_", each.as_str());
        }
        for each in Unscheduled::ALL {
            same_name(unscheduled(*each).as_str_name(), "UNSCHEDULED_REASON_", each.as_str());
        }
        for each in SweepState::ALL {
            same_name(sweep_state(*each).as_str_name(), "SWEEP_STATE_", each.as_str());
        }
        for each in SweepEvent::ALL {
            same_name(sweep_event(*each).as_str_name(), "SWEEP_EVENT_", each.as_str());
        }
        for each in GroundCode::ALL {
            same_name(ground_code(*each).as_str_name(), "GROUND_CODE_", each.as_str());
        }
        for each in LegalBasis::ALL {
            same_name(legal_basis(*each).as_str_name(), "LEGAL_BASIS_", each.as_str());
        }
        for each in ClockKind::ALL {
            same_name(clock_kind(*each).as_str_name(), "CLOCK_KIND_", each.as_str());
        }
        for each in PauseGround::ALL {
            same_name(pause_ground(*each).as_str_name(), "PAUSE_GROUND_", each.as_str());
        }
        for each in ExtensionGround::ALL {
            same_name(extension_ground(*each).as_str_name(), "EXTENSION_GROUND_", each.as_str());
        }
        for each in Assurance::ALL {
            same_name(assurance(*each).as_str_name(), "ASSURANCE_", each.as_str());
        }
        for each in EvidenceKind::ALL {
            same_name(evidence_kind(*each).as_str_name(), "EVIDENCE_KIND_", each.as_str());
        }
        for each in Use::ALL {
            same_name(r#use(*each).as_str_name(), "USE_", each.as_str());
        }
        for each in Action::ALL {
            same_name(action(*each).as_str_name(), "ACTION_", each.as_str());
        }
    }

    #[test]
    fn numbers_find_their_way_back() {
        for each in Right::ALL {
            assert_eq!(right_of(right(*each) as i32), Some(*each));
        }
        for each in CaseState::ALL {
            assert_eq!(case_state_of(case_state(*each) as i32), Some(*each));
        }
        assert_eq!((right_of(0), right_of(99), case_state_of(0)), (None, None, None));
    }
}
