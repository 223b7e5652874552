//! What a database in a file meets: no more room for it, or a place where nothing may be written. Always on SQLite.
//!
//! A file that becomes read-only under a running server is not among them: permissions count when a file is opened, and
//! Linux refuses to remount a file system as read-only while a file on it is open for writing.

use rightful::proto::downstream::v1::Right;
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::harness::{ADA, Builder, Database, World, assert_refused, opening, people_services, run};

/// Cases that are opened until the disk is full at the most: the log of the database may have room in itself.
const OPENED_MAX: usize = 20_000;

/// Opens cases until one is refused, and answers how many were not.
async fn open_until_full(world: &World) -> usize {
    for opened in 0..OPENED_MAX {
        let mut request = opening(Right::Access, &[ADA]);
        // The more a case writes, the sooner.
        request.labels = (0..16).map(|label| (format!("label{label}"), "x".repeat(256))).collect();
        if let Err(status) = world.try_open(request).await {
            assert_refused(Err::<(), _>(status), Code::Unavailable, "ERROR_REASON_STORE_UNAVAILABLE");
            return opened;
        }
    }
    panic!("the disk is full, and {OPENED_MAX} cases were opened all the same");
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let world = Builder::new(people_services()).on_small_disk().patience("30s").start().await;
    let case_id = world.half_way().await;
    world.fill_disk();
    // Readiness is not asked about: what is small may still fit, and then the database is as good as it looks.
    let opened = open_until_full(&world).await;
    world.puppet("marketing").heal();
    world.free_disk();
    world.health("readiness", ServingStatus::Serving).await;
    world.assert_nothing_lost(&case_id).await;
    // Other connections than the writer's count them: what they see was committed.
    assert_eq!(world.count().await, opened + 2, "whoever was not refused has a case, and nobody else");
    world.finish().await;
}

#[tokio::test]
async fn a_database_that_cannot_be_written_is_refused_at_the_start() {
    let world = World::start(people_services()).await;
    let serve = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"];
    let config = std::fs::read_to_string(world.dir().join("rightful.toml")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    // Not even root makes files there.
    let config = config.replace(world.database().url(), "sqlite:///proc/rightful.sqlite");
    std::fs::write(elsewhere.path().join("rightful.toml"), config).unwrap();
    let ran = run(elsewhere.path(), world.url(), &serve, "").await;
    assert_ne!(ran.code, 0, "it must not serve");
    assert!(ran.stderr.contains("cannot open the database"), "{ran:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_second_server_on_the_same_file_is_refused() {
    let file = tempfile::tempdir().unwrap();
    let world = Builder::new(people_services()).database(Database::file(file.path())).start().await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let serve = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "rightful.toml"];
    let ran = run(world.dir(), world.url(), &serve, "").await;
    assert_ne!(ran.code, 0, "it must not serve");
    assert!(ran.stderr.contains("another rightful uses the database"), "{ran:?}");
    world.settled(&case.case_id).await;
    world.finish().await;
}
