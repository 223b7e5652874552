//! Access and portability: everything that is held about a person, in one export.

use std::collections::BTreeSet;

use rightful::proto::{
    downstream::v1::{GroundCode, Right},
    v1::{CaseReason, CaseState, CategoryScope, GetReceiptRequest, Scope, TaskKind, TaskReason, TaskState},
};
use serde_json::json;
use tonic::Code;

use crate::{
    harness::{ADA, World, ada, assert_refused, opening, people_services, task},
    puppet::{Method, Person, Profile, category, ground},
};

#[tokio::test]
async fn the_export_has_what_every_downstream_holds() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    assert_eq!(case.identifier_kinds, ["customer_id", "email"], "only what leads somewhere is asked for");

    let bag = world.bag(&case.case_id).await;
    assert_eq!(
        bag.records("data/billing/invoices.ndjson"),
        [
            json!({ "number": 9_007_199_254_740_993_u64, "keep": true }),
            json!({ "number": 2, "total": "12.50" })
        ],
    );
    assert_eq!(bag.records("data/billing/payment_methods.ndjson"), [json!({ "kind": "card" })]);
    assert_eq!(bag.file("data/billing/files/invoices/invoice-1.pdf"), vec![0x25_u8; 100_000]);
    assert_eq!(bag.records("data/marketing/consents.ndjson"), [json!({ "newsletter": true })]);
    let events = bag.records("data/analytics/page_events.ndjson");
    assert_eq!(events.len(), 300);
    assert_eq!(events[299], json!({ "number": 299, "note": "ordinary" }));
    bag.assert_manifests_hold();
    world.finish().await;
}

#[tokio::test]
async fn the_export_says_what_is_there_and_what_is_withheld() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let bag = world.bag(&case.case_id).await;

    let statement = bag.json("data/completeness.json");
    assert_eq!((&statement["case_id"], &statement["complete"]), (&json!(case.case_id), &json!(true)));
    let billing = bag.standing("billing");
    assert_eq!(billing["standing"], "collected");
    let methods =
        billing["categories"].as_array().unwrap().iter().find(|c| c["name"] == "payment_methods").unwrap();
    assert_eq!(methods["records"], 1);
    assert_eq!(methods["withheld"][0]["description"], "card number");
    assert_eq!(methods["withheld"][0]["ground"]["code"], "credentials");
    let seen =
        task(&case, "billing", TaskKind::Collect).categories.iter().find(|c| c.category == "payment_methods");
    assert_eq!(seen.unwrap().withheld[0].ground.as_ref().unwrap().code(), GroundCode::Credentials);

    let disclosure = bag.text("data/disclosure.json");
    for fact in [
        "Shop Ltd",
        "privacy@shop.example",
        "The authority of Berlin",
        "Running the shop",
        "Parcel Ltd",
        "P7Y",
    ] {
        assert!(disclosure.contains(fact), "disclosure.json does not say {fact}");
    }
    let page = bag.text("data/index.html");
    for fact in ["The billing service", "All invoices", "card number", "Shop Ltd"] {
        assert!(page.contains(fact), "the page does not say {fact}");
    }
    assert!(!page.contains("<script"), "the page runs nothing");
    world.finish().await;
}

#[tokio::test]
async fn identifiers_travel_only_to_those_who_understand_them() {
    let world = World::start(people_services()).await;
    world.run(Right::Access, &[ADA, ("loyalty_card", "L-7")]).await;
    let sent = |name: &str| -> BTreeSet<String> {
        let calls = world.puppet(name).calls(Method::Collect);
        calls.into_iter().flat_map(|call| call.identifiers).collect()
    };
    assert_eq!(sent("analytics"), BTreeSet::from(["customer_id=C-1815".to_owned()]));
    assert_eq!(sent("marketing"), BTreeSet::from(["email=ada@example.org".to_owned()]));
    world.finish().await;
}

#[tokio::test]
async fn portability_brings_only_what_the_person_provided() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Portability, &[ADA]).await;
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.of("billing").into_keys().collect::<Vec<_>>(), ["data/billing/payment_methods.ndjson"]);
    assert_eq!(bag.of("marketing").into_keys().collect::<Vec<_>>(), ["data/marketing/consents.ndjson"]);
    assert!(world.puppet("analytics").calls(Method::Collect).is_empty(), "it has nothing that was provided");
    assert_eq!(bag.standing("analytics")["standing"], "not_asked");
    let left_out = |name: &str, title: &str| json!([{ "name": name, "title": title, "reason": "not_provided_by_subject" }]);
    assert_eq!(bag.standing("billing")["left_out"], left_out("invoices", "All invoices"));
    assert_eq!(bag.standing("analytics")["left_out"], left_out("page_events", "All page_events"));
    assert_eq!(bag.standing("marketing").get("left_out"), None, "all of it was provided");
    assert!(bag.text("data/index.html").contains("All invoices (you did not provide it yourself)"));
    world.finish().await;
}

#[tokio::test]
async fn somebody_unknown_gets_an_export_that_says_so() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[("email", "nobody@example.org")]).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::NothingHeld));
    let bag = world.bag(&case.case_id).await;
    assert_eq!(bag.standing("billing")["standing"], "nothing_held");
    assert_eq!(bag.standing("marketing")["standing"], "nothing_held");
    // Billing could not name a customer id, so there was nothing to ask analytics by.
    let analytics = bag.standing("analytics");
    assert_eq!(
        (&analytics["standing"], &analytics["reason"]),
        (&json!("not_asked"), &json!("no_known_identifier"))
    );
    assert!(bag.of("billing").is_empty() && bag.of("analytics").is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_scope_leaves_out_downstreams_and_categories() {
    let world = World::start(people_services()).await;
    let mut request = opening(Right::Access, &[ADA]);
    request.scope = Some(Scope {
        downstreams: vec!["billing".into(), "marketing".into()],
        categories: vec![CategoryScope { downstream: "billing".into(), categories: vec!["invoices".into()] }],
    });
    let opened = world.open(request).await;
    let case = world.settled(&opened.case_id).await;
    let bag = world.bag(&case.case_id).await;
    assert!(!bag.files.contains_key("data/billing/payment_methods.ndjson"));
    assert!(bag.files.contains_key("data/billing/invoices.ndjson"));
    assert_eq!(bag.standing("analytics")["reason"], "out_of_scope");
    let skipped = task(&case, "analytics", TaskKind::Collect);
    assert_eq!((skipped.state(), skipped.reason()), (TaskState::Skipped, TaskReason::OutOfScope));
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_does_not_support_the_right_is_named() {
    let mut profile = Profile::new("archive", &["email"]).category(category("boxes")).person(ada(&[]));
    profile.description.rights = vec![Right::Erasure.into()];
    let world = World::start([profile]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let standing = world.bag(&case.case_id).await.standing("archive");
    assert_eq!(
        (&standing["standing"], &standing["reason"]),
        (&json!("not_asked"), &json!("right_not_supported"))
    );
    world.finish().await;
}

#[tokio::test]
async fn when_all_is_withheld_the_export_says_that_too() {
    let person =
        ada(&[]).withheld("letters", "letter of a third person", 3, ground(GroundCode::RightsOfOthers, ""));
    let world =
        World::start([Profile::new("mail", &["email"]).category(category("letters")).person(person)]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled);
    let standing = world.bag(&case.case_id).await.standing("mail");
    assert_eq!(standing["standing"], "withheld");
    assert_eq!(standing["categories"][0]["withheld"][0]["count"], 3);
    world.finish().await;
}

#[tokio::test]
async fn two_people_do_not_get_each_others_data() {
    let profile = Profile::new("shop", &["email"])
        .category(category("orders"))
        .person(ada(&[]).record("orders", &json!({ "of": "ada" })))
        .person(Person::new(&[("email", "bob@example.org")]).record("orders", &json!({ "of": "bob" })));
    let world = World::start([profile]).await;
    let (hers, his) = tokio::join!(
        world.run(Right::Access, &[ADA]),
        world.run(Right::Access, &[("email", "bob@example.org")])
    );
    for (case, of) in [(hers, "ada"), (his, "bob")] {
        let records = world.bag(&case.case_id).await.records("data/shop/orders.ndjson");
        assert_eq!(records, [json!({ "of": of })]);
    }
    world.finish().await;
}

#[tokio::test]
async fn an_access_case_has_no_receipt() {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let request = GetReceiptRequest { case_id: case.case_id.clone() };
    let answer = world.cases().get_receipt(request).await;
    assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_NOT_READY");
    world.finish().await;
}

#[tokio::test]
async fn the_callers_trace_goes_on_at_the_downstreams() {
    let world = crate::harness::Builder::new(people_services()).binary().start().await;
    let mut request = tonic::Request::new(opening(Right::Access, &[ADA]));
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let parent = format!("00-{trace}-00f067aa0ba902b7-01");
    request.metadata_mut().insert("traceparent", parent.parse().unwrap());
    let case = world.cases().open_case(request).await.unwrap().into_inner().case.unwrap();
    world.settled(&case.case_id).await;
    let call = &world.puppet("analytics").calls(Method::Collect)[0];
    let seen = call.traceparent.as_deref().unwrap_or_default();
    assert!(seen.contains(trace), "{seen:?} does not belong to the trace of the caller");
    world.finish().await;
}
