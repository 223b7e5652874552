//! Downloading: the same bytes however often and from wherever, for as long as the export lives.

use std::{path::Path, sync::Arc};

use jiff::{SignedDuration, Timestamp};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{
            Case, CaseState, DownloadExportRequest, TaskKind, TaskReason, TaskState,
            download_export_response::Item,
        },
    },
};
use tonic::Code;

use crate::{
    harness::{
        ADA, Builder, World, ada, assert_refused, fields, metadata, opening, people_services, soon, task,
    },
    puppet::{Fault, Method, Profile, category},
};

/// Enough for many chunks: a file that does not compress, and records that do.
fn album() -> Profile {
    let mut noise = vec![0_u8; 3_000_000];
    SmallRng::seed_from_u64(7).fill(noise.as_mut_slice());
    let person = ada(&[]).records("notes", 2_000).file("photos", "noise.bin", noise).file(
        "photos",
        "empty.bin",
        vec![],
    );
    Profile::new("album", &["email"]).category(category("photos")).category(category("notes")).person(person)
}

#[tokio::test]
async fn a_download_can_be_taken_up_at_any_byte() {
    let world = World::start([album()]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let whole = world.download(&case.case_id).await;
    let size = whole.bytes.len();
    assert_eq!(case.export.as_ref(), whole.info.as_ref(), "GetCase and DownloadExport say the same of it");
    assert_eq!(whole.info().media_type, "application/zip");
    assert_eq!(whole.info().file_name, format!("rightful-export-{}.zip", case.case_id));
    let mut chance = SmallRng::seed_from_u64(1);
    let mut offsets = vec![0, 1, 29, 65_535, 65_536, 65_537, size - 22, size - 1, size];
    offsets.extend((0..40).map(|_| chance.random_range(0..size)));
    for offset in offsets {
        let rest = world.try_download(&case.case_id, offset as u64).await.unwrap();
        assert_eq!(rest.info, whole.info, "the facts are of the whole file");
        assert!(rest.bytes == whole.bytes[offset..], "from {offset} on");
    }
    let answer = world.try_download(&case.case_id, size as u64 + 1).await.map(|_| ());
    let refused = assert_refused(answer, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    assert_eq!(fields(&refused), ["offset"]);
    world.finish().await;
}

#[tokio::test]
async fn the_bytes_are_the_same_after_a_crash_and_for_many_at_once() {
    let mut world = World::start([album()]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    let first = world.download(&case.case_id).await;
    world.restart().await;
    let many = futures::future::join_all((0..8).map(|_| world.download(&case.case_id))).await;
    assert!(many.iter().all(|export| export.bytes == first.bytes));
    world.finish().await;
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_the_server_healthy() {
    let world = World::start([album()]).await;
    let case = world.run(Right::Access, &[ADA]).await;
    for _ in 0..30 {
        let request = DownloadExportRequest { case_id: case.case_id.clone(), offset: 0 };
        let mut stream = world.cases().download_export(request).await.unwrap().into_inner();
        let first = soon("the first message", stream.message()).await.unwrap().unwrap();
        assert!(matches!(first.item, Some(Item::Info(_))));
        let second = soon("the second message", stream.message()).await.unwrap().unwrap();
        assert!(matches!(second.item, Some(Item::Chunk(_))));
    }
    world.download(&case.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn there_is_nothing_to_download_before_it_is_ready() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    let answer = world.try_download(&case.case_id, 0).await.map(|_| ());
    let refused = assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_NOT_READY");
    assert_eq!(metadata(&refused)["state"], "IN_PROGRESS");
    world.puppet("marketing").heal();
    world.settled(&case.case_id).await;
    let erasure = world.run(Right::Erasure, &[ADA]).await;
    assert!(erasure.export.is_none());
    let answer = world.try_download(&erasure.case_id, 0).await.map(|_| ());
    assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_NOT_READY");
    world.finish().await;
}

/// How many files there are below.
fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    paths.map(|path| if path.is_dir() { files(&path) } else { 1 }).sum()
}

/// Asks until the case is as wanted. A settled case's watch ends at once, so this is how its later life is seen.
async fn becomes(world: &World, case_id: &str, is_so: impl Fn(&Case) -> bool) -> Case {
    soon("the case to change", async {
        loop {
            let case = world.case(case_id).await;
            if is_so(&case) {
                return case;
            }
        }
    })
    .await
}

#[tokio::test]
async fn an_export_lives_for_30_days_and_then_nothing_of_it_is_left() {
    let clock = Arc::new(ManualClock::new("2026-01-10T12:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new([album()]).clock(clock.clone()).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    let objects = world.dir().join("objects/cases");
    assert!(files(&objects) > 0);
    let expires = case.export.unwrap().expire_time.unwrap();
    assert_eq!(Timestamp::from_second(expires.seconds).unwrap().to_string(), "2026-02-09T12:00:00Z");

    clock.advance(SignedDuration::from_hours(30 * 24 - 1));
    world.download(&case.case_id).await;
    clock.advance(SignedDuration::from_hours(1));
    let case = becomes(&world, &case.case_id, |case| case.state() == CaseState::Expired).await;
    assert!(case.export.is_none());
    let answer = world.try_download(&case.case_id, 0).await.map(|_| ());
    let refused = assert_refused(answer, Code::FailedPrecondition, "ERROR_REASON_EXPIRED");
    assert_eq!(metadata(&refused)["expire_time"], "2026-02-09T12:00:00Z");
    assert_eq!(files(&objects), 0);
    world.finish().await;
}

#[tokio::test]
async fn who_is_down_until_the_case_is_due_needs_a_person() {
    let clock = Arc::new(ManualClock::new("2026-01-10T12:00:00Z".parse::<Timestamp>().unwrap()));
    let world = Builder::new([album()])
        .clock(clock.clone())
        .set("retry.unavailable_attempts", "100000")
        .start()
        .await;
    world.puppet("album").always(Method::Collect, Fault::Fail(Code::Unavailable));
    let opened = world.open(opening(Right::Access, &[ADA])).await;
    let attempts = |case: &Case| task(case, "album", TaskKind::Collect).attempts;
    world.until(&opened.case_id, "the first attempt", |case| attempts(case) == 1).await;
    clock.advance(SignedDuration::from_hours(29 * 24));
    let waiting = world.until(&opened.case_id, "another attempt", |case| attempts(case) == 2).await;
    assert_eq!(task(&waiting, "album", TaskKind::Collect).state(), TaskState::Pending);
    clock.advance(SignedDuration::from_hours(24));
    let case = world.settled(&opened.case_id).await;
    let given_up = task(&case, "album", TaskKind::Collect);
    assert_eq!((given_up.state(), given_up.reason()), (TaskState::NeedsAttention, TaskReason::Unavailable));
    world.finish().await;
}
