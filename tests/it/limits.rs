//! Overload: whoever comes beyond a limit is refused at once and told when to come back; others are served, and nothing
//! is half written.

use std::time::Instant;

use futures::{StreamExt as _, stream::FuturesUnordered};
use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, GetCaseRequest, OpenCaseRequest, WatchCaseRequest},
};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    abuse::{END_HEADERS, HEADERS, Http, Wire, call, frame, framed},
    harness::{ADA, Builder, Held, World, assert_refused, called, metadata, opening, people_services, soon},
    puppet::{Fault, Method},
};

/// More openings at once than any limit here lets in.
const CROWD: usize = 24;

async fn open(world: &World, caller: &'static str, request: OpenCaseRequest) -> Result<Case, Status> {
    let answer = world.cases().open_case(called(caller, request)).await?;
    Ok(answer.into_inner().case.expect("the answer has a case"))
}

fn assert_overloaded<T>(answer: Result<T, Status>, limit: Option<&str>) -> Status {
    let refused = assert_refused(answer, Code::ResourceExhausted, "ERROR_REASON_OVERLOADED");
    assert_eq!(metadata(&refused).get("limit").map(String::as_str), limit);
    let wait = refused.get_details_retry_info().and_then(|info| info.retry_delay);
    assert!(wait.is_some_and(|wait| !wait.is_zero()), "it says when to come back: {refused:?}");
    refused
}

/// A crowd of openings while the database is held: as many as `least` are refused at once, the others are opened once it
/// is let go, and nothing else is.
async fn crowd(world: &World, least: usize, limit: Option<&str>) {
    let held = Held::database_of(world).await;
    let mut calls: FuturesUnordered<_> =
        (0..CROWD).map(|_| open(world, "crm", opening(Right::Access, &[ADA]))).collect();
    for _ in 0..least {
        assert_overloaded(soon("a refusal", calls.next()).await.expect("there are more"), limit);
    }
    held.let_go().await;
    let rest: Vec<_> = soon("the others", calls.collect::<Vec<_>>()).await;
    let opened = rest.iter().filter(|answer| answer.is_ok()).count();
    for answer in rest.into_iter().filter(Result::is_err) {
        assert_overloaded(answer, limit);
    }
    assert_eq!(world.count().await, opened, "who was refused has opened nothing");
}

#[tokio::test]
async fn a_caller_that_is_too_fast_waits_and_others_do_not() {
    let world = Builder::new(people_services())
        .set("limits.opens_per_second", "3")
        .set("limits.opens_burst", "4")
        .start()
        .await;
    let mut opened = 0;
    let request = opening(Right::Access, &[ADA]);
    let (refused, refused_at) = loop {
        let called_at = Instant::now();
        match open(&world, "crm", OpenCaseRequest { request_id: opened.to_string(), ..request.clone() }).await
        {
            Ok(_) => opened += 1,
            Err(status) => break (status, called_at),
        }
        assert!(opened < 500, "it is let in without end");
    };
    assert!(opened >= 4, "a burst is let in");
    let refused = assert_overloaded::<()>(Err(refused), Some("opens_per_second"));
    assert_eq!(metadata(&refused)["caller"], "crm");
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(wait.as_millis() <= 334, "a third of a second at the most: {wait:?}");
    assert!(open(&world, "support-desk", request.clone()).await.is_ok(), "it is the other's limit");
    assert_eq!(world.count().await, opened + 1);

    let again = soon("the wait to be over", async {
        loop {
            if let Ok(case) = open(&world, "crm", request.clone()).await {
                return case;
            }
        }
    });
    assert_eq!(again.await.caller, "crm");
    assert!(refused_at.elapsed() >= wait, "and not before its time");
    world.finish().await;
}

#[tokio::test]
async fn a_caller_has_so_many_openings_under_way_and_no_more() {
    let world = Builder::new(people_services()).set("limits.opens_waiting", "4").start().await;
    crowd(&world, CROWD - 4, Some("opens_waiting")).await;
    world.finish().await;
}

#[tokio::test]
async fn a_full_queue_of_writes_refuses_and_does_not_hang() {
    let world = Builder::new(people_services())
        .set("engine.open_batch_max", "1")
        .set("limits.writes_waiting", "4")
        .start()
        .await;
    // Four wait, and one is under way, or on PostgreSQL three.
    crowd(&world, CROWD - 4 - 3, None).await;
    world.finish().await;
}

#[tokio::test]
async fn a_server_with_enough_to_do_refuses_calls_and_stays_alive() {
    let world = Builder::new(people_services()).set("limits.calls_waiting", "6").start().await;
    let held = Held::database_of(&world).await;
    let mut calls: FuturesUnordered<_> =
        (0..CROWD).map(|_| open(&world, "crm", opening(Right::Access, &[ADA]))).collect();
    for _ in 0..CROWD - 6 {
        assert_overloaded(soon("a refusal", calls.next()).await.unwrap(), Some("calls_waiting"));
    }
    let get = world.cases().get_case(GetCaseRequest::default()).await;
    assert_overloaded(get, Some("calls_waiting"));
    let alive = HealthClient::new(world.channel()).check(HealthCheckRequest::default()).await;
    assert!(alive.is_ok(), "probes come through: {alive:?}");
    held.let_go().await;
    for answer in soon("the others", calls.collect::<Vec<_>>()).await {
        assert!(answer.is_ok(), "{answer:?}");
    }
    assert_eq!(world.count().await, 6);
    world.finish().await;
}

#[tokio::test]
async fn there_are_so_many_streams_and_no_more() {
    let world = Builder::new(people_services()).set("limits.streams", "2").start().await;
    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let watch = || async {
        let request = WatchCaseRequest { case_id: case.case_id.clone() };
        world.cases().watch_case(request).await
    };
    let first = watch().await.expect("there is room");
    let second = watch().await.expect("there is room");
    let refused = assert_overloaded(watch().await, Some("streams"));
    assert_eq!(metadata(&refused)["caller"], "local");
    drop((first, second));
    soon("a place to be free", async { while watch().await.is_err() {} }).await;
    world.puppet("billing").heal();
    world.finish().await;
}

fn address(world: &World) -> std::net::SocketAddr {
    world.url().trim_start_matches("http://").parse().expect("it is an address")
}

#[tokio::test]
async fn there_are_so_many_connections_and_no_more() {
    let world = Builder::new(people_services())
        .set("limits.connections", "6")
        .set("limits.connections_per_peer", "4")
        .start()
        .await;
    let mut held = Vec::new();
    for peer in ["127.0.0.2:0", "127.0.0.3:0"] {
        for _ in 0..3 {
            let mut wire = Wire::open_from(peer, address(&world)).await;
            wire.begin().await;
            assert_eq!(wire.verdict().await, "goes on");
            held.push(wire);
        }
    }
    let mut beyond = Wire::open_from("127.0.0.4:0", address(&world)).await;
    assert_eq!(beyond.end().await, "the connection ends", "although this peer has none");
    held.clear();
    soon("a place to be free", async {
        while world
            .cases()
            .get_case(GetCaseRequest::default())
            .await
            .is_err_and(|status| status.code() != Code::InvalidArgument)
        {}
    })
    .await;
    world.finish().await;
}

#[tokio::test]
async fn headers_have_so_many_bytes_and_no_more() {
    let world = Builder::new(people_services()).set("limits.header_bytes", "8192").start().await;
    let http = Http::open(address(&world)).await;
    let mut answers = Vec::new();
    // The second is below the default and above what is configured.
    for bytes in [6_000, 10_000] {
        let request = http.post("/rightful.v1.CaseService/GetCase").header("x-padding", "x".repeat(bytes));
        answers.push(http.send(request, &framed(&GetCaseRequest::default())).await);
    }
    assert_eq!(answers, ["INVALID_ARGUMENT BAD_REQUEST: case_id", "HTTP 431"]);
    world.finish().await;
}

#[tokio::test]
async fn a_connection_has_so_many_calls_under_way_and_no_more() {
    let world = Builder::new(people_services()).set("limits.calls_per_connection", "4").start().await;
    let begun = |at: u32| frame(HEADERS, END_HEADERS, 2 * at + 1, &call("CaseService/GetCase"));
    let calls = |count: u32| (0..count).flat_map(begun).collect::<Vec<u8>>();
    let mut within = Wire::begun(address(&world)).await;
    within.send(&calls(4)).await;
    assert_eq!(within.verdict().await, "goes on");
    let mut beyond = Wire::begun(address(&world)).await;
    beyond.send(&calls(5)).await;
    assert_eq!(beyond.verdict().await, "RST_STREAM REFUSED_STREAM");
    world.finish().await;
}

#[tokio::test]
async fn a_peer_that_is_gone_without_a_word_is_noticed() {
    let world = Builder::new(people_services())
        .set("limits.keepalive_interval", "\"1s\"")
        .set("limits.keepalive_timeout", "\"1s\"")
        .start()
        .await;
    let mut silent = Wire::open_from("127.0.0.2:0", address(&world)).await;
    silent.begin().await;
    let ended = silent.outcome().await;
    assert!(ended == "closed" || ended.starts_with("GOAWAY"), "{ended}");
    world.finish().await;
}

#[tokio::test]
async fn a_connection_grows_old_and_its_calls_have_some_time_left() {
    let world = Builder::new(people_services())
        .set("limits.connection_age", "\"1s\"")
        .set("limits.connection_age_grace", "\"1s\"")
        .start()
        .await;
    world.puppet("billing").always(Method::Resolve, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let mut cases = world.cases();
    let watching = WatchCaseRequest { case_id: case.case_id.clone() };
    let mut watch = cases.watch_case(watching.clone()).await.expect("it is there").into_inner();
    let mut wire = Wire::open_from("127.0.0.2:0", address(&world)).await;
    wire.begin().await;
    assert_eq!(wire.outcome().await, "GOAWAY NO_ERROR");
    let cut = soon("the watch to be cut", async { while let Ok(Some(_)) = watch.message().await {} });
    cut.await;
    soon("another connection", async { while cases.watch_case(watching.clone()).await.is_err() {} }).await;
    world.puppet("billing").heal();
    world.finish().await;
}
