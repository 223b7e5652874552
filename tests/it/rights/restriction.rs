//! Restriction and its lifting: nothing is lost, nothing is left out.

use rightful::proto::{
    downstream::v1::{Outcome, Right},
    v1::{CaseReason, TaskKind, TaskReason, TaskState},
};
use serde_json::json;

use super::{asking, category_of, of, run, services};
use crate::{
    harness::{World, task},
    puppet::{Fault, Method},
};

#[tokio::test]
async fn a_restriction_is_verified_and_can_be_lifted() {
    let world = World::start(services()).await;
    let held = world.held();
    let case = run(&world, asking(Right::Restriction)).await;
    assert_eq!((case.reason(), case.lift), (CaseReason::Fulfilled, false), "{case:#?}");
    let restricted = || world.puppet("news").people().remove(0).restricted.into_iter().collect::<Vec<_>>();
    assert_eq!(restricted(), ["clicks", "invoices", "subscriptions"]);
    let receipt = world.receipt(&case.case_id).await;
    let news = of(&receipt, "news");
    assert_eq!((&news["standing"], &news["proof"]), (&json!("restricted"), &json!("verified")));
    let clicks = category_of(&receipt, "news", "clicks");
    assert_eq!((&clicks["restricted"], &clicks["remaining"]["records"]), (&json!(5), &json!(5)));
    assert_eq!(clicks["found"]["digest"], clicks["remaining"]["digest"]);
    assert_eq!(clicks["recipients"], json!([{ "name": "Parcel Ltd", "told": true }]), "GDPR 19");

    let mut request = asking(Right::Restriction);
    request.lift = true;
    let lifted = run(&world, request).await;
    assert_eq!((lifted.reason(), lifted.lift), (CaseReason::Fulfilled, true));
    assert!(restricted().is_empty());
    let receipt = world.receipt(&lifted.case_id).await;
    assert_eq!((&receipt["lift"], &of(&receipt, "news")["standing"]), (&json!(true), &json!("unrestricted")));
    assert_eq!(category_of(&receipt, "news", "clicks")["unrestricted"], 5);
    assert_eq!(world.held(), held);
    let calls = [task(&case, "news", TaskKind::Restrict), task(&lifted, "news", TaskKind::Restrict)];
    world.puppet("news").assert_each_effect_once(calls.map(|task| task.call_id.as_str()));
    world.finish().await;
}

#[tokio::test]
async fn a_restriction_that_loses_records_or_leaves_some_out_is_unconfirmed() {
    let world = World::start(services()).await;
    world.puppet("crm").next(Method::Restrict, Fault::EraseHalf);
    world.puppet("news").next(Method::Restrict, Fault::Claim(Outcome::default()));
    let case = run(&world, asking(Right::Restriction)).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    for (name, why) in [("crm", "nothing may be lost"), ("news", "0 declared as restricted")] {
        let task = task(&case, name, TaskKind::Restrict);
        assert_eq!((task.state(), task.reason()), (TaskState::NeedsAttention, TaskReason::ChangeUnconfirmed));
        assert!(task.last_error.contains(why), "{}", task.last_error);
    }
    assert_eq!(task(&case, "shop", TaskKind::Restrict).state(), TaskState::Done, "they spoil no other");
    world.finish().await;
}
