//! Objection: the uses that are named stop, and so does selling.

use rightful::proto::{
    downstream::v1::{Right, Use},
    v1::{CaseReason, TaskKind, TaskReason, TaskState},
};
use serde_json::json;

use super::{asking, category_of, of, run, services};
use crate::{harness::World, puppet::Method};

#[tokio::test]
async fn the_uses_that_are_named_stop_as_each_service_states() {
    let world = World::start(services()).await;
    let mut request = asking(Right::Objection);
    request.uses = vec![Use::DirectMarketing.into(), Use::SaleOrSharing.into()];
    let case = run(&world, request).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    assert_eq!(case.uses().collect::<Vec<_>>(), [Use::DirectMarketing, Use::SaleOrSharing]);
    for name in world.names() {
        let stopped = world.puppet(&name).people().remove(0).stopped;
        let expected = ["USE_DIRECT_MARKETING", "USE_SALE_OR_SHARING"];
        assert_eq!(stopped.into_iter().collect::<Vec<_>>(), expected, "{name}");
    }
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(receipt["uses"], json!(["direct_marketing", "sale_or_sharing"]));
    let news = of(&receipt, "news");
    assert_eq!((&news["standing"], &news["proof"]), (&json!("stopped"), &json!("stated")));
    assert_eq!(category_of(&receipt, "news", "clicks")["stopped"], 5);
    assert_eq!(world.held(), 6 + 2 + 8, "nothing is deleted");
    world.finish().await;
}

#[tokio::test]
async fn a_service_that_cannot_stop_anything_is_a_gap() {
    let mut profiles = services();
    profiles[2].description.rights.retain(|right| *right != i32::from(Right::Objection));
    let world = World::start(profiles).await;
    let case = run(&world, asking(Right::Objection)).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let news = case.tasks.iter().find(|t| t.downstream == "news" && t.kind() == TaskKind::Object).unwrap();
    assert_eq!((news.state(), news.reason()), (TaskState::Skipped, TaskReason::RightNotSupported));
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(
        (&receipt["complete"], &of(&receipt, "news")["standing"]),
        (&json!(false), &json!("not_asked"))
    );
    assert!(world.puppet("news").calls(Method::Object).is_empty());
    world.finish().await;
}
