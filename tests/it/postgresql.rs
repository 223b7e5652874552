//! What only a database in a process of its own meets: it ends and comes back, its disk is full, it becomes read-only, it
//! is slow. Always on PostgreSQL, whatever the suite runs on.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{CaseReason, CaseState, TaskKind},
    },
};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    harness::{ADA, Builder, Cluster, Database, World, assert_refused, get, opening, people_services, task},
    puppet::{Fault, Method},
};

/// Rows of every table of ours fire a trigger of this kind.
const EVERY_TABLE: &str = "
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT table_name FROM information_schema.tables
            WHERE table_schema = 'public'
        LOOP EXECUTE format('TRIGGER_HERE', name); END LOOP;
    END $$;";

/// A database of its own in the cluster that all share.
async fn shared() -> Database {
    Database::in_server(Cluster::shared().url("postgres")).await
}

/// The real binary on it.
async fn binary(database: Database) -> World {
    let world = Builder::new(people_services()).database(database).binary().patience("30s");
    world.set("telemetry.metrics_listen", "\"127.0.0.1:0\"").start().await
}

/// Fails unless the metric says that the database fails, or that it does not.
async fn assert_outage(world: &World, fails: bool) {
    let (_, body) = get(&world.metrics(), "/metrics").await;
    let lines: Vec<&str> = body.lines().filter(|line| line.starts_with("rightful_outage{")).collect();
    let of_database = lines.iter().find(|line| line.contains("what=\"the database\""));
    let value = of_database.and_then(|line| line.rsplit(' ').next());
    assert_eq!(value, Some(if fails { "1" } else { "0" }), "{lines:?}");
}

/// While nothing can be written: calls say so, readiness says so, and the case that stands half way goes on afterwards.
async fn outlasts(world: World, fail: impl AsyncFnOnce(&Database), heal: impl AsyncFnOnce(&Database)) {
    let case_id = world.half_way().await;
    fail(world.database()).await;
    let refused = world.try_open(opening(Right::Access, &[ADA])).await;
    assert_refused(refused, Code::Unavailable, "ERROR_REASON_STORE_UNAVAILABLE");
    world.health("readiness", ServingStatus::NotServing).await;
    assert_outage(&world, true).await;
    // What marketing answers now cannot be recorded.
    world.puppet("marketing").heal();
    let refused = world.try_open(opening(Right::Access, &[ADA])).await;
    assert_refused(refused, Code::Unavailable, "ERROR_REASON_STORE_UNAVAILABLE");
    heal(world.database()).await;
    world.health("readiness", ServingStatus::Serving).await;
    world.assert_nothing_lost(&case_id).await;
    assert_outage(&world, false).await;
    world.assert_said_once("the database");
    world.finish().await;
}

#[tokio::test]
async fn a_disk_that_is_full_is_waited_for() {
    let world = binary(shared().await).await;
    let full = "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON %I EXECUTE FUNCTION full_disk()";
    let fail = async |database: &Database| {
        database
            .execute(
                "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                     RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
                 END $$",
            )
            .await;
        database.execute(&EVERY_TABLE.replace("TRIGGER_HERE", full)).await;
    };
    let heal = async |database: &Database| database.execute("DROP FUNCTION full_disk CASCADE").await;
    outlasts(world, fail, heal).await;
}

#[tokio::test]
async fn a_database_that_becomes_read_only_is_waited_for() {
    let world = binary(shared().await).await;
    outlasts(
        world,
        async |database| database.set("default_transaction_read_only", "on").await,
        async |database| database.set("default_transaction_read_only", "off").await,
    )
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_is_waited_for() {
    let cluster = Cluster::start();
    let world = binary(Database::in_server(cluster.url("postgres")).await).await;
    outlasts(world, async |_| cluster.stop(), async |_| cluster.start_again()).await;
}

#[tokio::test]
async fn a_database_that_is_gone_for_an_hour_finds_everything_as_it_was() {
    let clock = Arc::new(ManualClock::new("2026-01-10T12:00:00Z".parse::<Timestamp>().expect("a time")));
    let cluster = Cluster::start();
    let database = Database::in_server(cluster.url("postgres")).await;
    let world = Builder::new(people_services()).database(database).clock(clock.clone()).start().await;
    let case_id = world.half_way().await;
    cluster.stop();
    world.puppet("marketing").heal();
    for _ in 0..60 {
        clock.advance(SignedDuration::from_mins(1));
        let refused = world.try_open(opening(Right::Access, &[ADA])).await;
        assert_refused(refused, Code::Unavailable, "ERROR_REASON_STORE_UNAVAILABLE");
    }
    cluster.start_again();
    world.health("readiness", ServingStatus::Serving).await;
    world.assert_nothing_lost(&case_id).await;
    world.finish().await;
}

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
    world.assert_nothing_lost(&opened.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn commits_that_take_two_seconds_each_lose_nothing_and_repeat_nothing() {
    // A lease is as long as by default: what takes longer than a lease is nobody's.
    let lease = Builder::new([people_services()[1].clone()]).set("engine.lease", "\"30s\"");
    let world = lease.database(shared().await).start().await;
    let slow = "CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT OR UPDATE ON %I
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow_commit()";
    world
        .database()
        .execute(
            "CREATE FUNCTION slow_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF current_setting('tests.slept', true) IS DISTINCT FROM 'yes' THEN
                     PERFORM set_config('tests.slept', 'yes', true), pg_sleep(2);
                 END IF;
                 RETURN NULL;
             END $$",
        )
        .await;
    world.database().execute(&EVERY_TABLE.replace("TRIGGER_HERE", slow)).await;
    let began = std::time::Instant::now();
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert!(began.elapsed().as_secs() >= 2, "commits were slow");
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    let erase = task(&case, "marketing", TaskKind::Erase);
    world.puppet("marketing").assert_each_effect_once([erase.call_id.as_str()]);
    assert_eq!(world.puppet("marketing").calls(Method::Erase).len(), 1);
    world.finish().await;
}
