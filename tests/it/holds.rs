//! Legal holds: nothing of their subject is erased while they are in force, and all of it afterwards.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::{Clock as _, ManualClock},
    proto::{
        downstream::v1::{GroundCode, Right},
        v1::{
            CancelCaseRequest, Case, CaseReason, CaseState, GetHoldRequest, Hold, ListHoldsRequest,
            PlaceHoldRequest, PlaceHoldResponse, PreviewCaseRequest, ReleaseHoldRequest, TaskKind,
            TaskReason, TaskState,
        },
    },
};
use tonic::Code;

use crate::{
    harness::{
        ADA, Builder, World, assert_refused, fields, metadata, opening, people_services, run, soon, subject,
        task,
    },
    puppet::{Fault, Method},
};

fn hold(identifiers: &[(&str, &str)]) -> PlaceHoldRequest {
    PlaceHoldRequest {
        request_id: uuid::Uuid::from_bytes(rand::random()).to_string(),
        subject: Some(subject(identifiers)),
        ground: None,
        matter: "LG Berlin 27 O 12/26".into(),
        note: "as counsel asked".into(),
    }
}

impl World {
    /// Places a hold.
    pub(crate) async fn place(&self, identifiers: &[(&str, &str)]) -> PlaceHoldResponse {
        self.holds().place_hold(hold(identifiers)).await.expect("it can be placed").into_inner()
    }

    /// Releases it.
    pub(crate) async fn release(&self, hold_id: &str) -> Hold {
        let request = ReleaseHoldRequest { hold_id: hold_id.into(), note: "settled".into() };
        let answer = self.holds().release_hold(request).await.expect("it can be released").into_inner();
        answer.hold.expect("the answer has the hold")
    }

    /// The erasure of this downstream is stopped by a hold.
    pub(crate) async fn until_held(&self, case_id: &str, downstream: &str) -> Case {
        self.until(case_id, "the erasure to be held", |case| is_held(case, downstream)).await
    }
}

fn id(placed: &PlaceHoldResponse) -> &str {
    &placed.hold.as_ref().expect("the answer has the hold").hold_id
}

fn is_held(case: &Case, downstream: &str) -> bool {
    let mut tasks = case.tasks.iter().filter(|t| t.downstream == downstream && t.kind() == TaskKind::Erase);
    tasks.any(|task| (task.state(), task.reason()) == (TaskState::Pending, TaskReason::LegalHold))
}

#[tokio::test]
async fn a_hold_stops_a_later_erasure_until_it_is_released() {
    let world = World::start(people_services()).await;
    let placed = world.place(&[ADA]).await;
    assert!(placed.cases.is_empty() && !placed.replayed);
    let before = world.held();
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    for name in ["marketing", "analytics"] {
        let held = world.until_held(&case.case_id, name).await;
        let waiting = task(&held, name, TaskKind::Erase);
        assert!(waiting.last_error.contains(id(&placed)), "{waiting:?}");
        assert_eq!(waiting.attempts, 0, "waiting is no attempt");
        assert_eq!(held.state(), CaseState::InProgress);
    }
    assert_eq!(world.held(), before);
    for name in world.names() {
        assert!(world.puppet(&name).calls(Method::Erase).is_empty(), "{name}");
        assert!(
            world.puppet(&name).calls(Method::Collect).is_empty(),
            "what is found is noted after the release"
        );
    }
    let access = world.run(Right::Access, &[ADA]).await;
    assert_eq!(access.reason(), CaseReason::Fulfilled, "a hold does not stop access");

    let released = world.release(id(&placed)).await;
    assert!(released.release_time.is_some() && released.release_note == "settled");
    let settled = world.settled(&case.case_id).await;
    assert_eq!((settled.state(), settled.reason()), (CaseState::Completed, CaseReason::Fulfilled));
    assert_eq!(world.held(), 1, "the invoice that the law makes billing keep");
    for name in world.names() {
        let call = task(&settled, &name, TaskKind::Erase).call_id.clone();
        world.puppet(&name).assert_each_effect_once([call.as_str()]);
    }
    world.finish().await;
}

#[tokio::test]
async fn a_hold_says_which_open_cases_wait_and_where_it_comes_too_late() {
    let world = Builder::new(people_services()).patience("60s").start().await;
    // Marketing has erased and is slow to say so; analytics has not been asked; billing waits for both.
    world.puppet("marketing").next(Method::Erase, Fault::Mute);
    world.puppet("analytics").next(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("marketing").called(Method::Erase, 1).await;
    world.puppet("analytics").called(Method::Collect, 1).await;
    let placed = world.place(&[("customer_id", "C-1815"), ADA]).await;
    assert_eq!(placed.cases.len(), 1);
    let held = &placed.cases[0];
    assert_eq!(held.case_id, case.case_id);
    assert_eq!(held.waiting_downstreams, ["analytics", "billing"]);
    assert_eq!(held.sent_downstreams, ["marketing"]);
    world.puppet("marketing").heal();
    world.puppet("analytics").heal();
    let now = world.until_held(&case.case_id, "analytics").await;
    assert_eq!(task(&now, "billing", TaskKind::Erase).state(), TaskState::Blocked);
    assert!(world.puppet("analytics").calls(Method::Erase).is_empty());
    world.release(id(&placed)).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn a_hold_covers_identifiers_that_are_resolved_later() {
    let world = World::start(people_services()).await;
    // The hold knows her customer id only, the case her email only: billing says that they are the same person.
    let placed = world.place(&[("customer_id", "C-1815")]).await;
    world.puppet("billing").next(Method::Resolve, Fault::Fail(Code::Unavailable));
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.until_held(&case.case_id, "analytics").await;
    assert!(world.puppet("analytics").calls(Method::Erase).is_empty());
    world.release(id(&placed)).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn of_two_holds_both_have_to_be_released() {
    let world = World::start(people_services()).await;
    let first = world.place(&[ADA]).await;
    let second = world.place(&[("email", "ada@EXAMPLE.org")]).await;
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.until_held(&case.case_id, "marketing").await;
    world.release(id(&first)).await;
    let named = world
        .until(&case.case_id, "the other hold to be named", |case| {
            task(case, "marketing", TaskKind::Erase).last_error.contains(id(&second))
        })
        .await;
    assert!(is_held(&named, "marketing"));
    assert!(world.puppet("marketing").calls(Method::Erase).is_empty());
    world.release(id(&second)).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn other_people_are_not_held() {
    let world = World::start(people_services()).await;
    world.place(&[("email", "babbage@example.org"), ("customer_id", "C-1791")]).await;
    assert_eq!(world.run(Right::Erasure, &[ADA]).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn a_held_case_outlives_its_deadline_and_a_crash_and_a_lost_wake_up() {
    let begin = "2026-03-01T08:00:00Z".parse::<Timestamp>().unwrap();
    let clock = Arc::new(ManualClock::new(begin));
    let mut world = Builder::new(people_services()).clock(clock.clone()).start().await;
    let before = world.held();
    world.place(&[ADA]).await;
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.until_held(&case.case_id, "marketing").await;
    world.until_held(&case.case_id, "analytics").await;
    for _ in 0..10 {
        clock.advance(SignedDuration::from_hours(24 * 10));
        let now = clock.now().as_second();
        let looked =
            |case: &Case| task(case, "marketing", TaskKind::Erase).next_attempt_time.unwrap().seconds > now;
        let case = world.until(&case.case_id, "it to be looked at again", looked).await;
        assert!(is_held(&case, "marketing") && case.state() == CaseState::InProgress);
    }
    world.restart().await;
    assert!(is_held(&world.case(&case.case_id).await, "marketing"));
    assert_eq!(world.held(), before);
    // Released behind its back: what wakes the tasks was lost.
    let release = "UPDATE holds SET released_at = 0, released_by = 'x', release_note = ''";
    world.database().execute(release).await;
    clock.advance(SignedDuration::from_hours(7));
    let settled = world.settled(&case.case_id).await;
    assert_eq!(settled.reason(), CaseReason::Fulfilled, "{settled:#?}");
    world.finish().await;
}

#[tokio::test]
async fn a_held_case_can_be_cancelled() {
    let world = World::start(people_services()).await;
    let placed = world.place(&[ADA]).await;
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.until_held(&case.case_id, "marketing").await;
    world.cases().cancel_case(CancelCaseRequest { case_id: case.case_id.clone() }).await.unwrap();
    world.release(id(&placed)).await;
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::Cancelled);
    assert!(world.puppet("marketing").calls(Method::Erase).is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_preview_names_the_holds() {
    let world = World::start(people_services()).await;
    let placed = world.place(&[ADA]).await;
    let request = PreviewCaseRequest {
        right: Right::Erasure.into(),
        subject: Some(subject(&[ADA])),
        ..PreviewCaseRequest::default()
    };
    let preview = world.cases().preview_case(request.clone()).await.unwrap().into_inner();
    assert_eq!(preview.hold_ids, [id(&placed)]);
    world.release(id(&placed)).await;
    assert!(world.cases().preview_case(request).await.unwrap().into_inner().hold_ids.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn placing_is_idempotent_and_releasing_too() {
    let world = World::start(people_services()).await;
    let request = hold(&[ADA]);
    let first = world.holds().place_hold(request.clone()).await.unwrap().into_inner();
    let case = world.open(opening(Right::Erasure, &[ADA])).await;
    world.until_held(&case.case_id, "marketing").await;
    let again = world.holds().place_hold(request.clone()).await.unwrap().into_inner();
    assert!(again.replayed && again.hold == first.hold);
    assert_eq!(again.cases[0].case_id, case.case_id, "a replay says which cases it covers now");
    let other = PlaceHoldRequest { matter: "another".into(), ..request.clone() };
    let refused = world.holds().place_hold(other).await;
    let refused = assert_refused(refused, Code::AlreadyExists, "ERROR_REASON_REQUEST_ID_REUSED");
    assert_eq!(metadata(&refused)["hold_id"], id(&first));
    assert_eq!(metadata(&refused)["differs"], "matter");

    let released = world.release(id(&first)).await;
    assert_eq!(world.release(id(&first)).await, released, "once released it stays so");
    let late = world.holds().place_hold(request).await.unwrap().into_inner();
    assert!(late.replayed && late.cases.is_empty() && late.hold == Some(released));
    let unknown = ReleaseHoldRequest { hold_id: case.case_id.clone(), note: String::new() };
    let missing = world.holds().release_hold(unknown).await;
    assert_refused(missing, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn holds_are_listed_page_by_page() {
    let world = World::start(people_services()).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let email = format!("p{number}@example.org");
        ids.push(id(&world.place(&[("email", &email)]).await).to_owned());
    }
    world.release(&ids[1]).await;
    ids.reverse();
    let mut listed = Vec::new();
    let mut request = ListHoldsRequest { page_size: 2, ..ListHoldsRequest::default() };
    loop {
        let page = world.holds().list_holds(request.clone()).await.unwrap().into_inner();
        assert!(page.holds.len() <= 2);
        listed.extend(page.holds.into_iter().map(|hold| hold.hold_id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, ids);
    let active = ListHoldsRequest { active: true, ..ListHoldsRequest::default() };
    assert_eq!(world.holds().list_holds(active).await.unwrap().into_inner().holds.len(), 4);
    let of_one = ListHoldsRequest {
        identifier: subject(&[("email", "p3@example.org")]).identifiers.pop(),
        ..ListHoldsRequest::default()
    };
    let found = world.holds().list_holds(of_one).await.unwrap().into_inner().holds;
    assert_eq!((found.len(), &found[0].hold_id), (1, &ids[1]));
    let one = world.holds().get_hold(GetHoldRequest { hold_id: ids[1].clone() }).await.unwrap().into_inner();
    let one = one.hold.unwrap();
    assert_eq!(
        (one.matter.as_str(), one.identifier_kinds),
        ("LG Berlin 27 O 12/26", vec!["email".to_owned()])
    );
    assert_eq!(one.ground.unwrap().code(), GroundCode::LegalHold);
    request.page_token = "nonsense".into();
    assert_eq!(fields(&world.holds().list_holds(request).await.unwrap_err()), ["page_token"]);
    world.finish().await;
}

#[tokio::test]
async fn every_bad_field_of_a_hold_is_named() {
    let world = World::start(people_services()).await;
    let bad = PlaceHoldRequest {
        request_id: String::new(),
        subject: Some(subject(&[("email", "nobody")])),
        ground: Some(rightful::proto::downstream::v1::Ground { code: 99, ..Default::default() }),
        matter: "x".repeat(129),
        note: "a\nb".into(),
    };
    let refused = world.holds().place_hold(bad).await.unwrap_err();
    assert_eq!(
        fields(&refused),
        ["ground.code", "matter", "note", "request_id", "subject.identifiers[0].value"]
    );
    let bad = ReleaseHoldRequest { hold_id: "x".into(), note: "y".repeat(257) };
    assert_eq!(fields(&world.holds().release_hold(bad).await.unwrap_err()), ["hold_id", "note"]);
    let nothing = world.holds().list_holds(ListHoldsRequest::default()).await.unwrap().into_inner();
    assert!(nothing.holds.is_empty(), "nothing half done");
    soon("the end", world.finish()).await;
}

#[tokio::test]
async fn the_command_line_places_shows_and_releases_holds() {
    let world = World::start(people_services()).await;
    let who = world.dir().join("who");
    std::fs::write(&who, "email=ada@example.org\n").unwrap();
    let who = who.display().to_string();
    let cli = async |arguments: &[&str]| run(world.dir(), world.url(), arguments, "").await;
    let place = ["hold", "place", "--id-file", &who, "--matter", "27 O 12/26", "--source", "GDPR 17(3)(e)"];
    let shown = cli(&place).await.expect(0).stdout;
    assert!(shown.contains("in force") && shown.contains("27 O 12/26"), "{shown}");
    let listed = cli(&["hold", "list", "--active", "--id-file", &who, "-o", "json"]).await.expect(0).json();
    let id = listed["holds"][0]["holdId"].as_str().unwrap().to_owned();
    let preview = cli(&["case", "preview", "--right", "erasure", "--id-file", &who]).await.expect(0).stdout;
    assert!(preview.contains(&id), "{preview}");
    let released = cli(&["hold", "release", &id, "--note", "settled"]).await.expect(0).stdout;
    assert!(released.contains("released by") && released.contains("settled"), "{released}");
    assert!(cli(&["hold", "get", &id]).await.expect(0).stdout.contains("legal hold, GDPR 17(3)(e)"));
    cli(&["hold", "get", "01890a5d-ac96-774b-bcce-b302099a8057"]).await.expect(3);
    world.finish().await;
}
