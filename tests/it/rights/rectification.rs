//! Rectification: a corrected value is seen corrected, and the receipt holds digests instead of values.

use rightful::proto::{
    downstream::v1::{Outcome, Right},
    v1::{
        CaseReason, CorrectionRef, OpenCaseRequest, PreviewCaseRequest, Scope, TaskKind, TaskReason,
        TaskState,
    },
};
use serde_json::json;
use tonic::Code;

use super::{RIGHT_NAME, WRONG, asking, category_of, of, records, rename, run, services};
use crate::{
    harness::{ADA, World, assert_refused, fields, opening, task},
    puppet::{Fault, Method},
};

#[tokio::test]
async fn a_corrected_value_is_seen_corrected_everywhere() {
    let world = World::start(services()).await;
    let case = run(&world, asking(Right::Rectification)).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    let of_all =
        CorrectionRef { downstream: String::new(), category: "contacts".into(), field: "/name".into() };
    assert_eq!(case.corrections, [of_all]);
    let names = |name: &str| records(&world, name, "contacts").into_iter().map(|mut r| r["name"].take());
    assert_eq!(names("crm").collect::<Vec<_>>(), [RIGHT_NAME, RIGHT_NAME, "Somebody else"]);
    assert_eq!(names("shop").collect::<Vec<_>>(), [RIGHT_NAME, WRONG], "one stays, on a ground");
    assert_eq!(records(&world, "crm", "contacts")[0]["city"], "London", "nothing else is changed");
    let call = &world.puppet("shop").calls(Method::Rectify)[0];
    assert_eq!(call.identifiers, ["customer_id=C-1815"], "found by what the CRM knows");
    let crm = task(&case, "crm", TaskKind::Rectify);
    let found = &crm.categories[0].fields[0];
    assert_eq!((found.old_before, found.old_after, found.new_before, found.new_after), (2, 0, 0, 2));
    let news = case.tasks.iter().find(|task| task.downstream == "news").expect("it is in the plan");
    assert_eq!((news.state(), news.reason()), (TaskState::Skipped, TaskReason::OutOfScope));
    for name in ["crm", "shop"] {
        world.puppet(name).assert_each_effect_once([task(&case, name, TaskKind::Rectify).call_id.as_str()]);
    }

    let receipt = world.receipt(&case.case_id).await;
    assert_eq!((&receipt["right"], &receipt["complete"]), (&json!("rectification"), &json!(true)));
    let crm = of(&receipt, "crm");
    assert_eq!((&crm["standing"], &crm["proof"]), (&json!("rectified"), &json!("verified")));
    let contacts = category_of(&receipt, "crm", "contacts");
    assert_eq!((&contacts["found"]["records"], &contacts["rectified"]), (&json!(3), &json!(2)));
    let field = &contacts["fields"][0];
    assert_eq!(
        (&field["field"], &field["before"]["old"], &field["after"]["old"]),
        (&json!("/name"), &json!(2), &json!(0))
    );
    assert_eq!(field["old_digests"].as_array().unwrap().len(), 1);
    assert_ne!(field["old_digests"][0], field["new_digest"]);
    let kept = category_of(&receipt, "shop", "contacts");
    assert_eq!(kept["fields"][0]["new_digest"], field["new_digest"], "the same value, the same digest");
    assert_eq!(
        (&kept["rectified"], &kept["retained"][0]["ground"]["source"]),
        (&json!(1), &json!("BAO § 131"))
    );
    let told = json!([{ "name": "Parcel Ltd", "told": true }, { "name": "Call Centre Ltd", "told": false }]);
    assert_eq!(contacts["recipients"], told, "GDPR 19");
    let text = format!("{receipt}{case:?}");
    assert!(!text.contains("zq1") && !text.contains("zq2") && !text.contains("C-1815"), "{text}");
    world.finish().await;
}

#[tokio::test]
async fn without_an_old_value_every_record_is_put_right() {
    let world = World::start(services()).await;
    let mut request = opening(Right::Rectification, &[ADA]);
    request.corrections = vec![rename("")];
    request.corrections[0].downstream = "crm".into();
    let case = run(&world, request).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    assert!(records(&world, "crm", "contacts").iter().all(|record| record["name"] == RIGHT_NAME));
    assert!(world.puppet("shop").calls(Method::Rectify).is_empty(), "the correction names the CRM");
    let receipt = world.receipt(&case.case_id).await;
    let field = &category_of(&receipt, "crm", "contacts")["fields"][0];
    assert_eq!(field["old_digests"].as_array().unwrap().len(), 2);
    let again = run(&world, asking(Right::Rectification)).await;
    let receipt = world.receipt(&again.case_id).await;
    let other = &category_of(&receipt, "crm", "contacts")["fields"][0]["new_digest"];
    assert_ne!(&field["new_digest"], other, "digests of different cases cannot be compared");
    world.finish().await;
}

#[tokio::test]
async fn a_claim_that_is_not_seen_needs_attention_until_it_is_true() {
    let world = World::start(services()).await;
    world.puppet("crm").next(Method::Rectify, Fault::EraseHalf);
    let nothing_done = Outcome { categories: vec![super::rectified("contacts", 2)] };
    world.puppet("shop").next(Method::Rectify, Fault::Claim(nothing_done));
    let case = run(&world, asking(Right::Rectification)).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(receipt["complete"], json!(false));
    for name in ["crm", "shop"] {
        let liar = task(&case, name, TaskKind::Rectify);
        assert_eq!((liar.state(), liar.reason()), (TaskState::NeedsAttention, TaskReason::ChangeUnconfirmed));
        assert!(
            liar.last_error.contains("contacts /name") && !liar.last_error.contains("zq"),
            "{}",
            liar.last_error
        );
        let said = of(&receipt, name);
        assert_eq!((&said["standing"], said.get("proof")), (&json!("unconfirmed"), None));
    }
    assert!(task(&case, "crm", TaskKind::Rectify).last_error.contains("1 found with a wrong value"));

    for name in ["crm", "shop"] {
        world.retry(&task(&case, name, TaskKind::Rectify).task_id).await;
        world.settled(&case.case_id).await;
        let ids: Vec<String> =
            world.puppet(name).calls(Method::Rectify).into_iter().map(|call| call.task_id).collect();
        assert!(ids.len() == 2 && ids[0] != ids[1], "a fresh id, so that it does the work again");
    }
    let case = world.case(&case.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    let receipt = world.receipt(&case.case_id).await;
    assert_eq!(of(&receipt, "crm")["standing"], "rectified");
    world.finish().await;
}

#[tokio::test]
async fn a_change_that_says_nothing_of_what_it_left_wrong_is_unconfirmed() {
    let world = World::start(services()).await;
    world.puppet("crm").next(Method::Rectify, Fault::Claim(Outcome::default()));
    let case = run(&world, asking(Right::Rectification)).await;
    let crm = task(&case, "crm", TaskKind::Rectify);
    assert_eq!((crm.state(), crm.reason()), (TaskState::NeedsAttention, TaskReason::ChangeUnconfirmed));
    world.finish().await;
}

/// Makes a good request bad.
type Spoil = fn(&mut OpenCaseRequest);

#[tokio::test]
async fn a_correction_of_what_nobody_has_is_refused_by_name() {
    let world = World::start(services()).await;
    let cases: [(&str, Spoil); 9] = [
        ("corrections[0].category", |r| r.corrections[0].category = "horoscopes".into()),
        ("corrections[0].category", |r| {
            r.corrections[0].downstream = "crm".into();
            r.corrections[0].category = "clicks".into();
        }),
        ("corrections[0].downstream", |r| r.corrections[0].downstream = "nobody".into()),
        ("corrections[0].downstream", |r| {
            r.scope = Some(Scope { downstreams: vec!["news".into()], categories: vec![] });
            r.corrections[0].downstream = "crm".into();
        }),
        ("corrections[0].field", |r| r.corrections[0].field = "name".into()),
        ("corrections[0].new_json", |r| r.corrections[0].new_json = "zq2".into()),
        ("corrections[1]", |r| r.corrections.push(rename(""))),
        ("corrections", |r| r.corrections = vec![rename(WRONG); 65]),
        ("corrections", |r| r.right = Right::Access.into()),
    ];
    for (field, change) in cases {
        let mut request = asking(Right::Rectification);
        change(&mut request);
        let answer = world.try_open(request).await;
        let refused = assert_refused(answer, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), [field]);
        assert!(!format!("{refused:?}").contains("zq"), "values are not repeated");
    }
    assert_eq!(world.count().await, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_replay_with_another_value_is_refused() {
    let world = World::start(services()).await;
    let request = asking(Right::Rectification);
    let case = run(&world, request.clone()).await;
    assert_eq!(world.open(request.clone()).await.case_id, case.case_id);
    let mut other = request;
    other.corrections[0].new_json = "\"zq3\"".into();
    let refused =
        assert_refused(world.try_open(other).await, Code::AlreadyExists, "ERROR_REASON_REQUEST_ID_REUSED");
    assert_eq!(crate::harness::metadata(&refused)["differs"], "corrections");
    world.finish().await;
}

#[tokio::test]
async fn a_preview_says_what_would_be_put_right_and_changes_nothing() {
    let world = World::start(services()).await;
    let OpenCaseRequest { right, subject, corrections, .. } = asking(Right::Rectification);
    let request = PreviewCaseRequest { right, subject, corrections, ..PreviewCaseRequest::default() };
    let preview = world.cases().preview_case(request).await.expect("it can be previewed").into_inner();
    let planned = |name: &str| {
        let mut of = preview.tasks.iter().filter(|t| t.downstream == name && t.kind() == TaskKind::Rectify);
        of.next().expect("it is planned")
    };
    let dry_run = planned("crm").dry_run.as_ref().expect("the CRM has a dry run");
    assert_eq!(
        (dry_run.categories[0].rectified, planned("crm").directives[0].category.as_str()),
        (2, "contacts")
    );
    assert!(planned("shop").dry_run.is_none() && !planned("shop").dry_run_note.is_empty());
    assert!(world.puppet("crm").calls(Method::Rectify).iter().all(|call| call.dry_run));
    assert_eq!(records(&world, "crm", "contacts")[0]["name"], WRONG);
    world.puppet("crm").assert_each_effect_once([]);
    world.finish().await;
}
