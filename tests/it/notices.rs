//! Notices: what happens to cases goes out, signed and at least once, and can be read in one order.

use std::{collections::BTreeSet, sync::Arc};

use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::Right,
        v1::{
            CancelCaseRequest, CaseState, EnableWebhookRequest, ListNoticesRequest, ListNoticesResponse,
            ListWebhooksRequest, NoticeType, WatchNoticesRequest, Webhook,
        },
    },
};
use tonic::{Code, Status};

use crate::{
    harness::{
        ADA, Builder, Cluster, Database, Received, Receiver, Reply, World, assert_refused, by_id, fields,
        metadata, opening, people_services, soon,
    },
    puppet::{Fault, Method},
};

/// A world whose notices go to the receiver.
async fn world(receiver: &Receiver, more: &str) -> World {
    Builder::new(people_services()).entry(&receiver.entry("crm", more)).start().await
}

async fn list(world: &World, after: u64, types: &[NoticeType]) -> Result<ListNoticesResponse, Status> {
    let request = ListNoticesRequest {
        after_sequence: after,
        notice_types: types.iter().map(|each| (*each).into()).collect(),
        page_size: 0,
    };
    Ok(world.notices().list_notices(request).await?.into_inner())
}

async fn webhook(world: &World) -> Webhook {
    let listed =
        world.notices().list_webhooks(ListWebhooksRequest {}).await.expect("it is there").into_inner();
    listed.webhooks.into_iter().next().expect("one is configured")
}

/// Waits until the webhook is as wanted.
async fn webhook_until(world: &World, what: &str, is_so: impl Fn(&Webhook) -> bool) -> Webhook {
    soon(what, async {
        loop {
            let webhook = webhook(world).await;
            if is_so(&webhook) {
                return webhook;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

fn kinds(received: &[Received]) -> Vec<&str> {
    received.iter().map(Received::kind).collect()
}

#[tokio::test]
async fn what_happens_to_a_case_goes_out_signed() {
    let receiver = Receiver::start().await;
    let world = world(&receiver, "").await;
    let mut request = opening(Right::Access, &[ADA]);
    request.labels.insert("ticket".into(), "HELP-1".into());
    let opened = world.open(request.clone()).await;
    let case = world.settled(&opened.case_id).await;
    let delivered = receiver.until("two notices", |received| received.len() >= 2).await;
    let mut seen = kinds(&delivered);
    seen.sort_unstable();
    assert_eq!(seen, ["case.opened", "case.settled"]);
    let settled = delivered.iter().find(|each| each.kind() == "case.settled").unwrap();
    let event = &settled.event;
    assert_eq!((event["specversion"].as_str(), event["id"].as_str()), (Some("1.0"), Some(&*settled.id)));
    assert_eq!(
        (event["source"].as_str(), event["subject"].as_str()),
        (Some("/rightful"), Some(&*case.case_id))
    );
    let data = &event["data"];
    assert_eq!(data["request_id"], request.request_id);
    assert_eq!(data["labels"]["ticket"], "HELP-1");
    assert_eq!((data["right"].as_str(), data["state"].as_str()), (Some("access"), Some("completed")));
    assert_eq!(data["reason"], "fulfilled");
    assert!(data["due_time"].as_str().is_some_and(|text| text.ends_with('Z')));
    webhook_until(&world, "nothing to be left", |webhook| webhook.undelivered == 0).await;
    assert!(by_id(&receiver.received()).values().all(|times| *times == 1), "each once if nothing fails");
    world.finish().await;
}

#[tokio::test]
async fn a_failed_task_and_a_cancelled_case_are_said() {
    let receiver = Receiver::start().await;
    let world = world(&receiver, "types = [\"task.needs_attention\", \"case.cancelled\"]").await;
    world.puppet("marketing").always(Method::Collect, Fault::Fail(Code::PermissionDenied));
    let case = world.run(Right::Access, &[ADA]).await;
    world.puppet("billing").always(Method::Collect, Fault::Hang);
    let other = world.open(opening(Right::Access, &[ADA])).await;
    let request = CancelCaseRequest { case_id: other.case_id.clone() };
    world.cases().cancel_case(request).await.unwrap();
    let wanted = |received: &[Received]| received.iter().any(|each| each.kind() == "case.cancelled");
    let delivered = receiver.until("the cancelled case", wanted).await;
    let failed = delivered.iter().find(|each| each.case_id() == case.case_id).unwrap();
    assert_eq!(failed.kind(), "task.needs_attention");
    let task = &failed.event["data"]["task"];
    assert_eq!((task["downstream"].as_str(), task["reason"].as_str()), (Some("marketing"), Some("rejected")));
    let unwanted = ["case.opened", "case.settled"];
    assert!(delivered.iter().all(|each| !unwanted.contains(&each.kind())), "{:?}", kinds(&delivered));
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_taken_is_sent_again_under_the_same_id() {
    let receiver = Receiver::start().await;
    for reply in [Reply::Code(500), Reply::Code(302), Reply::Later(1), Reply::Never] {
        receiver.next(reply);
    }
    let world = world(&receiver, "timeout = \"200ms\"\ntypes = [\"case.opened\"]").await;
    world.run(Right::Access, &[ADA]).await;
    let delivered = receiver.until("five deliveries", |received| received.len() >= 5).await;
    assert_eq!(by_id(&delivered).len(), 1, "all of the same notice");
    assert!(delivered.iter().all(|each| each.event == delivered[0].event), "and the same bytes");
    let is_good = |webhook: &Webhook| webhook.undelivered == 0 && webhook.failures == 0;
    assert_eq!(webhook_until(&world, "it to be taken", is_good).await.last_error, "");
    world.finish().await;
}

#[tokio::test]
async fn a_crash_before_the_record_sends_it_again() {
    let receiver = Receiver::start().await;
    receiver.next(Reply::Never);
    let mut world = world(&receiver, "timeout = \"10s\"\ntypes = [\"case.settled\"]").await;
    let case = world.run(Right::Access, &[ADA]).await;
    let first = receiver.until("the first delivery", |received| !received.is_empty()).await.remove(0);
    world.restart().await;
    if matches!(world.database(), Database::Postgresql { .. }) {
        // Nobody can tell a dead replica from a slow one: its lease has to end, which takes as long as the timeout.
        world.finish().await;
        return;
    }
    let delivered = receiver.until("the second delivery", |received| received.len() >= 2).await;
    assert_eq!((&delivered[1].id, delivered[1].case_id()), (&first.id, &*case.case_id));
    webhook_until(&world, "it to be taken", |webhook| webhook.undelivered == 0).await;
    world.finish().await;
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_called_again_only_when_it_is_enabled() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::Code(410));
    let mut world = world(&receiver, "types = [\"case.settled\"]").await;
    world.run(Right::Access, &[ADA]).await;
    let gone = webhook_until(&world, "it to be disabled", |webhook| webhook.disable_time.is_some()).await;
    assert_eq!((gone.undelivered, gone.last_error.as_str()), (1, "410 Gone"));
    receiver.always(Reply::Code(200));
    world.restart().await;
    world.run(Right::Access, &[ADA]).await;
    assert_eq!(webhook_until(&world, "it to wait", |webhook| webhook.undelivered == 2).await.failures, 0);
    assert_eq!(receiver.received().len(), 1, "it was not called any more");
    let request = EnableWebhookRequest { name: "crm".into() };
    let enabled = world.notices().enable_webhook(request).await.unwrap().into_inner().webhook.unwrap();
    assert!(enabled.disable_time.is_none());
    webhook_until(&world, "both to be taken", |webhook| webhook.undelivered == 0).await;
    assert_eq!(by_id(&receiver.received()).len(), 2);
    let unknown = world.notices().enable_webhook(EnableWebhookRequest { name: "erp".into() }).await;
    assert_refused(unknown, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    world.finish().await;
}

#[tokio::test]
async fn a_notice_is_given_up_after_its_time_and_can_still_be_read() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::Code(500));
    let world = world(&receiver, "deliver_within = \"1s\"\ntypes = [\"case.settled\"]").await;
    let case = world.run(Right::Access, &[ADA]).await;
    receiver.until("it to be tried", |received| received.len() >= 2).await;
    webhook_until(&world, "it to be given up", |webhook| webhook.undelivered == 0).await;
    let listed = list(&world, 0, &[NoticeType::CaseSettled]).await.unwrap();
    assert_eq!(listed.notices.len(), 1);
    assert_eq!(listed.notices[0].case_id, case.case_id);
    world.finish().await;
}

#[tokio::test]
async fn a_watch_has_everything_once_and_goes_on_where_it_was() {
    let world = World::start(people_services()).await;
    let mut watch = world.notices().watch_notices(WatchNoticesRequest::default()).await.unwrap().into_inner();
    let first = soon("the first answer", watch.message()).await.unwrap().unwrap();
    assert_eq!((first.notices.len(), first.through_sequence), (0, 0), "it comes at once");
    let mut opened = BTreeSet::new();
    for _ in 0..20 {
        opened.insert(world.open(opening(Right::Access, &[ADA])).await.case_id);
    }
    for case in &opened {
        world.settled(case).await;
    }
    let mut seen = Vec::new();
    while seen.len() < 40 {
        seen.extend(soon("notices", watch.message()).await.unwrap().unwrap().notices);
    }
    let sequences: Vec<u64> = seen.iter().map(|notice| notice.sequence).collect();
    assert_eq!(sequences, (1..=40).collect::<Vec<_>>(), "each once, in order");
    let of = |wanted: NoticeType| -> BTreeSet<String> {
        let seen = seen.iter().filter(|notice| notice.notice_type() == wanted);
        seen.map(|notice| notice.case_id.clone()).collect()
    };
    assert_eq!((of(NoticeType::CaseOpened), of(NoticeType::CaseSettled)), (opened.clone(), opened));

    let request = WatchNoticesRequest {
        after_sequence: 30,
        notice_types: vec![NoticeType::CaseSettled.into(), NoticeType::CaseOpened.into()],
    };
    let mut watch = world.notices().watch_notices(request).await.unwrap().into_inner();
    let rest = soon("the rest", watch.message()).await.unwrap().unwrap();
    assert_eq!((rest.notices.len(), rest.through_sequence), (10, 40));
    assert_eq!(rest.notices, seen[30..]);
    let listed = list(&world, 38, &[]).await.unwrap();
    assert_eq!((listed.notices.as_slice(), listed.through_sequence, listed.more), (&seen[38..], 40, false));
    let request = ListNoticesRequest { page_size: 7, ..ListNoticesRequest::default() };
    let page = world.notices().list_notices(request).await.unwrap().into_inner();
    assert_eq!((page.notices.as_slice(), page.through_sequence, page.more), (&seen[..7], 7, true));

    let request = ListNoticesRequest { after_sequence: u64::MAX, notice_types: vec![0, 99], page_size: 1 };
    let bad = world.notices().list_notices(request).await.unwrap_err();
    assert_eq!(fields(&bad), ["after_sequence", "notice_types[0]", "notice_types[1]"]);
    world.finish().await;
}

#[tokio::test]
async fn notices_are_kept_for_their_time_and_a_gap_is_said() {
    let clock = Arc::new(ManualClock::new("2026-01-01T08:00:00Z".parse().unwrap()));
    let world = Builder::new(people_services()).clock(clock.clone()).start().await;
    let case = world.run(Right::Access, &[ADA]).await;
    assert_eq!(case.state(), CaseState::Completed);
    let sequence =
        async |world: &World| list(world, 0, &[]).await.unwrap().notices.first().map(|n| n.sequence);
    soon("the first notices", async {
        while list(&world, 0, &[]).await.unwrap().notices.len() < 2 {
            clock.advance(SignedDuration::from_millis(60));
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(sequence(&world).await, Some(1));
    clock.advance(SignedDuration::from_hours(31 * 24));
    let pruned = async {
        while sequence(&world).await == Some(1) {
            clock.advance(SignedDuration::from_secs(61));
            tokio::task::yield_now().await;
        }
    };
    soon("the old ones to go", pruned).await;
    let refused =
        assert_refused(list(&world, 1, &[]).await, Code::FailedPrecondition, "ERROR_REASON_EXPIRED");
    assert_eq!(metadata(&refused)["oldest_sequence"], "3");
    let later = world.open(opening(Right::Access, &[ADA])).await;
    soon("the next notice", async {
        loop {
            let notices = list(&world, 2, &[]).await.unwrap().notices;
            if let Some(next) = notices.first() {
                assert_eq!(
                    (next.sequence, &next.case_id),
                    (3, &later.case_id),
                    "numbers are not given again"
                );
                return;
            }
            clock.advance(SignedDuration::from_millis(60));
            tokio::task::yield_now().await;
        }
    })
    .await;
    world.settled(&later.case_id).await;
    world.finish().await;
}

#[tokio::test]
async fn two_replicas_give_one_order_and_send_each_notice() {
    const CASES: usize = 60;
    let receiver = Receiver::start().await;
    let database = Database::in_server(Cluster::shared().url("postgres")).await;
    let world = Builder::new(people_services())
        .database(database)
        .entry(&receiver.entry("crm", "types = [\"case.opened\"]"))
        .start()
        .await;
    let second = world.replica().await;
    let mut watch = world.notices().watch_notices(WatchNoticesRequest::default()).await.unwrap().into_inner();
    let mut opening_them = Vec::new();
    for number in 0..CASES {
        let mut cases = if number % 2 == 0 { world.cases() } else { second.cases() };
        opening_them.push(tokio::spawn(async move {
            let request = opening(Right::Access, &[ADA]);
            cases.open_case(request).await.unwrap().into_inner().case.unwrap().case_id
        }));
    }
    let mut opened = BTreeSet::new();
    for one in opening_them {
        opened.insert(one.await.unwrap());
    }
    // Read as they come, while both replicas write: nothing is seen late, or twice.
    let (mut seen, mut told) = (Vec::new(), BTreeSet::new());
    while told.len() < CASES {
        for notice in soon("notices", watch.message()).await.unwrap().unwrap().notices {
            seen.push(notice.sequence);
            if notice.notice_type() == NoticeType::CaseOpened {
                assert!(told.insert(notice.case_id), "each once");
            }
        }
    }
    assert_eq!(told, opened);
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "in order, and without a gap");
    let all = |received: &[Received]| by_id(received).len() == CASES;
    let delivered = receiver.until("every notice", all).await;
    assert_eq!(delivered.iter().map(|each| each.case_id().to_owned()).collect::<BTreeSet<_>>(), opened);
    for case in &opened {
        world.settled(case).await;
    }
    second.stop().await;
    world.finish().await;
}
