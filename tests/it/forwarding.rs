//! Processors: what a downstream holds for another controller is left to that controller, who is to be told.

use rightful::proto::{
    downstream::v1::{GroundCode, Right},
    v1::{
        CaseReason, CaseState, DescribeDownstreamRequest, ListNoticesRequest, NoticeType, PreviewCaseRequest,
        TaskKind, TaskReason, TaskState,
    },
};

use crate::{
    harness::{ADA, Builder, Receiver, World, opening, people_services, soon, subject, task},
    puppet::Profile,
};

const CONTROLLER: &str = "Acme GmbH, privacy@acme.example";

/// Analytics holds what it holds for Acme.
fn services() -> [Profile; 3] {
    let mut services = people_services();
    CONTROLLER.clone_into(&mut services[2].description.processor_for);
    services
}

async fn forwarded(world: &World) -> rightful::proto::v1::Notice {
    soon("the notice", async {
        loop {
            let request = ListNoticesRequest {
                notice_types: vec![NoticeType::TaskForwarded.into()],
                ..ListNoticesRequest::default()
            };
            let listed = world.notices().list_notices(request).await.expect("they are listed").into_inner();
            if let Some(notice) = listed.notices.into_iter().next() {
                return notice;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn what_is_held_for_another_controller_is_left_to_them() {
    let receiver = Receiver::start().await;
    let world = Builder::new(services()).entry(&receiver.entry("crm", "")).start().await;
    let request = DescribeDownstreamRequest { name: "analytics".into() };
    let described = world.downstreams().describe_downstream(request).await.unwrap().into_inner();
    assert_eq!(described.downstream.unwrap().processor_for, CONTROLLER);
    let request = PreviewCaseRequest {
        right: Right::Erasure.into(),
        subject: Some(subject(&[ADA])),
        ..PreviewCaseRequest::default()
    };
    let preview = world.cases().preview_case(request).await.unwrap().into_inner();
    let planned = preview.tasks.iter().find(|task| task.downstream == "analytics").unwrap();
    assert_eq!((planned.state(), planned.reason()), (TaskState::Skipped, TaskReason::HeldForAnother));
    assert!(planned.ground.as_ref().unwrap().note.contains(CONTROLLER));

    let mut request = opening(Right::Access, &[ADA]);
    request.labels.insert("ticket".into(), "HELP-7".into());
    let opened = world.open(request).await;
    let case = world.settled(&opened.case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled));
    let own = task(&case, "analytics", TaskKind::Collect);
    assert_eq!((own.state(), own.reason()), (TaskState::Skipped, TaskReason::HeldForAnother));
    let ground = own.refusal.as_ref().expect("it has a ground");
    assert_eq!((ground.code(), ground.source.as_str()), (GroundCode::Processor, "GDPR 28(3)(e)"));
    assert!(ground.note.contains(CONTROLLER));
    assert_eq!(world.puppet("analytics").personal_calls(), 0, "it is not asked about anybody");

    let notice = forwarded(&world).await;
    assert_eq!((&notice.case_id, &*notice.labels["ticket"]), (&case.case_id, "HELP-7"));
    let of = notice.task.expect("it is about a task");
    assert_eq!(of.downstream, "analytics");
    assert!(of.ground.unwrap().note.contains(CONTROLLER), "the notice says whom to tell");
    let sent = receiver
        .until("the webhook", |all| all.iter().any(|each| each.kind() == "task.forwarded"))
        .await
        .into_iter()
        .find(|each| each.kind() == "task.forwarded")
        .unwrap();
    assert!(sent.event["data"]["task"]["ground"]["note"].as_str().unwrap().contains(CONTROLLER));

    let bag = world.bag(&case.case_id).await;
    let standing = bag.standing("analytics");
    assert_eq!(standing["standing"], "forwarded");
    assert_eq!(standing["reason"], "held_for_another");
    assert_eq!(bag.json("data/completeness.json")["complete"], true);
    assert!(bag.text("data/index.html").contains(CONTROLLER), "the person reads who answers");
    let disclosed = bag.json("data/disclosure.json");
    let all = disclosed["downstreams"].as_array().unwrap();
    let own = all.iter().find(|each| each["name"] == "analytics").unwrap();
    assert_eq!(own["processor_for"], CONTROLLER);
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_says_who_answers_for_what_was_not_erased() {
    let world = World::start(services()).await;
    let before = world.puppet("analytics").holds();
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(world.puppet("analytics").holds(), before, "the controller decides, not its processor");
    let receipt = world.receipt(&case.case_id).await;
    let own =
        receipt["downstreams"].as_array().unwrap().iter().find(|each| each["name"] == "analytics").unwrap();
    assert_eq!(own["standing"], "forwarded");
    assert_eq!(own["ground"]["code"], "processor");
    assert!(own["ground"]["note"].as_str().unwrap().contains(CONTROLLER));
    rightful::export::receipt::verify(&serde_json::to_vec(&receipt).unwrap()).expect("it agrees with itself");
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_that_describes_itself_late_is_forwarded_all_the_same() {
    let world = Builder::new(services()).down("analytics").start().await;
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    world.puppet("analytics").come_up();
    let case = world.settled(&opened.case_id).await;
    assert_eq!(task(&case, "analytics", TaskKind::Collect).reason(), TaskReason::HeldForAnother);
    assert_eq!(forwarded(&world).await.case_id, case.case_id);
    world.finish().await;
}

#[tokio::test]
async fn where_the_contract_says_so_the_processor_answers_itself() {
    let world = Builder::new(services()).set("policy.processor", "\"answer\"").start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(task(&case, "analytics", TaskKind::Collect).state(), TaskState::Done);
    assert_eq!(world.bag(&case.case_id).await.records("data/analytics/page_events.ndjson").len(), 300);
    world.finish().await;
}

#[tokio::test]
async fn a_paper_archive_can_be_held_for_another_controller() {
    let archive = "[[downstream]]\nname = \"archive\"\nkind = \"manual\"\nunderstands = [\"email\"]\n\
                   processor_for = \"Acme GmbH\"\n[[downstream.category]]\nname = \"letters\"\n";
    let world = Builder::new(people_services()).entry(archive).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(task(&case, "archive", TaskKind::Collect).reason(), TaskReason::HeldForAnother);
    world.finish().await;
}
