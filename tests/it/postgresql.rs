//! What only a database in a process of its own can do: end, and come back. Always on PostgreSQL, whatever the suite
//! runs on.

use rightful::proto::{
    downstream::v1::Right,
    v1::{CaseReason, CaseState, TaskKind},
};

use crate::{
    harness::{ADA, Builder, Cluster, Database, opening, people_services, task},
    puppet::{Fault, Method},
};

#[tokio::test]
async fn killed_in_the_middle_of_a_case_the_database_comes_back_and_the_case_goes_on() {
    let cluster = Cluster::start();
    let database = Database::in_server(cluster.url("postgres")).await;
    let world = Builder::new(people_services()).database(database).start().await;
    world.puppet("analytics").next(Method::Erase, Fault::Mute);
    let opened = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("analytics").affected().await;
    cluster.stop();
    // The answer comes while nothing can be recorded.
    world.puppet("analytics").heal();
    cluster.start_again();
    let case = world.settled(&opened.case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    for name in world.names() {
        let erase = task(&case, &name, TaskKind::Erase);
        world.puppet(&name).assert_each_effect_once([erase.call_id.as_str()]);
    }
    world.finish().await;
}
