//! Verification: nobody is asked anything until it is sure enough who asks.

use std::sync::Arc;

use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::{GroundCode, Right},
        v1::{
            Assurance, Case, CaseReason, CaseState, ConfirmSubjectRequest, Evidence, EvidenceKind,
            PreviewCaseRequest,
        },
    },
};
use tonic::{Code, Status};

use crate::harness::{
    ADA, Builder, World, assert_refused, fields, metadata, opening, people_services, soon, subject,
};

fn evidence(kind: EvidenceKind, reference: &str) -> Evidence {
    Evidence { kind: kind.into(), reference: reference.into(), seen_time: None }
}

async fn confirm(world: &World, case: &Case, evidence: Vec<Evidence>) -> Result<Case, Status> {
    let request =
        ConfirmSubjectRequest { case_id: case.case_id.clone(), failed: evidence.is_empty(), evidence };
    Ok(world.cases().confirm_subject(request).await?.into_inner().case.expect("it is there"))
}

/// The default: every case needs a little evidence.
async fn careful(settings: &[(&str, &str)]) -> (World, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new("2026-11-24T09:00:00Z".parse().expect("it is there")));
    let mut builder =
        Builder::new(people_services()).clock(clock.clone()).set("policy.verification", "\"low\"");
    for (key, toml) in settings {
        builder = builder.set(key, toml);
    }
    (builder.start().await, clock)
}

#[tokio::test]
async fn an_impostor_who_knows_an_address_and_a_number_gets_nothing() {
    let (world, clock) = careful(&[]).await;
    let mut cases = Vec::new();
    for right in [Right::Access, Right::Erasure, Right::Portability] {
        let case = world.open(opening(right, &[ADA, ("phone", "+4930123456")])).await;
        assert_eq!((case.state(), case.tasks.len()), (CaseState::AwaitingVerification, 0));
        let verification = case.verification.clone().unwrap();
        assert_eq!((verification.needed(), verification.reached()), (Assurance::Low, Assurance::None));
        assert!(verification.expire_time.is_some() && case.due_time.is_some());
        let refused = world.try_download(&case.case_id, 0).await;
        assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_NOT_READY");
        cases.push(case.case_id);
    }
    let held = world.held();
    clock.advance(SignedDuration::from_hours(24 * 31));
    for case_id in &cases {
        let refused = |case: &Case| case.state() == CaseState::Refused;
        let case = world.until(case_id, "nobody to have shown anything in time", refused).await;
        assert_eq!(case.reason(), CaseReason::InsufficientVerification);
        let refusal = case.refusal.unwrap();
        assert_eq!(refusal.ground.unwrap().code(), GroundCode::IdentityInDoubt);
        assert_eq!(
            (refusal.refuser.as_str(), refusal.complaint_body.as_str()),
            ("", "The authority of Berlin")
        );
    }
    clock.advance(SignedDuration::from_hours(24 * 31));
    for case_id in &cases {
        let expired = async {
            while world.case(case_id).await.state() != CaseState::Expired {
                tokio::task::yield_now().await;
            }
        };
        soon("what is personal to be destroyed", expired).await;
    }
    assert_eq!((world.calls(), world.held()), (0, held), "nobody was asked anything");
    world.finish().await;
}

#[tokio::test]
async fn evidence_lets_a_case_begin_even_across_a_crash() {
    let (mut world, _) = careful(&[]).await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.restart().await;
    assert_eq!(world.calls(), 0);
    let link = vec![evidence(EvidenceKind::EmailLink, "mail-4711")];
    let confirmed = confirm(&world, &case, link.clone()).await.unwrap();
    assert_eq!(confirmed.state(), CaseState::InProgress);
    let verification = confirmed.verification.as_ref().unwrap();
    assert_eq!(verification.reached(), Assurance::Low);
    assert!(verification.verify_time.is_some() && verification.expire_time.is_none());
    let settled = world.settled(&case.case_id).await;
    assert_eq!(settled.reason(), CaseReason::Fulfilled);
    assert_eq!(confirm(&world, &case, link).await.unwrap(), settled, "what is known changes nothing");
    let more = confirm(&world, &case, vec![evidence(EvidenceKind::Document, "d-1")]).await;
    let refused = assert_refused(more, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(metadata(&refused)["event"], "verify");
    world.finish().await;
}

#[tokio::test]
async fn evidence_may_come_with_the_request() {
    let (world, _) = careful(&[]).await;
    let mut request = opening(Right::Access, &[ADA]);
    request.evidence = vec![evidence(EvidenceKind::AccountSession, "s-1")];
    let case = world.open(request.clone()).await;
    assert_eq!(case.state(), CaseState::InProgress);
    assert_eq!(case.verification.as_ref().unwrap().reached(), Assurance::Substantial);
    world.settled(&case.case_id).await;
    assert_eq!(world.open(request.clone()).await.case_id, case.case_id);
    request.evidence[0].reference = "s-2".into();
    let again = world.try_open(request.clone()).await;
    let refused = assert_refused(again, Code::AlreadyExists, "ERROR_REASON_REQUEST_ID_REUSED");
    assert_eq!(metadata(&refused)["differs"], "evidence");
    request.request_id = "other".into();
    request.evidence = vec![evidence(EvidenceKind::Unspecified, ""), evidence(EvidenceKind::Document, "ä")];
    let refused =
        assert_refused(world.try_open(request).await, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&refused), ["evidence[0].kind", "evidence[0].reference", "evidence[1].reference"]);
    world.finish().await;
}

#[tokio::test]
async fn rules_say_which_right_regime_and_channel_needs_what() {
    let rules = "[{ right = \"erasure\", level = \"high\" }, { channel = \"support_desk\", level = \"substantial\" }, \
                 { regime = \"lgpd\", level = \"none\" }]";
    let (world, _) = careful(&[("verification", rules), ("assurance.email_link", "\"substantial\"")]).await;
    let needed = async |right: Right, channel: &str, regime: &str| {
        let request = PreviewCaseRequest {
            right: right.into(),
            subject: Some(subject(&[ADA])),
            channel: channel.into(),
            regimes: [regime.to_owned()].into_iter().filter(|name| !name.is_empty()).collect(),
            ..PreviewCaseRequest::default()
        };
        world.cases().preview_case(request).await.unwrap().into_inner().verification_needed()
    };
    assert_eq!(needed(Right::Erasure, "support_desk", "lgpd").await, Assurance::High, "the first that fits");
    assert_eq!(needed(Right::Access, "support_desk", "lgpd").await, Assurance::Substantial);
    assert_eq!(needed(Right::Access, "", "lgpd").await, Assurance::None);
    assert_eq!(needed(Right::Access, "account_settings", "gdpr").await, Assurance::Low);

    let mut request = opening(Right::Access, &[ADA]);
    request.channel = "support_desk".into();
    let case = world.open(request).await;
    let weak = confirm(&world, &case, vec![evidence(EvidenceKind::PhoneCode, "sms-1")]).await.unwrap();
    assert_eq!(weak.state(), CaseState::AwaitingVerification, "a code to a number is not enough here");
    assert_eq!(weak.verification.as_ref().unwrap().reached(), Assurance::Low);
    let enough = confirm(&world, &case, vec![evidence(EvidenceKind::EmailLink, "mail-1")]).await.unwrap();
    assert_eq!(enough.state(), CaseState::InProgress, "the configuration trusts links more");
    assert_eq!(enough.verification.as_ref().unwrap().evidence.len(), 2);
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn failed_attempts_are_limited() {
    let (world, _) = careful(&[]).await;
    let mut request = opening(Right::Erasure, &[ADA]);
    request.regimes = vec!["gdpr".into(), "uk_gdpr".into()];
    let case = world.open(request).await;
    for failures in 1..=2 {
        let failed = confirm(&world, &case, vec![]).await.unwrap();
        assert_eq!(failed.state(), CaseState::AwaitingVerification);
        assert_eq!(failed.verification.as_ref().unwrap().failed_attempts, failures);
    }
    let refused = confirm(&world, &case, vec![]).await.unwrap();
    assert_eq!(
        (refused.state(), refused.reason()),
        (CaseState::Refused, CaseReason::InsufficientVerification)
    );
    let refusal = refused.refusal.unwrap();
    assert_eq!(refusal.complaint_body, "The authority of Berlin; the Information Commissioner, ico.org.uk");
    assert!(refusal.court.contains("GDPR art. 79(2)"), "{}", refusal.court);
    let late = confirm(&world, &case, vec![evidence(EvidenceKind::InPerson, "desk 1")]).await;
    assert_refused(late, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    let neither = ConfirmSubjectRequest { case_id: case.case_id.clone(), ..ConfirmSubjectRequest::default() };
    let refused = world.cases().confirm_subject(neither).await;
    let refused = assert_refused(refused, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&refused), ["evidence"]);
    assert_eq!(world.calls(), 0);
    world.finish().await;
}
