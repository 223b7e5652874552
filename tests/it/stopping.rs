//! Stopping: what is under way ends or is handed over, and whoever listens is told.

use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseReason, WatchCaseRequest},
};
use tonic::Code;

use crate::{
    harness::{ADA, Builder, Cluster, Database, assert_refused, opening, people_services, soon},
    puppet::{Fault, Method},
};

#[tokio::test]
async fn a_watch_is_told_that_the_server_stops() {
    let mut world = Builder::new(people_services()).binary().set("server.grace", "\"1s\"").start().await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let request = WatchCaseRequest { case_id: case.case_id.clone() };
    let mut watch = world.cases().watch_case(request).await.unwrap().into_inner();
    world.puppet("marketing").called(Method::Collect, 1).await;
    let told = async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the case has not settled"),
                Err(status) => return status,
            }
        }
    };
    let (status, ()) = tokio::join!(soon("the end of the watch", told), world.stop());
    assert_refused(Err::<(), _>(status), Code::Unavailable, "ERROR_REASON_STOPPING");
    world.puppet("marketing").heal();
    world.start_server().await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.finish().await;
}

#[tokio::test]
async fn work_that_does_not_end_in_time_is_handed_to_the_others_at_once() {
    let database = Database::in_server(Cluster::shared().url("postgres")).await;
    let mut world = Builder::new(people_services())
        .database(database)
        .binary()
        .set("server.grace", "\"500ms\"")
        // Nobody waits for that in a test: only a lease that is handed back can be claimed.
        .set("engine.lease", "\"1h\"")
        .patience("1h")
        .start()
        .await;
    world.puppet("marketing").next(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.puppet("marketing").called(Method::Collect, 1).await;
    world.stop().await;
    world.start_server().await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    assert_eq!(world.puppet("marketing").calls(Method::Collect).len(), 2);
    world.finish().await;
}
