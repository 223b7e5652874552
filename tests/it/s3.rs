//! Exports in a bucket, over the real S3 protocol: the same as in a folder, and what happens when it fails.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{Case, CaseReason, CaseState, TaskKind, TaskReason, TaskState},
    },
};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::{
    harness::{ADA, Builder, Refusal, World, ada, assert_refused, opening, people_services, run, soon, task},
    puppet::{Fault, Method, Person, Profile, category},
};

/// Bytes that cannot be compressed, the same every time.
fn noise(length: usize) -> Vec<u8> {
    let step = |state: &mut u64| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(state.to_be_bytes()[0])
    };
    std::iter::repeat_n((), length).scan(7, |state, ()| step(state)).collect()
}

/// A file of several parts of an upload (5 MiB each).
fn album() -> Profile {
    let person = ada(&[]).file("photos", "large.bin", noise(11_000_000));
    Profile::new("album", &["email"]).category(category("photos")).person(person)
}

/// Letters of a megabyte each, with a token after each: after 8 MiB there is a checkpoint.
fn mail() -> Profile {
    let text = hex::encode(noise(500_000));
    let letter = |person: Person, number: u32| {
        person.record("letters", &serde_json::json!({ "number": number, "text": text }))
    };
    let person = (0..12).fold(ada(&[]), letter);
    Profile::new("mail", &["email"]).category(category("letters")).person(person).tokens(1)
}

fn services() -> impl Iterator<Item = Profile> {
    people_services().into_iter().chain([album()])
}

/// What a folder brings.
async fn undisturbed(services: impl IntoIterator<Item = Profile>) -> BTreeMap<String, Vec<u8>> {
    let world = World::start(services).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let contents = world.bag(&case.case_id).await.contents();
    world.finish().await;
    contents
}

async fn assert_fulfilled(world: &World, case_id: &str, expected: &BTreeMap<String, Vec<u8>>) {
    let case = world.settled(case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    let bag = world.bag(case_id).await;
    bag.assert_manifests_hold();
    let contents = bag.contents();
    assert_eq!(contents.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, data) in &contents {
        assert!(*data == expected[path], "{path} differs from what a folder brings");
    }
}

#[tokio::test]
async fn an_export_from_a_bucket_is_that_from_a_folder_at_any_offset() {
    let expected = undisturbed(services()).await;
    let world = Builder::new(services()).s3().start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_fulfilled(&world, &case.case_id, &expected).await;
    let whole = world.download(&case.case_id).await.bytes;
    for offset in [1, 5 << 20, whole.len() - 1] {
        let rest = world.try_download(&case.case_id, offset as u64).await.unwrap();
        assert!(rest.bytes == whole[offset..], "from {offset}");
    }
    world.finish().await;
}

#[tokio::test]
async fn killed_in_the_middle_of_a_collection_nothing_orphaned_is_left_in_the_bucket() {
    let clean = Builder::new([mail()]).s3().start().await;
    let case = clean.run(Right::Access, &[ADA]).await;
    let (expected, objects) = (clean.bag(&case.case_id).await.contents(), clean.bucket().objects().len());
    clean.finish().await;

    let mut world =
        Builder::new([mail()]).s3().binary().set("engine.lease", "\"1s\"").patience("20s").start().await;
    world.puppet("mail").always(Method::Collect, Fault::HangAfter(20));
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let left = soon("a checkpoint", async {
        loop {
            let objects = world.bucket().objects();
            if !objects.is_empty() {
                break objects;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.kill().await;
    world.puppet("mail").heal();
    // The attempt that goes on from the checkpoint finds that it cannot trust it: everything so far is orphaned.
    world.puppet("mail").next(Method::Collect, Fault::WrongCounts);
    world.start_server().await;
    assert_fulfilled(&world, &opened.case_id, &expected).await;
    soon("the sweep", async {
        while world.bucket().objects().len() > objects {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let kept = world.bucket().objects();
    assert_eq!(kept.len(), objects, "as many as an undisturbed run has");
    assert!(left.is_disjoint(&kept), "what the dead attempt left is gone");
    world.finish().await;
}

#[tokio::test]
async fn an_export_that_expires_leaves_nothing_in_the_bucket() {
    let clock = Arc::new(ManualClock::new("2026-01-10T12:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new([album()]).s3().clock(clock.clone()).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert!(!world.bucket().objects().is_empty());
    clock.advance(SignedDuration::from_hours(30 * 24));
    soon("the case to expire", async {
        while world.case(&case.case_id).await.state() != CaseState::Expired {}
    })
    .await;
    assert!(world.bucket().objects().is_empty());
    world.finish().await;
}

#[tokio::test]
async fn a_bucket_that_fails_while_data_is_collected_is_waited_for() {
    let expected = undisturbed(people_services()).await;
    for refusal in [Refusal::InternalError, Refusal::SlowDown, Refusal::Full] {
        let world = Builder::new(people_services()).s3().start().await;
        world.bucket().refuse(refusal);
        let case = world.open(opening(Right::Access, &[ADA])).await;
        // A call is repeated three times within itself: so many refusals are several attempts.
        world.bucket().refused(20).await;
        let waiting = world.case(&case.case_id).await;
        assert_eq!(waiting.state(), CaseState::InProgress, "{refusal:?}: nobody gave up");
        world.bucket().heal();
        assert_fulfilled(&world, &case.case_id, &expected).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn a_bucket_that_fails_while_the_export_is_made_is_waited_for() {
    let expected = undisturbed(people_services()).await;
    // Nothing of hers, so that its collection writes nothing, and ends when the test wants it.
    let stranger = || Profile::new("stranger", &["email"]).category(category("notes"));
    let world = Builder::new(people_services().into_iter().chain([stranger()])).s3().start().await;
    world.puppet("stranger").always(Method::Collect, Fault::Hang);
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let collected = |case: &Case| {
        case.tasks.iter().all(|task| task.downstream == "stranger" || task.state() == TaskState::Done)
    };
    world.until(&opened.case_id, "the others to be collected", collected).await;
    world.bucket().refuse(Refusal::InternalError);
    world.puppet("stranger").heal();
    world.bucket().refused(10).await;
    let waiting = world.case(&opened.case_id).await;
    assert_eq!(task(&waiting, "stranger", TaskKind::Collect).state(), TaskState::Done);
    assert_eq!(waiting.state(), CaseState::InProgress);
    world.bucket().heal();
    let case = world.settled(&opened.case_id).await;
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{case:#?}");
    let contents = world.bag(&case.case_id).await.contents();
    for path in expected.keys().filter(|path| path.ends_with(".ndjson")) {
        assert!(contents[path] == expected[path], "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_outage_of_the_bucket_is_said_once_and_shown_by_readiness() {
    let world = Builder::new(people_services()).s3().binary().start().await;
    world.bucket().refuse(Refusal::Full);
    for service in ["storage", "readiness"] {
        world.health(service, ServingStatus::NotServing).await;
    }
    world.health("database", ServingStatus::Serving).await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let waits = |case: &Case| task(case, "billing", TaskKind::Collect).reason() == TaskReason::Internal;
    world.until(&case.case_id, "a collection that cannot be stored", waits).await;
    world.bucket().heal();
    world.health("readiness", ServingStatus::Serving).await;
    assert_eq!(world.settled(&case.case_id).await.reason(), CaseReason::Fulfilled);
    world.assert_said_once("the storage");
    world.finish().await;
}

#[tokio::test]
async fn a_hiccup_of_the_bucket_is_not_seen_at_all() {
    let world = Builder::new(people_services()).s3().start().await;
    world.bucket().refuse_writes(2);
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(world.bucket().refusals(), 2);
    assert!(case.tasks.iter().all(|task| task.attempts == 1), "the calls were repeated, not the attempts");
    world.finish().await;
}

#[tokio::test]
async fn a_download_from_a_bucket_that_fails_says_so_and_goes_on_later() {
    let world = Builder::new([album()]).s3().binary().start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    world.bucket().refuse(Refusal::InternalError);
    let answer = world.try_download(&case.case_id, 0).await.map(|_| ());
    assert_refused(answer, Code::Unavailable, "ERROR_REASON_STORE_UNAVAILABLE");
    world.bucket().heal();
    world.download(&case.case_id).await.assert_is_whole();
    world.finish().await;
}

#[tokio::test]
async fn a_wrong_key_is_named_at_the_start() {
    let world = Builder::new([album()]).s3().start().await;
    let text = std::fs::read_to_string(world.dir().join("rightful.toml")).unwrap();
    let wrong = text.replace("the secret of the tests", "another secret");
    assert_ne!(wrong, text);
    // A second process on the same SQLite would be refused for that.
    let wrong = wrong.replace("rightful.sqlite", "other.sqlite");
    std::fs::write(world.dir().join("wrong.toml"), wrong).unwrap();
    let serve = ["serve", "--insecure", "--listen", "127.0.0.1:0", "--config", "wrong.toml"];
    let failed = run(world.dir(), world.url(), &serve, "").await.expect(1);
    assert!(failed.stderr.contains("the storage is unavailable"), "{failed:?}");
    assert!(failed.stderr.contains("SignatureDoesNotMatch"), "{failed:?}");
    assert!(!failed.stderr.contains("another secret"), "{failed:?}");
    world.finish().await;
}
