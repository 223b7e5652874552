//! Many cases over one stream: each answered for itself, in order, durable, and never opened twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use rightful::proto::{
    downstream::v1::Right,
    v1::{
        Case, ErrorReason, OpenCaseError, OpenCaseRequest, OpenCasesRequest, OpenCasesResult,
        open_cases_result::Outcome,
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{Builder, Held, World, ada, assert_refused, called, fields, opening, soon},
    puppet::{Profile, category},
};

/// A service that answers fast: these tests are about opening.
fn shop() -> [Profile; 1] {
    [Profile::new("shop", &["email"]).category(category("orders")).person(ada(&[]))]
}

/// The cases of people number `from` to `to`, each with a request id of its own that is the same every time.
fn people(from: usize, to: usize) -> Vec<OpenCaseRequest> {
    let one = |number| OpenCaseRequest {
        request_id: format!("r-{number}"),
        ..opening(Right::Access, &[("email", &format!("p{number}@example.org"))])
    };
    (from..to).map(one).collect()
}

fn messages(cases: &[OpenCaseRequest], size: usize) -> Vec<OpenCasesRequest> {
    cases.chunks(size).map(|cases| OpenCasesRequest { cases: cases.to_vec() }).collect()
}

/// Sends everything and reads everything; answers the results before the end, and how the stream ended.
async fn send(world: &World, messages: Vec<OpenCasesRequest>) -> (Vec<OpenCasesResult>, Result<(), Status>) {
    let mut results = Vec::new();
    let request = called("crm", tokio_stream::iter(messages));
    let mut answers = match world.cases().open_cases(request).await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return (results, Err(status)),
    };
    loop {
        match soon("an answer", answers.message()).await {
            Ok(Some(message)) => results.extend(message.results),
            Ok(None) => return (results, Ok(())),
            Err(status) => return (results, Err(status)),
        }
    }
}

fn opened(result: &OpenCasesResult) -> &Case {
    match &result.outcome {
        Some(Outcome::Case(case)) => case,
        other => panic!("{} was not opened: {other:?}", result.request_id),
    }
}

fn refused(result: &OpenCasesResult) -> &OpenCaseError {
    match &result.outcome {
        Some(Outcome::Error(error)) => error,
        other => panic!("{} was not refused: {other:?}", result.request_id),
    }
}

fn assert_all_opened(results: &[OpenCasesResult], requests: &[OpenCaseRequest]) {
    assert_eq!(results.len(), requests.len());
    for (position, (result, request)) in results.iter().zip(requests).enumerate() {
        assert_eq!((result.position, &result.request_id), (position as u64, &request.request_id));
        assert_eq!(opened(result).request_id, request.request_id);
    }
}

#[tokio::test]
async fn two_thousand_cases_come_in_one_stream_and_bad_ones_spoil_no_other() {
    let world = World::start(shop()).await;
    let mut requests = people(0, 2_000);
    // What is wrong, replayed or used for something else, at some places among the good ones.
    requests[100].subject = Some(crate::harness::subject(&[("email", "canary")]));
    requests[101].right = 0;
    requests[101].request_id.clear();
    requests[700] = requests[3].clone();
    requests[701] = OpenCaseRequest { right: Right::Erasure.into(), ..requests[4].clone() };
    requests[1_999] = requests[700].clone();
    let (results, end) = send(&world, messages(&requests, 333)).await;
    end.expect("the stream ends in order");
    assert_eq!(
        results.iter().map(|result| result.position).collect::<Vec<_>>(),
        (0..2_000).collect::<Vec<_>>()
    );

    let violations = |position: usize| -> Vec<&str> {
        refused(&results[position])
            .field_violations
            .iter()
            .map(|violation| violation.field.as_str())
            .collect()
    };
    assert_eq!(violations(100), ["subject.identifiers[0].value"]);
    assert_eq!(violations(101), ["request_id", "right"]);
    for position in [100, 101] {
        let error = refused(&results[position]);
        assert_eq!((error.code, error.reason()), (Code::InvalidArgument.into(), ErrorReason::BadRequest));
        assert!(!format!("{error:?}").contains("canary"), "the bad value is not repeated");
    }
    let error = refused(&results[701]);
    assert_eq!((error.code, error.reason()), (Code::AlreadyExists.into(), ErrorReason::RequestIdReused));
    assert_eq!(
        (error.metadata["differs"].as_str(), &error.metadata["case_id"]),
        ("right", &opened(&results[4]).case_id)
    );
    let first = opened(&results[3]);
    for position in [700, 1_999] {
        assert!(results[position].replayed && opened(&results[position]).case_id == first.case_id);
    }
    let others = [100, 101, 700, 701, 1_999];
    for (position, request) in requests.iter().enumerate().filter(|(position, _)| !others.contains(position))
    {
        let case = opened(&results[position]);
        assert_eq!((&case.request_id, case.caller.as_str()), (&request.request_id, "crm"));
        assert!(!results[position].replayed && case.tasks.is_empty(), "a case in brief");
    }
    assert_eq!(world.count().await, 1_995);
    world.settled(&first.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn a_stream_that_broke_is_sent_again() {
    let mut world = World::start(shop()).await;
    let requests = people(0, 600);
    let request = called("crm", tokio_stream::iter(messages(&requests, 20)));
    let mut answers = world.cases().open_cases(request).await.unwrap().into_inner();
    let seen = soon("the first answers", answers.message()).await.unwrap().unwrap().results;
    world.kill().await;
    drop(answers);
    world.start_server().await;
    let kept = world.count().await;
    assert!(kept >= seen.len(), "what was answered is there");

    let (results, end) = send(&world, messages(&requests, 20)).await;
    end.expect("the stream ends in order");
    assert_all_opened(&results, &requests);
    assert_eq!(results.iter().filter(|result| result.replayed).count(), kept);
    let ids: BTreeMap<_, _> = results.iter().map(|r| (&r.request_id, &opened(r).case_id)).collect();
    for result in &seen {
        assert_eq!(ids[&result.request_id], &opened(result).case_id, "it is the same case");
    }
    assert_eq!(ids.values().collect::<BTreeSet<_>>().len(), 600);
    assert_eq!(world.count().await, 600);
    world.finish().await;
}

#[tokio::test]
async fn a_malformed_message_ends_the_stream_after_the_answers_before_it() {
    let world = World::start(shop()).await;
    let malformed = [OpenCasesRequest::default(), OpenCasesRequest { cases: people(1_000, 1_501) }];
    for (round, bad) in malformed.into_iter().enumerate() {
        let good = people(round * 10, round * 10 + 7);
        let mut sent = messages(&good, 3);
        sent.push(bad);
        sent.extend(messages(&people(500, 520), 10));
        let (results, end) = send(&world, sent).await;
        assert_all_opened(&results, &good);
        let refused = assert_refused(end, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
        assert_eq!(fields(&refused), ["cases"]);
    }
    assert_eq!(world.count().await, 14, "nothing behind it was opened");
    let (results, end) = send(&world, Vec::new()).await;
    assert!(results.is_empty() && end.is_ok(), "no cases, no answers");
    world.finish().await;
}

#[tokio::test]
async fn the_callers_limits_slow_a_stream_down_and_refuse_nothing() {
    let world = Builder::new(shop())
        .set("limits.opens_per_second", "100")
        .set("limits.opens_burst", "10")
        .set("limits.opens_waiting", "3")
        .start()
        .await;
    let requests = people(0, 60);
    let begin = Instant::now();
    let (results, end) = send(&world, messages(&requests, 60)).await;
    end.expect("the stream ends in order");
    assert_all_opened(&results, &requests);
    assert!(begin.elapsed() >= Duration::from_millis(490), "fifty beyond the burst: {:?}", begin.elapsed());
    world.finish().await;
}

#[tokio::test]
async fn a_full_queue_of_writes_slows_a_stream_down() {
    let world = Builder::new(shop())
        .set("engine.open_batch_max", "1")
        .set("limits.writes_waiting", "4")
        .start()
        .await;
    let requests = people(0, 40);
    let held = Held::database_of(&world).await;
    let request = called("crm", tokio_stream::iter(messages(&requests, 40)));
    let mut answers = world.cases().open_cases(request).await.unwrap().into_inner();
    // One write is under way and four wait: a sixth is refused.
    let crowd = people(100, 106).into_iter().map(|request| world.try_open(request));
    let mut crowd: FuturesUnordered<_> = crowd.collect();
    let refused = soon("a refusal", crowd.next()).await.expect("there are six");
    assert_refused(refused, Code::ResourceExhausted, "ERROR_REASON_OVERLOADED");
    held.let_go().await;
    soon("the others", crowd.collect::<Vec<_>>()).await;
    let mut results = Vec::new();
    while let Some(message) = soon("an answer", answers.message()).await.expect("nothing is refused") {
        results.extend(message.results);
    }
    assert_all_opened(&results, &requests);
    world.finish().await;
}
