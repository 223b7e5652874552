//! Requesters see what they have opened, and nothing tells them that there is more; downstreams see themselves.

use rightful::proto::{
    downstream::v1::Right,
    v1::{
        AcknowledgeCaseRequest, ApproveCaseRequest, CancelCaseRequest, CaseState, CheckDownstreamRequest,
        ConfirmSubjectRequest, DescribeDownstreamRequest, DownloadExportRequest, Evidence, EvidenceKind,
        GetCaseRequest, GetReceiptRequest, ListCasesRequest, OpenCaseRequest, WatchCaseRequest,
        downstream_service_client::DownstreamServiceClient,
    },
};
use tonic::{Code, Status};

use super::{Guarded, by};
use crate::harness::{ADA, assert_refused, metadata, opening};

async fn open(guarded: &Guarded, token: &str, request: OpenCaseRequest) -> String {
    let opened = guarded.cases().open_case(by(token, request)).await.expect("it may open").into_inner();
    opened.case.expect("there is a case").case_id
}

/// What every call about a case answers to this caller.
async fn answers(guarded: &Guarded, token: &str, case_id: &str) -> Vec<(&'static str, Option<Status>)> {
    let id = || case_id.to_owned();
    let evidence = vec![Evidence {
        kind: EvidenceKind::EmailLink.into(),
        reference: "m-1".into(),
        ..Evidence::default()
    }];
    let confirm = ConfirmSubjectRequest { case_id: id(), evidence, ..ConfirmSubjectRequest::default() };
    let told = AcknowledgeCaseRequest { case_id: id(), ..AcknowledgeCaseRequest::default() };
    let download = DownloadExportRequest { case_id: id(), offset: 0 };
    let mut cases = guarded.cases();
    vec![
        ("GetCase", cases.get_case(by(token, GetCaseRequest { case_id: id() })).await.err()),
        ("WatchCase", cases.watch_case(by(token, WatchCaseRequest { case_id: id() })).await.err()),
        ("ConfirmSubject", cases.confirm_subject(by(token, confirm)).await.err()),
        ("AcknowledgeCase", cases.acknowledge_case(by(token, told)).await.err()),
        ("DownloadExport", cases.download_export(by(token, download)).await.err()),
        ("GetReceipt", cases.get_receipt(by(token, GetReceiptRequest { case_id: id() })).await.err()),
        ("CancelCase", cases.cancel_case(by(token, CancelCaseRequest { case_id: id() })).await.err()),
    ]
}

#[tokio::test]
async fn a_case_of_somebody_else_does_not_exist_for_a_requester() {
    let guarded = Guarded::start().await;
    let (desk, shop) = (guarded.token("desk", &["desk"]), guarded.token("shop", &["desk"]));
    let case_id = open(&guarded, &desk, opening(Right::Access, &[ADA])).await;
    guarded.world.settled(&case_id).await;
    let absent = "01890a5d-ac96-774b-bcce-b302099a8057";
    let strangers = answers(&guarded, &shop, &case_id).await;
    let nobodys = answers(&guarded, &shop, absent).await;
    for ((rpc, other), (_, none)) in strangers.into_iter().zip(nobodys) {
        let other = other.unwrap_or_else(|| panic!("{rpc} showed another caller's case"));
        let none = none.expect("there is no such case");
        assert_eq!((other.code(), none.code()), (Code::NotFound, Code::NotFound), "{rpc}");
        assert_eq!(other.message().replace(&case_id, absent), none.message(), "{rpc}: they are told apart");
        assert_eq!(metadata(&other)["resource"], "case");
    }
    for (rpc, own) in answers(&guarded, &desk, &case_id).await {
        assert!(own.is_none_or(|status| status.code() != Code::NotFound), "{rpc} of one's own");
    }
    // By request id neither: the same one of another caller is another case.
    let mut request = opening(Right::Access, &[ADA]);
    request.request_id = "the-same".into();
    let first = open(&guarded, &desk, request.clone()).await;
    let second = open(&guarded, &shop, request).await;
    assert_ne!(first, second);
    let list = async |token: &str| {
        let listed = guarded.cases().list_cases(by(token, ListCasesRequest::default())).await.unwrap();
        let mut ids: Vec<String> = listed.into_inner().cases.into_iter().map(|case| case.case_id).collect();
        ids.sort();
        ids
    };
    let mut own = [case_id, first];
    own.sort();
    assert_eq!(list(&desk).await, own);
    assert_eq!(list(&shop).await, [second]);
    assert_eq!(list(&guarded.token("ops", &["privacy"])).await.len(), 3, "operators see all");
    guarded.world.finish().await;
}

#[tokio::test]
async fn a_request_that_joined_a_case_may_follow_it() {
    let guarded = Guarded::with(|builder| builder.set("policy.duplicates", "\"join\""), "").await;
    guarded.world.puppet("marketing").always(crate::puppet::Method::Collect, crate::puppet::Fault::Hang);
    let (desk, shop) = (guarded.token("desk", &["desk"]), guarded.token("shop", &["desk"]));
    let first = open(&guarded, &desk, opening(Right::Access, &[ADA])).await;
    assert_eq!(open(&guarded, &shop, opening(Right::Access, &[ADA])).await, first);
    let request = by(&shop, GetCaseRequest { case_id: first.clone() });
    guarded.cases().get_case(request).await.expect("it has joined it");
    guarded.world.puppet("marketing").heal();
    guarded.world.settled(&first).await;
    guarded.world.finish().await;
}

#[tokio::test]
async fn four_eyes_are_those_of_two_who_are_known() {
    let guarded = Guarded::with(|builder| builder.set("policy.approval", "[\"erasure\"]"), "").await;
    let both = guarded.token("ada", &["desk", "dpo"]);
    let other = guarded.token("ben", &["dpo"]);
    let case_id = open(&guarded, &both, opening(Right::Erasure, &[ADA])).await;
    let approve = || ApproveCaseRequest { case_id: case_id.clone(), note: String::new() };
    let own = guarded.cases().approve_case(by(&both, approve())).await;
    assert_refused(own, Code::PermissionDenied, "ERROR_REASON_FOUR_EYES");
    guarded.cases().approve_case(by(&other, approve())).await.unwrap();
    assert_eq!(guarded.world.settled(&case_id).await.state(), CaseState::Completed);
    guarded.world.finish().await;
}

#[tokio::test]
async fn a_downstream_sees_itself() {
    let guarded = Guarded::start().await;
    let billing = guarded.token("billing-service", &[]);
    let mut downstreams = DownstreamServiceClient::new(guarded.bare());
    let own = by(&billing, DescribeDownstreamRequest { name: "billing".into() });
    assert_eq!(
        downstreams.describe_downstream(own).await.unwrap().into_inner().downstream.unwrap().name,
        "billing"
    );
    let own = by(&billing, CheckDownstreamRequest { name: "billing".into() });
    assert!(downstreams.check_downstream(own).await.unwrap().into_inner().healthy);
    for other in ["marketing", "nothing"] {
        let request = by(&billing, DescribeDownstreamRequest { name: other.into() });
        let refused = downstreams.describe_downstream(request).await;
        assert_refused(refused, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    }
    guarded.world.finish().await;
}
