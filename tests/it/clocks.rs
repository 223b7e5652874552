//! Clocks: what regimes and the promise want by when, as a caller sees it, on a clock that the test moves.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{
            AcknowledgeCaseRequest, Case, CaseReason, CaseState, Clock, ClockKind, ExtendDeadlineRequest,
            ExtensionGround, ListCasesRequest, PauseClockRequest, PauseDownstreamRequest, PauseGround,
            PreviewCaseRequest, ResumeClockRequest, ResumeDownstreamRequest, TaskKind, TaskReason, TaskState,
        },
    },
};
use tonic::{Code, Status};

use crate::harness::{
    ADA, Builder, World, assert_refused, fields, metadata, opening, people_services, soon, subject, task,
};

/// A Tuesday.
const BEGIN: &str = "2026-11-24T09:00:00Z";

fn at(text: &str) -> prost_types::Timestamp {
    let at: Timestamp = text.parse().expect("it is there");
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

async fn world(settings: &[(&str, &str)]) -> (World, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(BEGIN.parse().expect("it is there")));
    let mut builder = Builder::new(people_services())
        .clock(clock.clone())
        .set("clocks.zone", "\"Europe/Berlin\"")
        .set("clocks.holidays", "\"germany\"");
    for (key, toml) in settings {
        builder = builder.set(key, toml);
    }
    (builder.start().await, clock)
}

/// An open case that waits for marketing, which is paused.
async fn waiting(world: &World, regimes: &[&str]) -> Case {
    let request = PauseDownstreamRequest { name: "marketing".into(), note: String::new() };
    world.downstreams().pause_downstream(request).await.expect("it is there");
    let mut request = opening(Right::Access, &[ADA]);
    request.regimes = regimes.iter().map(|&name| name.to_owned()).collect();
    world.open(request).await
}

fn clock<'a>(case: &'a Case, regime: &str, kind: ClockKind) -> &'a Clock {
    let found = case.clocks.iter().find(|clock| clock.regime == regime && clock.kind() == kind);
    found.unwrap_or_else(|| panic!("{regime} has no clock {kind:?} in {:#?}", case.clocks))
}

async fn extend(world: &World, case: &Case, told: &str) -> Result<Case, Status> {
    let request = ExtendDeadlineRequest {
        case_id: case.case_id.clone(),
        ground: ExtensionGround::Complexity.into(),
        told_time: Some(at(told)),
        note: "three services were merged".into(),
    };
    Ok(world.cases().extend_deadline(request).await?.into_inner().case.expect("it is there"))
}

async fn listed(world: &World, request: ListCasesRequest) -> Vec<String> {
    let page = world.cases().list_cases(request).await.expect("it is there").into_inner();
    page.cases.into_iter().map(|case| case.case_id).collect()
}

/// How often this stands in the history.
async fn noted(world: &World, event: &str) -> i64 {
    world.database().number(&format!("SELECT count(*) FROM case_events WHERE event = '{event}'")).await
}

#[tokio::test]
async fn the_earliest_clock_wins_and_each_explains_itself() {
    let (world, _) = world(&[]).await;
    let mut request = opening(Right::Access, &[ADA]);
    request.regimes = vec!["gdpr".into(), "uu_pdp".into(), "ccpa".into()];
    let case = world.open(request.clone()).await;
    assert_eq!(case.regimes, request.regimes);
    assert_eq!(case.due_time, Some(at("2026-11-27T09:00:00Z")), "72 hours of Indonesia come first");
    let gdpr = clock(&case, "gdpr", ClockKind::Respond);
    assert_eq!(gdpr.due_time, Some(at("2026-12-24T22:59:59Z")));
    assert!(
        gdpr.sentence.starts_with(
            "Respond by 2026-12-24 23:59:59 Europe/Berlin: 1 calendar month from receipt on 2026-11-24 (GDPR, Reg. (EU) \
             2016/679 art. 12(3)"
        ),
        "{}",
        gdpr.sentence
    );
    assert!(gdpr.source.contains("1182/71") && !gdpr.draft);
    assert_eq!(clock(&case, "ccpa", ClockKind::Respond).due_time, Some(at("2027-01-09T07:59:59Z")));
    assert_eq!(clock(&case, "ccpa", ClockKind::Acknowledge).due_time, Some(at("2026-12-09T07:59:59Z")));
    assert_eq!(clock(&case, "promise", ClockKind::Respond).due_time, Some(at("2026-12-24T09:00:00Z")));
    assert_eq!(clock(&case, "promise", ClockKind::Acknowledge).due_time, Some(at("2026-11-27T09:00:00Z")));

    let preview = PreviewCaseRequest {
        right: Right::Access.into(),
        subject: Some(subject(&[ADA])),
        regimes: request.regimes.clone(),
        ..PreviewCaseRequest::default()
    };
    let preview = world.cases().preview_case(preview).await.unwrap().into_inner();
    assert_eq!((preview.due_time, &preview.clocks), (case.due_time, &case.clocks));

    request.request_id = "r-2".into();
    request.regimes = vec!["gdpr".into(), "hipaa".into()];
    let refused =
        assert_refused(world.try_open(request).await, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&refused), ["regimes[1]"]);
    assert!(refused.message().contains("ccpa, dpdp, gdpr"), "it names those that there are: {refused:?}");
    let settled = world.settled(&case.case_id).await;
    assert!(settled.clocks.iter().all(|clock| clock.met_time == settled.settle_time), "an answer meets all");
    world.finish().await;
}

#[tokio::test]
async fn regimes_come_from_the_configuration_where_a_case_names_none() {
    let (world, _) = world(&[("policy.regimes", "[\"lgpd\"]"), ("policy.acknowledge_within", "\"\"")]).await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let regimes: Vec<&str> = case.clocks.iter().map(|clock| clock.regime.as_str()).collect();
    assert_eq!(regimes, ["lgpd", "promise"]);
    assert_eq!(case.due_time, Some(at("2026-12-10T02:59:59Z")), "15 days of São Paulo");
    world.settled(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn an_extension_needs_notice_in_time() {
    let (world, manual) = world(&[]).await;
    let case = waiting(&world, &["gdpr"]).await;
    assert_eq!(case.due_time, Some(at("2026-12-24T09:00:00Z")), "the promise");
    manual.advance(days(2));
    let moved = extend(&world, &case, "2026-11-26T08:00:00Z").await.unwrap();
    assert_eq!(moved.due_time, Some(at("2027-02-22T09:00:00Z")), "the promise and its 60 days");
    // 2027-02-24, three months from the receipt, is a Wednesday.
    let gdpr = clock(&moved, "gdpr", ClockKind::Respond);
    assert_eq!((gdpr.due_time, gdpr.extended), (Some(at("2027-02-24T22:59:59Z")), true));
    assert!(gdpr.sentence.contains("and 2 calendar months more"), "{}", gdpr.sentence);
    assert!(gdpr.sentence.contains("because of complexity, told on 2026-11-26"), "{}", gdpr.sentence);
    let again = extend(&world, &case, "2026-11-26T08:00:00Z").await.unwrap();
    assert_eq!(again.due_time, moved.due_time, "said twice, it counts once");
    let twice = extend(&world, &case, "2026-11-26T08:30:00Z").await;
    let refused = assert_refused(twice, Code::FailedPrecondition, "ERROR_REASON_NOT_EXTENDABLE");
    assert_eq!(metadata(&refused)["regimes"], "gdpr");
    let future = extend(&world, &case, "2026-12-26T08:30:00Z").await;
    let refused = assert_refused(future, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&refused), ["told_time"]);

    let brief = waiting(&world, &["uu_pdp"]).await;
    let refused = extend(&world, &brief, "2026-11-26T08:58:59Z").await;
    let faults = assert_refused(refused, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&faults), ["told_time"], "nobody is told before they asked");
    let refused = extend(&world, &brief, "2026-11-26T09:00:00Z").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_NOT_EXTENDABLE");
    assert_eq!(metadata(&refused)["regimes"], "uu_pdp");

    let late = waiting(&world, &["gdpr"]).await;
    manual.advance(days(60));
    world.settled(&late.case_id).await;
    let refused = extend(&world, &late, "2027-01-20T00:00:00Z").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(metadata(&refused)["state"], "COMPLETED", "it was delivered without marketing meanwhile");
    world.finish().await;
}

#[tokio::test]
async fn a_notice_after_the_deadline_is_too_late() {
    let (world, manual) = world(&[("policy.when_due", "\"wait\"")]).await;
    let case = waiting(&world, &["gdpr"]).await;
    manual.advance(days(40));
    let refused = extend(&world, &case, "2026-12-25T00:00:00Z").await;
    let refused = assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_TOO_LATE");
    assert_eq!(metadata(&refused)["event"], "extend");
    assert_eq!(metadata(&refused)["due_time"], "2026-12-24T22:59:59Z");
    // Told in time and said late: the deadline was kept.
    let moved = extend(&world, &case, "2026-12-20T00:00:00Z").await.unwrap();
    assert!(clock(&moved, "gdpr", ClockKind::Respond).missed_time.is_none());
    assert_eq!(moved.due_time, Some(at("2027-02-22T09:00:00Z")));
    let request = ResumeDownstreamRequest { name: "marketing".into() };
    world.downstreams().resume_downstream(request).await.unwrap();
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn paused_clocks_move_by_as_long_as_they_stood_still() {
    let (world, manual) = world(&[]).await;
    let case = waiting(&world, &["gdpr", "ccpa"]).await;
    let pause =
        PauseClockRequest { case_id: case.case_id.clone(), ground: PauseGround::IdentityInDoubt.into() };
    let paused = world.cases().pause_clock(pause.clone()).await.unwrap().into_inner().case.unwrap();
    assert!(clock(&paused, "gdpr", ClockKind::Respond).paused);
    assert_eq!(clock(&paused, "gdpr", ClockKind::Respond).due_time, None);
    assert_eq!(paused.due_time, Some(at("2027-01-09T07:59:59Z")), "California knows no pause");
    manual.advance(days(3));
    world.cases().pause_clock(pause.clone()).await.unwrap();
    let other = PauseClockRequest { ground: PauseGround::ScopeUnclear.into(), ..pause };
    let refused = world.cases().pause_clock(other).await;
    assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    for _ in 0..2 {
        let request = ResumeClockRequest { case_id: case.case_id.clone() };
        let resumed = world.cases().resume_clock(request).await.unwrap().into_inner().case.unwrap();
        assert_eq!(clock(&resumed, "gdpr", ClockKind::Respond).due_time, Some(at("2026-12-27T22:59:59Z")));
        assert_eq!(resumed.due_time, Some(at("2026-12-27T09:00:00Z")), "the promise moved as well");
    }

    // While all stand still, nothing is due, and nothing is missed.
    let alone = waiting(&world, &["gdpr"]).await;
    let pause =
        PauseClockRequest { case_id: alone.case_id.clone(), ground: PauseGround::IdentityInDoubt.into() };
    let paused = world.cases().pause_clock(pause).await.unwrap().into_inner().case.unwrap();
    assert_eq!(paused.due_time, None);
    manual.advance(days(90));
    let case = soon("the other case to settle", world.settled(&case.case_id)).await;
    assert_eq!(case.reason(), CaseReason::PartiallyFulfilled);
    let still = world.case(&alone.case_id).await;
    assert!(still.clocks.iter().all(|clock| clock.missed_time.is_none()), "{:#?}", still.clocks);
    let overdue = ListCasesRequest { overdue: true, ..ListCasesRequest::default() };
    assert_eq!(listed(&world, overdue).await, [""; 0]);
    let request = ResumeDownstreamRequest { name: "marketing".into() };
    world.downstreams().resume_downstream(request).await.unwrap();
    let settled = world.settled(&alone.case_id).await;
    assert_eq!((settled.reason(), settled.due_time.is_some()), (CaseReason::Fulfilled, true));
    world.finish().await;
}

#[tokio::test]
async fn a_clock_says_once_that_it_comes_near_and_once_that_it_is_missed() {
    let (world, manual) = world(&[("policy.when_due", "\"wait\"")]).await;
    let case = waiting(&world, &["gdpr"]).await;
    let due_soon = ListCasesRequest { due_soon: true, ..ListCasesRequest::default() };
    let overdue = ListCasesRequest { overdue: true, ..ListCasesRequest::default() };
    let request = AcknowledgeCaseRequest { case_id: case.case_id.clone(), told_time: Some(at(BEGIN)) };
    for _ in 0..2 {
        let told = world.cases().acknowledge_case(request.clone()).await.unwrap().into_inner().case.unwrap();
        assert_eq!(clock(&told, "promise", ClockKind::Acknowledge).met_time, Some(at(BEGIN)));
    }
    assert_eq!(noted(&world, "case.acknowledge").await, 1);
    assert_eq!(listed(&world, due_soon.clone()).await, [""; 0]);
    for _ in 0..29 {
        manual.advance(days(1));
    }
    let both_near = async {
        while noted(&world, "case.deadline_near").await < 2 {
            tokio::task::yield_now().await;
        }
    };
    soon("both ends to be said to be near", both_near).await;
    assert_eq!(listed(&world, due_soon.clone()).await, std::slice::from_ref(&case.case_id));
    assert_eq!(listed(&world, overdue.clone()).await, [""; 0]);
    manual.advance(days(3));
    let missed = |case: &Case| case.clocks.iter().filter(|clock| clock.missed_time.is_some()).count() == 2;
    let late = world.until(&case.case_id, "both deadlines to be missed", missed).await;
    assert!(clock(&late, "promise", ClockKind::Acknowledge).missed_time.is_none());
    assert_eq!(listed(&world, overdue).await, std::slice::from_ref(&case.case_id));
    assert_eq!(
        listed(&world, due_soon).await,
        std::slice::from_ref(&case.case_id),
        "overdue is more than soon"
    );
    manual.advance(days(10));
    assert_eq!(noted(&world, "case.deadline_missed").await, 2);
    assert_eq!(noted(&world, "case.deadline_near").await, 2);
    let request = ResumeDownstreamRequest { name: "marketing".into() };
    world.downstreams().resume_downstream(request).await.unwrap();
    let settled = world.settled(&case.case_id).await;
    assert_eq!(settled.reason(), CaseReason::Fulfilled, "it waited");
    assert!(clock(&settled, "gdpr", ClockKind::Respond).missed_time.is_some(), "and was late");
    assert_eq!(noted(&world, "case.deadline_missed").await, 2);
    world.finish().await;
}

#[tokio::test]
async fn an_escalated_case_never_settles_with_a_gap_by_itself() {
    let (world, manual) = world(&[("policy.when_due", "\"escalate\"")]).await;
    let case = waiting(&world, &[]).await;
    manual.advance(days(31));
    let lost = |case: &Case| task(case, "marketing", TaskKind::Collect).state() == TaskState::NeedsAttention;
    let escalated = world.until(&case.case_id, "a person to be needed", lost).await;
    assert_eq!(escalated.state(), CaseState::InProgress, "nothing is delivered in part");
    let marketing = task(&escalated, "marketing", TaskKind::Collect);
    assert_eq!(marketing.reason(), TaskReason::Unavailable);
    let request = ResumeDownstreamRequest { name: "marketing".into() };
    world.downstreams().resume_downstream(request).await.unwrap();
    manual.advance(days(1));
    assert_eq!(world.case(&case.case_id).await.state(), CaseState::InProgress, "it waits for the person");
    world.retry(&marketing.task_id).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}
