//! Consent withdrawal: purpose by purpose, and nothing that rests on another basis.

use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseReason, TaskKind, TaskReason, TaskState},
};
use serde_json::json;
use tonic::Code;

use super::{asking, category_of, of, run, services};
use crate::{
    harness::{World, assert_refused, fields, task},
    puppet::Method,
};

#[tokio::test]
async fn without_purposes_all_that_rests_on_consent_stops() {
    let world = World::start(services()).await;
    let case = run(&world, asking(Right::ConsentWithdrawal)).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    let call = &world.puppet("news").calls(Method::WithdrawConsent)[0];
    assert_eq!(call.categories, ["subscriptions", "clicks"], "invoices rest on a contract");
    let stopped = world.puppet("news").people().remove(0).stopped;
    assert_eq!(stopped.into_iter().collect::<Vec<_>>(), ["newsletter", "offers"]);
    for name in ["crm", "shop"] {
        let skipped =
            case.tasks.iter().find(|t| t.downstream == name && t.kind() == TaskKind::WithdrawConsent);
        let skipped = skipped.expect("it is in the plan");
        assert_eq!((skipped.state(), skipped.reason()), (TaskState::Skipped, TaskReason::OutOfScope));
    }
    world
        .puppet("news")
        .assert_each_effect_once([task(&case, "news", TaskKind::WithdrawConsent).call_id.as_str()]);

    let receipt = world.receipt(&case.case_id).await;
    let news = of(&receipt, "news");
    assert_eq!((&news["standing"], &news["proof"]), (&json!("stopped"), &json!("stated")));
    let subscriptions = category_of(&receipt, "news", "subscriptions");
    assert_eq!(subscriptions["stopped_purposes"], json!(["newsletter", "offers"]));
    assert_eq!(category_of(&receipt, "news", "clicks")["stopped"], 5);
    assert!(world.puppet("news").calls(Method::Collect).is_empty(), "no collection could show it");
    world.finish().await;
}

#[tokio::test]
async fn a_purpose_is_withdrawn_wherever_it_stands() {
    let world = World::start(services()).await;
    let mut request = asking(Right::ConsentWithdrawal);
    request.purposes = vec!["newsletter".into()];
    let case = run(&world, request).await;
    assert_eq!(case.purposes, ["newsletter"]);
    assert_eq!(world.puppet("news").calls(Method::WithdrawConsent)[0].categories, ["subscriptions"]);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(receipt["purposes"], json!(["newsletter"]));
    let subscriptions = category_of(&receipt, "news", "subscriptions");
    assert_eq!(subscriptions["stopped_purposes"], json!(["newsletter"]), "offers go on");
    world.finish().await;
}

#[tokio::test]
async fn a_purpose_that_rests_on_no_consent_is_refused_by_name() {
    let world = World::start(services()).await;
    for (purpose, field) in
        [("Running the shop", "purposes[1]"), ("newsletter", "purposes[1]"), ("", "purposes[1]")]
    {
        let mut request = asking(Right::ConsentWithdrawal);
        request.purposes = vec!["newsletter".into(), purpose.into()];
        let refused =
            assert_refused(world.try_open(request).await, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), [field], "{purpose}");
    }
    world.finish().await;
}
