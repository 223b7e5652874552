//! kill -9 is normal operation: at any point, and the case ends in the same export or receipt, each effect once.

use std::{collections::BTreeMap, ops::RangeInclusive};

use rightful::proto::{
    downstream::v1::Right,
    v1::{Case, CaseReason, CaseState, TaskKind, TaskState},
};
use serde_json::Value;

use crate::{
    harness::{ADA, Builder, World, ada, anonymous_receipt, opening, people_services, task},
    puppet::{Call, Fault, Method, Profile, category},
};

/// The least that may be configured: how long the next process waits for the work of a dead one.
const LEASE: &str = "\"1s\"";

async fn binary(profiles: impl IntoIterator<Item = Profile>) -> World {
    Builder::new(profiles).binary().set("engine.lease", LEASE).start().await
}

/// What an undisturbed run brings.
async fn undisturbed(profiles: impl IntoIterator<Item = Profile>) -> BTreeMap<String, Vec<u8>> {
    let world = World::start(profiles).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let contents = world.bag(&case.case_id).await.contents();
    world.finish().await;
    contents
}

async fn undisturbed_receipt() -> Value {
    let world = World::start(people_services()).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    assert_eq!(world.calls(), ERASURE_CALLS);
    let receipt = anonymous_receipt(world.receipt(&case.case_id).await);
    world.finish().await;
    receipt
}

async fn assert_same_export(world: &World, case_id: &str, expected: &BTreeMap<String, Vec<u8>>) {
    let case = world.settled(case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    let bag = world.bag(case_id).await;
    bag.assert_manifests_hold();
    let contents = bag.contents();
    assert_eq!(contents.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (path, data) in &contents {
        assert!(*data == expected[path], "{path} differs from an undisturbed run");
    }
}

#[tokio::test]
async fn killed_while_a_downstream_is_asked_an_access_case_ends_in_the_same_export() {
    let expected = undisturbed(people_services()).await;
    for (name, method, fault) in [
        ("billing", Method::Resolve, Fault::Hang),
        ("billing", Method::Collect, Fault::HangAfter(1)),
        ("analytics", Method::Collect, Fault::HangAfter(150)),
        ("marketing", Method::Collect, Fault::Hang),
    ] {
        let mut world = binary(people_services()).await;
        world.puppet(name).always(method, fault);
        let case = world.open(opening(Right::Access, &[ADA])).await;
        world.puppet(name).called(method, 1).await;
        world.kill().await;
        world.puppet(name).heal();
        world.start_server().await;
        assert_same_export(&world, &case.case_id, &expected).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn killed_right_after_the_answer_the_case_is_there() {
    let expected = undisturbed(people_services()).await;
    let mut world = binary(people_services()).await;
    let request = opening(Right::Access, &[ADA]);
    let case = world.open(request.clone()).await;
    world.restart().await;
    assert_eq!(world.open(request).await.case_id, case.case_id);
    assert_same_export(&world, &case.case_id, &expected).await;
    world.finish().await;
}

#[tokio::test]
async fn killed_again_and_again_an_access_case_ends_in_the_same_export() {
    let expected = undisturbed(people_services()).await;
    let mut world = binary(people_services()).await;
    world.puppet("analytics").always(Method::Collect, Fault::HangAfter(20));
    let case = world.open(opening(Right::Access, &[ADA])).await;
    for round in 1..=3 {
        world.puppet("analytics").called(Method::Collect, round).await;
        world.restart().await;
    }
    world.puppet("analytics").heal();
    assert_same_export(&world, &case.case_id, &expected).await;
    let calls = world.puppet("analytics").calls(Method::Collect);
    assert!(calls.iter().all(|call| call.task_id == calls[0].task_id), "always by the same task id");
    world.finish().await;
}

#[tokio::test]
async fn killed_around_an_effect_an_erasure_has_it_once_and_ends_in_the_same_receipt() {
    let expected = undisturbed_receipt().await;

    for (name, method, fault) in [
        // Before the effect: what there is is being counted.
        ("analytics", Method::Collect, Fault::HangAfter(10)),
        // The request never became an effect.
        ("analytics", Method::Erase, Fault::Hang),
        // The effect happened, and was not recorded.
        ("analytics", Method::Erase, Fault::Mute),
        ("billing", Method::Erase, Fault::Mute),
    ] {
        let mut world = binary(people_services()).await;
        let happens = matches!(fault, Fault::Mute);
        world.puppet(name).always(method, fault);
        let opened = world.open(opening(Right::Erasure, &[ADA])).await;
        world.puppet(name).called(method, 1).await;
        if happens {
            world.puppet(name).affected().await;
        }
        world.kill().await;
        world.puppet(name).heal();
        world.start_server().await;
        assert_same_receipt(&world, &opened, &expected).await;
        world.finish().await;
    }
}

async fn assert_same_receipt(world: &World, opened: &Case, expected: &Value) {
    let case = world.settled(&opened.case_id).await;
    assert_eq!((case.state(), case.reason()), (CaseState::Completed, CaseReason::Fulfilled), "{case:#?}");
    assert_eq!(anonymous_receipt(world.receipt(&case.case_id).await), *expected);
    for name in world.names() {
        let erase = task(&case, &name, TaskKind::Erase);
        world.puppet(&name).assert_each_effect_once([erase.call_id.as_str()]);
    }
}

#[tokio::test]
async fn killed_while_an_erasure_is_polled_or_verified_it_ends_in_the_same_receipt() {
    let expected = undisturbed_receipt().await;

    // Polled.
    let mut world = binary(people_services()).await;
    world.puppet("analytics").next(Method::Erase, Fault::Work(2));
    world.puppet("analytics").next(Method::GetTask, Fault::Hang);
    let opened = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("analytics").called(Method::GetTask, 1).await;
    world.restart().await;
    assert_same_receipt(&world, &opened, &expected).await;
    assert_eq!(world.puppet("analytics").calls(Method::Erase).len(), 1, "it was polled, not sent again");
    world.finish().await;

    // Verified: the second collection is the one after the erasure.
    let mut world = binary(people_services()).await;
    let opened = world.open(opening(Right::Erasure, &[ADA])).await;
    world.puppet("analytics").called(Method::Collect, 2).await;
    world.restart().await;
    assert_same_receipt(&world, &opened, &expected).await;
    world.finish().await;
}

/// Downstream calls of an undisturbed run: a resolution, and for each of the three a collection (access), or a
/// collection, an erasure and another collection.
const ACCESS_CALLS: usize = 4;
const ERASURE_CALLS: usize = 10;

#[tokio::test]
async fn killed_at_any_call_an_access_case_ends_in_the_same_export() {
    let expected = undisturbed(people_services()).await;
    for calls in 1..=ACCESS_CALLS {
        let mut world = Builder::new(people_services()).set("engine.lease", LEASE).start().await;
        let case = world.open(opening(Right::Access, &[ADA])).await;
        world.called(calls).await;
        world.restart().await;
        assert_same_export(&world, &case.case_id, &expected).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn killed_at_any_call_of_the_first_half_an_erasure_ends_in_the_same_receipt() {
    killed_at(1..=ERASURE_CALLS / 2).await;
}

#[tokio::test]
async fn killed_at_any_call_of_the_second_half_an_erasure_ends_in_the_same_receipt() {
    killed_at(ERASURE_CALLS / 2 + 1..=ERASURE_CALLS).await;
}

async fn killed_at(calls: RangeInclusive<usize>) {
    let expected = undisturbed_receipt().await;
    for calls in calls {
        let mut world = Builder::new(people_services()).set("engine.lease", LEASE).start().await;
        let opened = world.open(opening(Right::Erasure, &[ADA])).await;
        world.called(calls).await;
        world.restart().await;
        assert_same_receipt(&world, &opened, &expected).await;
        world.finish().await;
    }
}

/// So much that making the export takes a while.
fn large() -> Profile {
    let data: Vec<u8> =
        (0..24_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let person = ada(&[]).file("photos", "large.bin", data);
    Profile::new("album", &["email"]).category(category("photos")).person(person)
}

#[tokio::test]
async fn killed_while_the_export_is_made_it_is_made_again() {
    let expected = undisturbed([large()]).await;
    let mut world = binary([large()]).await;
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let collected = |case: &Case| task(case, "album", TaskKind::Collect).state() == TaskState::Done;
    let seen = world.until(&case.case_id, "the collection to end", collected).await;
    world.kill().await;
    assert_eq!(seen.state(), CaseState::InProgress, "the export was not made yet");
    world.start_server().await;
    assert_same_export(&world, &case.case_id, &expected).await;
    assert_eq!(world.puppet("album").calls(Method::Collect).len(), 1, "nothing was collected again");
    world.finish().await;
}

/// More than a checkpoint's worth of records, with a resume token after every tenth.
fn long() -> Profile {
    let text = "0123456789abcdef".repeat(6_250);
    let person = (0..120).fold(ada(&[]), |person, number| {
        person.record("letters", &serde_json::json!({ "number": number, "text": text }))
    });
    Profile::new("mail", &["email"]).category(category("letters")).person(person).tokens(10)
}

#[tokio::test]
async fn a_long_collection_goes_on_where_it_was() {
    let expected = undisturbed([long()]).await;
    let patient = Builder::new([long()]).set("retry.unavailable_attempts", "100000");
    let mut world = patient.binary().set("engine.lease", LEASE).start().await;
    // A token follows every tenth item: after 110 messages exactly 100 records and 10 tokens came.
    world.puppet("mail").always(Method::Collect, Fault::HangAfter(110));
    let case = world.open(opening(Right::Access, &[ADA])).await;
    // On a busy machine an attempt may end before it came so far.
    let resumed = |calls: Vec<Call>| calls.into_iter().find(|call| !call.resume_token.is_empty());
    let mut attempts = 1;
    let kept = loop {
        world.puppet("mail").called(Method::Collect, attempts).await;
        match resumed(world.puppet("mail").calls(Method::Collect)) {
            Some(call) => break call.resume_token,
            None => attempts += 1,
        }
        assert!(attempts < 20, "after a dropped stream it goes on from the last kept token");
    };
    world.kill().await;
    world.puppet("mail").heal();
    world.start_server().await;
    assert_same_export(&world, &case.case_id, &expected).await;
    let last = world.puppet("mail").calls(Method::Collect).pop().unwrap();
    assert_eq!(last.resume_token, kept, "the next process goes on from there too");
    world.finish().await;
}

#[tokio::test]
async fn without_a_crash_a_second_server_on_the_same_files_finds_nothing_to_do() {
    let mut world = binary(people_services()).await;
    let case = world.run(Right::Erasure, &[ADA]).await;
    let receipt = world.receipt(&case.case_id).await;
    let calls: usize = world.names().iter().map(|name| world.puppet(name).calls(Method::Erase).len()).sum();
    world.restart().await;
    assert_eq!(world.receipt(&case.case_id).await, receipt);
    assert_eq!(world.case(&case.case_id).await, case);
    let after: usize = world.names().iter().map(|name| world.puppet(name).calls(Method::Erase).len()).sum();
    assert_eq!(after, calls);
    world.finish().await;
}
