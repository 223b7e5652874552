//! Erasure: in the right order, verified, and with a receipt that says what was kept and why.

use rightful::proto::{
    downstream::v1::{GroundCode, Right},
    v1::{Case, CaseReason, CaseState, TaskKind, TaskReason, TaskState},
};
use serde_json::{Value, json};

use crate::{
    harness::{ADA, World, ada, people_services, task},
    puppet::{Fault, Method, Profile, category, ground},
};

/// What the receipt says of a downstream.
fn of<'a>(receipt: &'a Value, downstream: &str) -> &'a Value {
    let all = receipt["downstreams"].as_array().expect("the receipt lists the downstreams");
    all.iter().find(|one| one["name"] == downstream).expect("it names every downstream")
}

/// What it says of a category there.
fn category_of<'a>(receipt: &'a Value, downstream: &str, category: &str) -> &'a Value {
    let all = of(receipt, downstream)["categories"].as_array().expect("it lists the categories");
    all.iter().find(|one| one["name"] == category).expect("it names every category")
}

/// By which id a downstream knows its erasure.
fn erase_id<'a>(case: &'a Case, downstream: &str) -> &'a str {
    &task(case, downstream, TaskKind::Erase).call_id
}

#[tokio::test]
async fn an_erasure_leaves_nothing_but_what_the_receipt_declares_retained() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    assert_eq!(world.puppet("marketing").holds(), 0);
    assert_eq!(world.puppet("analytics").holds(), 0);
    assert_eq!(world.puppet("billing").holds(), 1, "the invoice that the law makes it keep");

    let receipt = world.receipt(&case.case_id).await;
    assert_eq!((&receipt["case_id"], &receipt["complete"]), (&json!(case.case_id), &json!(true)));
    let invoices = category_of(&receipt, "billing", "invoices");
    assert_eq!((&invoices["found"]["records"], &invoices["found"]["files"]), (&json!(2), &json!(1)));
    assert_eq!((&invoices["erased"], &invoices["remaining"]["records"]), (&json!(1), &json!(1)));
    let retained = &invoices["retained"][0];
    assert_eq!((&retained["count"], &retained["release_time"]), (&json!(1), &json!("2031-01-01T00:00:00Z")));
    assert_eq!(
        (&retained["ground"]["code"], &retained["ground"]["source"]),
        (&json!("legal_obligation"), &json!("HGB § 257"))
    );
    let events = category_of(&receipt, "analytics", "page_events");
    assert_eq!((&events["found"]["records"], &events["erased"]), (&json!(300), &json!(300)));
    assert_ne!(events["found"]["digest"], events["remaining"]["digest"]);
    assert_eq!(of(&receipt, "billing")["backup_horizon_seconds"], 30 * 24 * 3_600);
    let text = receipt.to_string();
    assert!(!text.contains("ada@example.org") && !text.contains("C-1815"), "the receipt names nobody");

    for name in world.names() {
        world.puppet(&name).assert_each_effect_once([erase_id(&case, &name)]);
    }
    world.finish().await;
}

#[tokio::test]
async fn who_provides_an_identifier_is_erased_after_who_needs_it() {
    let world = World::start(people_services()).await;
    world.run(Right::Erasure, &[ADA]).await;
    let order = |name: &str| {
        world
            .puppet(name)
            .calls(Method::Erase)
            .first()
            .unwrap_or_else(|| panic!("{name} was not asked"))
            .order
    };
    let verified = world.puppet("analytics").calls(Method::Collect).last().unwrap().order;
    assert!(order("analytics") < order("billing"), "billing knows the customer id that analytics needs");
    assert!(verified < order("billing"), "analytics is verified before billing forgets the customer id");
    world.finish().await;
}

#[tokio::test]
async fn an_erasure_asks_for_an_action_for_each_category() {
    let world = World::start(people_services()).await;
    world.run(Right::Erasure, &[ADA]).await;
    let calls = world.puppet("billing").calls(Method::Erase);
    let directives: Vec<(String, &str, String)> = calls[0]
        .directives
        .iter()
        .map(|d| (d.category.clone(), d.action().as_str_name(), d.period.clone()))
        .collect();
    assert_eq!(
        directives,
        [
            ("invoices".to_owned(), "ACTION_RETAIN", "P7Y".to_owned()),
            ("payment_methods".to_owned(), "ACTION_ERASE", String::new()),
        ]
    );
    assert_eq!(calls[0].directives[0].ground.as_ref().unwrap().code(), GroundCode::LegalObligation);
    world.finish().await;
}

#[tokio::test]
async fn a_liar_is_caught_and_a_retry_after_it_healed_fulfils_the_case() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").next(Method::Erase, Fault::Claim(claim("consents", 1)));
    world.puppet("analytics").next(Method::Erase, Fault::EraseHalf);
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::PartiallyFulfilled));
    for name in ["marketing", "analytics"] {
        let liar = task(&case, name, TaskKind::Erase);
        assert_eq!(
            (liar.state(), liar.reason()),
            (TaskState::NeedsAttention, TaskReason::ErasureUnconfirmed)
        );
    }
    assert!(task(&case, "analytics", TaskKind::Erase).last_error.contains("150 found after the erasure"));
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(
        (&receipt["complete"], &of(&receipt, "analytics")["standing"]),
        (&json!(false), &json!("unconfirmed"))
    );
    assert_eq!(category_of(&receipt, "analytics", "page_events")["remaining"]["records"], 150);
    assert_eq!(of(&receipt, "billing")["standing"], "erased", "the liars do not spoil the others");

    for name in ["marketing", "analytics"] {
        let id = task(&case, name, TaskKind::Erase).task_id.clone();
        let reopened = world.retry(&id).await;
        assert_eq!(reopened.state(), CaseState::InProgress);
        let settled = world.settled(&case.case_id).await;
        let ids: Vec<String> =
            world.puppet(name).calls(Method::Erase).into_iter().map(|call| call.task_id).collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1], "a fresh id, so that it does the work again");
        assert_eq!((ids[0].as_str(), ids[1].as_str()), (id.as_str(), erase_id(&settled, name)));
    }
    let case = world.case(&case.case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(
        (&receipt["complete"], &of(&receipt, "analytics")["standing"]),
        (&json!(true), &json!("erased"))
    );
    assert_eq!(category_of(&receipt, "analytics", "page_events")["remaining"]["records"], 0);
    assert_eq!((world.puppet("marketing").holds(), world.puppet("analytics").holds()), (0, 0));
    world.finish().await;
}

/// An outcome that says that so many records of a category were erased.
fn claim(category: &str, erased: u64) -> rightful::proto::downstream::v1::Outcome {
    use rightful::proto::downstream::v1::{CategoryOutcome, Outcome};
    let category = category.to_owned();
    Outcome { categories: vec![CategoryOutcome { category, erased, ..CategoryOutcome::default() }] }
}

#[tokio::test]
async fn a_downstream_may_erase_in_the_background() {
    let world = World::start(people_services()).await;
    world.puppet("analytics").next(Method::Erase, Fault::Work(3));
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let analytics = world.puppet("analytics");
    assert_eq!((analytics.calls(Method::Erase).len(), analytics.calls(Method::GetTask).len()), (1, 3));
    analytics.assert_each_effect_once([erase_id(&case, "analytics")]);
    world.finish().await;
}

#[tokio::test]
async fn a_background_erasure_that_was_forgotten_is_sent_again() {
    let world = World::start(people_services()).await;
    world.puppet("analytics").next(Method::Erase, Fault::Work(3));
    world.puppet("analytics").next(Method::GetTask, Fault::Forget);
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let analytics = world.puppet("analytics");
    assert_eq!(analytics.calls(Method::Erase).len(), 2);
    assert_eq!(analytics.calls(Method::GetTask).len(), 1);
    analytics.assert_each_effect_once([erase_id(&case, "analytics")]);
    world.finish().await;
}

#[tokio::test]
async fn a_lost_answer_does_not_erase_twice() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").next(Method::Erase, Fault::LoseResponse);
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let marketing = world.puppet("marketing");
    assert_eq!(marketing.calls(Method::Erase).len(), 2, "it was asked again");
    marketing.assert_each_effect_once([erase_id(&case, "marketing")]);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(category_of(&receipt, "marketing", "consents")["erased"], 1);
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_is_stated_with_its_ground() {
    let world = World::start(people_services()).await;
    let refusal = ground(GroundCode::LegalClaims, "GDPR 17(3)(e)");
    world.puppet("marketing").always(Method::Erase, Fault::Refuse(refusal.clone()));
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let refused = task(&case, "marketing", TaskKind::Erase);
    assert_eq!((refused.state(), refused.refusal.as_ref()), (TaskState::Refused, Some(&refusal)));
    let receipt = world.receipt(&case.case_id).await;
    let marketing = of(&receipt, "marketing");
    assert_eq!(
        (&marketing["standing"], &marketing["ground"]["code"]),
        (&json!("refused"), &json!("legal_claims"))
    );
    assert_eq!(world.puppet("marketing").holds(), 1);
    world.finish().await;
}

#[tokio::test]
async fn an_erasure_of_somebody_unknown_says_that_nothing_is_held() {
    let world = World::start(people_services()).await;
    let before = world.held();
    let case = world.run(Right::Erasure, &[("email", "nobody@example.org")]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::NothingHeld));
    assert_eq!(of(&world.receipt(&case.case_id).await, "marketing")["standing"], "nothing_held");
    assert_eq!(before, world.held());
    world.finish().await;
}

#[tokio::test]
async fn files_go_with_an_erasure() {
    let person = ada(&[]).file("photos", "a.jpg", vec![1; 1_000]).file("photos", "b.jpg", vec![2; 1_000]);
    let world =
        World::start([Profile::new("album", &["email"]).category(category("photos")).person(person)]).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let receipt = world.receipt(&case.case_id).await;
    let photos = category_of(&receipt, "album", "photos");
    assert_eq!((&photos["found"]["files"], &photos["remaining"]["files"]), (&json!(2), &json!(0)));
    assert_eq!(world.puppet("album").holds(), 0);
    world.finish().await;
}
