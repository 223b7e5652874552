//! Several replicas on one database and one storage. Always on PostgreSQL: SQLite is for one.

use std::{future::Future, pin::Pin, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::{Clock, DatabaseClock, SystemClock},
    proto::{
        downstream::v1::Right,
        v1::{Case, CaseReason, CaseState, TaskKind, WatchCaseRequest},
    },
};

use crate::{
    harness::{
        ADA, Builder, Cluster, Database, Replica, World, ada, opening, people_services, run, soon, task,
    },
    puppet::{Fault, Method, Profile, category},
};

async fn database() -> Database {
    Database::in_server(Cluster::shared().url("postgres")).await
}

/// Everybody's services, with this many people.
fn album(people: usize) -> Profile {
    let person = |number: usize| {
        let email = format!("person{number}@example.org");
        crate::puppet::Person::new(&[("email", email.as_str())]).records("photos", 2)
    };
    let album = Profile::new("album", &["email"]).category(category("photos"));
    (0..people).map(person).fold(album, Profile::person)
}

async fn erase(world: &World, number: usize) -> Case {
    let email = format!("person{number}@example.org");
    world.open(opening(Right::Erasure, &[("email", email.as_str())])).await
}

fn call_ids(cases: &[Case]) -> Vec<&str> {
    cases.iter().map(|case| task(case, "album", TaskKind::Erase).call_id.as_str()).collect()
}

#[tokio::test]
async fn two_replicas_share_the_work_and_each_effect_happens_once() {
    let world = Builder::new([album(40)]).database(database().await).start().await;
    let second = world.replica().await;
    let mut cases = Vec::new();
    for number in 0..40 {
        cases.push(erase(&world, number).await);
    }
    for case in &cases {
        let settled = world.settled(&case.case_id).await;
        assert_eq!((settled.state(), settled.reason()), (CaseState::Completed, CaseReason::Fulfilled));
    }
    world.puppet("album").assert_each_effect_once(call_ids(&cases));
    assert_eq!(world.puppet("album").calls(Method::Erase).len(), 40, "nobody repeats what another one does");
    assert_eq!(world.held(), 0);
    second.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn what_a_dead_replica_left_the_other_one_does() {
    let world = Builder::new([album(12)])
        .database(database().await)
        .set("engine.lease", "\"1s\"")
        .parallel("album", 12)
        .binary()
        .start()
        .await;
    let second = world.replica().await;
    // Whoever has claimed them, the calls had their effects, and nobody knows.
    world.puppet("album").always(Method::Erase, Fault::Mute);
    let mut cases = Vec::new();
    for number in 0..12 {
        cases.push(erase(&world, number).await);
    }
    world.puppet("album").called(Method::Erase, 12).await;
    second.kill().await;
    world.puppet("album").heal();
    for case in &cases {
        assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    }
    world.puppet("album").assert_each_effect_once(call_ids(&cases));
    world.finish().await;
}

#[tokio::test]
async fn parallel_calls_are_limited_for_all_replicas_together() {
    let world = Builder::new([album(30)])
        .database(database().await)
        .parallel("album", 3)
        .set("retry.unavailable_attempts", "100000")
        .start()
        .await;
    let replicas = [world.replica().await, world.replica().await];
    let album = world.puppet("album");
    album.always(Method::Collect, Fault::Hang);
    let mut cases = Vec::new();
    for number in 0..30 {
        cases.push(erase(&world, number).await);
    }
    for round in 1..=4 {
        album.called(Method::Collect, round * 3).await;
        // Those that hang end as failures, and others begin.
        album.heal();
        album.always(Method::Collect, Fault::Hang);
    }
    album.heal();
    for case in &cases {
        assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    }
    assert_eq!(album.hung_at_once(), 3, "three replicas with three calls each would be nine");
    for replica in replicas {
        replica.stop().await;
    }
    world.finish().await;
}

/// Until the case settles, as this replica sees it.
async fn watched(replica: &Replica, case_id: &str) -> Case {
    let request = WatchCaseRequest { case_id: case_id.into() };
    let mut watch = replica.cases().watch_case(request).await.expect("it can be watched").into_inner();
    let mut last = None;
    while let Some(answer) = watch.message().await.expect("the watch goes on") {
        last = answer.case;
    }
    last.expect("it begins with the case as it is")
}

#[tokio::test]
async fn a_watch_at_one_replica_sees_what_another_one_does() {
    // Nobody polls within the test: only a wake-up from the other replica can tell.
    let world =
        Builder::new(people_services()).database(database().await).set("engine.poll", "\"1h\"").start().await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let second = world.replica().await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.puppet("marketing").called(Method::Collect, 1).await;
    let (settled, ()) = tokio::join!(soon("the watch to end", watched(&second, &case.case_id)), async {
        world.puppet("marketing").heal();
    });
    assert_eq!(settled.reason(), CaseReason::Fulfilled);
    second.stop().await;
    world.finish().await;
}

/// A machine whose clock is wrong.
struct Wrong(SignedDuration);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        SystemClock.now() + self.0
    }

    fn until(&self, at: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        SystemClock.until(at - self.0)
    }
}

#[tokio::test]
async fn a_replica_whose_clock_is_wrong_takes_nothing_away_from_the_others() {
    let right = Arc::new(DatabaseClock::over(SystemClock));
    let world = Builder::new([album(30)])
        .database(database().await)
        .clock(right)
        .set("engine.lease", "\"2s\"")
        .patience("30s")
        .parallel("album", 40)
        .start()
        .await;
    let ahead = world.replica_by(Arc::new(DatabaseClock::over(Wrong(SignedDuration::from_secs(10))))).await;
    let behind = world.replica_by(Arc::new(DatabaseClock::over(Wrong(SignedDuration::from_secs(-10))))).await;
    world.puppet("album").always(Method::Erase, Fault::Mute);
    let mut cases = Vec::new();
    for number in 0..30 {
        cases.push(erase(&world, number).await);
    }
    // All of them are under way, by whichever replica. By its own clock, one would see all leases as ended.
    world.puppet("album").called(Method::Erase, 30).await;
    for _ in 0..20 {
        // Whoever claims these would claim the others as well.
        world.run(Right::Access, &[("email", "person0@example.org")]).await;
    }
    assert_eq!(world.puppet("album").calls(Method::Erase).len(), 30, "nobody's lease was taken");
    world.puppet("album").heal();
    for case in &cases {
        assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    }
    ahead.stop().await;
    behind.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn replicas_that_start_together_on_an_empty_database_migrate_once() {
    let world = Builder::new([album(1)]).database(database().await).start().await;
    let fresh = database().await;
    let config = world.dir().join("rightful.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace(world.database().url(), fresh.url())).unwrap();
    let replicas = futures::future::join_all((0..4).map(|_| world.replica())).await;
    for replica in replicas {
        replica.stop().await;
    }
    world.finish().await;
}

#[tokio::test]
async fn the_same_request_at_several_replicas_opens_one_case() {
    let world =
        Builder::new([Profile::new("album", &["email"]).category(category("photos")).person(ada(&[]))])
            .database(database().await)
            .start()
            .await;
    let replicas = [world.replica().await, world.replica().await];
    for _ in 0..10 {
        let request = opening(Right::Access, &[ADA]);
        let mut everywhere = Vec::new();
        for replica in &replicas {
            for _ in 0..8 {
                let (mut cases, request) = (replica.cases(), request.clone());
                everywhere.push(async move { cases.open_case(request).await });
            }
        }
        let answers = futures::future::join_all(everywhere).await;
        let ids: std::collections::BTreeSet<String> =
            answers.into_iter().map(|a| a.unwrap().into_inner().case.unwrap().case_id).collect();
        assert_eq!(ids.len(), 1);
    }
    for replica in replicas {
        replica.stop().await;
    }
    world.finish().await;
}

#[tokio::test]
async fn a_replica_of_the_version_before_works_on_a_schema_that_was_expanded() {
    let world = Builder::new([album(2)]).database(database().await).start().await;
    world.database().execute("INSERT INTO seaql_migrations VALUES ('m0099_expand_more', 0)").await;
    world.database().execute("ALTER TABLE cases ADD COLUMN colour text NOT NULL DEFAULT 'green'").await;
    world.database().execute("ALTER TABLE tasks ADD COLUMN colour text").await;
    // The one that runs goes on, and another one may start.
    let second = world.replica().await;
    for number in 0..2 {
        let case = erase(&world, number).await;
        assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    }
    second.stop().await;
    world.finish().await;
}

#[tokio::test]
async fn a_schema_that_was_contracted_is_refused_by_name() {
    let world = Builder::new([album(1)]).database(database().await).start().await;
    world.database().execute("INSERT INTO seaql_migrations VALUES ('m0099_contract_colours', 0)").await;
    let serve = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"];
    let ran = run(world.dir(), world.url(), &serve, "").await;
    assert_ne!(ran.code, 0, "it must not serve");
    assert!(ran.stderr.contains("m0099_contract_colours") && ran.stderr.contains("too old"), "{ran:?}");
    world.finish().await;
}
