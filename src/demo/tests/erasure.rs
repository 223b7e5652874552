//! Erasures: what goes, what stays, and that no task takes effect twice.

use tonic::Code;

use super::{
    Demo, SEED,
    client::{Downstream, retain, subject, uuid},
    known_as, now,
};
use crate::{
    demo::{analytics, database, people, people::Person, task, traces},
    proto::downstream::v1::{Action, Directive, EraseRequest, erase_response, get_task_response},
};

#[tokio::test]
async fn billing_erases_all_but_what_the_law_keeps() {
    let demo = Demo::start().await;
    let star = [known_as("billing", demo.fleet.star())];
    let mut billing = demo.downstream("billing").await;
    let before = billing.collect(&star, &[]).await;
    let mut directives = billing.erase_all().await;
    directives[1] = retain("invoices", "P7Y");
    directives[2] = retain("payments", "P7Y");
    let outcome = billing.erase_now(&star, directives).await;
    let invoices = &outcome[1];
    let kept: u64 = invoices.retained.iter().map(|retained| retained.count).sum();
    assert!(invoices.erased > 0 && kept > 0);
    assert_eq!(invoices.erased + kept, before.count("invoices").records);
    let releases: Vec<i64> =
        invoices.retained.iter().map(|retained| retained.release_time.as_ref().unwrap().seconds).collect();
    assert!(releases.is_sorted() && releases.iter().all(|release| *release > now().as_second()));

    let after = billing.collect(&star, &[]).await;
    after.assert_complete(&billing.describe().await);
    assert_eq!(after.count("customers").records + after.count("payment_methods").records, 0);
    assert_eq!(after.count("invoices").records, kept);
    assert_eq!(demo.traces("marketing", demo.fleet.star()).await, marketing_rows(&demo).await);
}

async fn marketing_rows(demo: &Demo) -> u64 {
    let star = [known_as("marketing", demo.fleet.star())];
    let collected = demo.downstream("marketing").await.collect(&star, &[]).await;
    collected.summary().iter().map(|count| count.records).sum()
}

#[tokio::test]
async fn the_same_task_has_one_effect_and_one_answer() {
    let demo = Demo::start().await;
    let people = demo.fleet.people();
    let mut marketing = demo.downstream("marketing").await;
    let directives = marketing.erase_all().await;
    let request = |person: &Person, dry_run| EraseRequest {
        task_id: uuid(7),
        subject: Some(subject(&[known_as("marketing", person)])),
        directives: directives.clone(),
        dry_run,
    };
    let first = marketing.erase(request(&people[1], false)).await.unwrap();
    assert_eq!(marketing.erase(request(&people[1], false)).await.unwrap(), first);
    // Were the second one carried out, it would erase somebody else.
    assert_eq!(marketing.erase(request(&people[2], false)).await.unwrap(), first);
    assert!(demo.traces("marketing", &people[2]).await > 0);
    assert_eq!(demo.traces("marketing", &people[1]).await, 0);
    let mixed_up = marketing.erase(request(&people[1], true)).await.unwrap_err();
    assert_eq!(mixed_up.code(), Code::InvalidArgument);
    let Some(get_task_response::Answer::Outcome(outcome)) = marketing.get_task(&uuid(7)).await.unwrap()
    else {
        panic!("the task is done")
    };
    assert_eq!(Some(erase_response::Answer::Outcome(outcome)), first.answer);
    assert_eq!(marketing.get_task(&uuid(8)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_changes_nothing() {
    let demo = Demo::start().await;
    let star = [known_as("billing", demo.fleet.star())];
    let mut billing = demo.downstream("billing").await;
    let before = billing.collect(&star, &[]).await;
    let mut request = EraseRequest {
        task_id: uuid(1),
        subject: Some(subject(&star)),
        directives: billing.erase_all().await,
        dry_run: true,
    };
    request.directives[1] = retain("invoices", "P7Y");
    let would_be = billing.erase(request.clone()).await.unwrap();
    assert_eq!(billing.collect(&star, &[]).await.items, before.items);
    let real = EraseRequest { task_id: uuid(2), dry_run: false, ..request.clone() };
    assert_eq!(billing.erase(real).await.unwrap(), would_be);
    assert_eq!(billing.erase(request.clone()).await.unwrap(), would_be);

    let mut analytics = demo.downstream("analytics").await;
    request.directives = analytics.erase_all().await;
    assert_eq!(analytics.erase(request).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn anonymised_rows_lead_to_nobody_and_restricted_rows_stay() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    let by_email = [known_as("marketing", star)];
    let mut marketing = demo.downstream("marketing").await;
    let before = marketing.collect(&by_email, &[]).await;
    let mut directives = marketing.erase_all().await;
    directives[0].action = Action::Restrict.into();
    directives[1].action = Action::Anonymise.into();
    let outcome = marketing.erase_now(&by_email, directives).await;
    assert_eq!(outcome[0].restricted, 1);
    assert_eq!(outcome[1].anonymised, before.count("consents").records);
    assert_eq!(demo.traces("marketing", star).await, 1, "the restricted contact");
    let words = [("email", "anonymous".to_owned()), ("subscriber_id", "anonymous".to_owned())];
    assert_eq!(marketing.collect(&words, &[]).await.items.len(), 1, "nobody is found by the word itself");
}

#[tokio::test]
async fn analytics_finishes_in_the_background() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    let by_id = [known_as("analytics", star)];
    let mut analytics = demo.downstream("analytics").await;
    let before = analytics.collect(&by_id, &[]).await;
    let directives = analytics.erase_all().await;
    let request =
        EraseRequest { task_id: uuid(3), subject: Some(subject(&by_id)), directives, dry_run: false };
    let accepted = analytics.erase(request.clone()).await.unwrap();
    assert!(matches!(accepted.answer, Some(erase_response::Answer::Working(_))));
    let outcome = analytics.finished(&uuid(3)).await;
    assert_eq!(outcome[2].erased, before.count("page_events").records);
    assert_eq!(demo.traces("analytics", star).await, 0);
    let repeated = analytics.erase(request).await.unwrap();
    assert!(
        matches!(repeated.answer, Some(erase_response::Answer::Outcome(again)) if again.categories == outcome)
    );
}

#[tokio::test]
async fn an_erased_person_is_not_even_in_the_free_pages_of_the_file() {
    let demo = Demo::start().await;
    let star = demo.fleet.star().clone();
    let mut marketing = demo.downstream("marketing").await;
    let directives = marketing.erase_all().await;
    marketing.erase_now(&[known_as("marketing", &star)], directives).await;
    let Demo { fleet, _dir: dir } = demo;
    let others_email = fleet.people()[1].email.clone();
    fleet.stop().await.unwrap();
    let file = std::fs::read(dir.path().join("marketing.sqlite")).unwrap();
    let holds = |text: &str| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(holds(&others_email));
    assert!(!holds(&star.email) && !holds(&star.subscriber_id));
}

#[tokio::test]
async fn a_restart_finishes_what_was_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("analytics.sqlite");
    let people = people::generate(SEED, 2, now());
    analytics::fill(&file, &people, now()).await.unwrap();
    let holdings = database::open(&file, &[]).await.unwrap();
    let tx = database::begin(&holdings).await.unwrap();
    let request = EraseRequest {
        task_id: uuid(4),
        subject: Some(subject(&[known_as("analytics", &people[1])])),
        directives: vec![Directive {
            category: "devices".to_owned(),
            action: Action::Erase.into(),
            ..Default::default()
        }],
        dry_run: false,
    };
    task::accepted(&tx, &request.into(), now()).await.unwrap();
    tx.commit().await.unwrap();
    let traces = traces::of(&holdings, &people[1]).await.unwrap();
    assert!(traces.contains(&("task".to_owned(), 1)), "the waiting request names the person");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = analytics::serve(listener, &file, now()).await.unwrap();
    let outcome = Downstream::connect(server.endpoint()).await.finished(&uuid(4)).await;
    assert_eq!(outcome[0].erased, people[1].device_ids.len() as u64);
    let task = task::recall(&holdings, &uuid(4)).await.unwrap().unwrap();
    assert_eq!(task.request, None, "the request names the person and goes with the work");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_understood_changes_nothing() {
    let demo = Demo::start().await;
    let star = [known_as("billing", demo.fleet.star())];
    let mut billing = demo.downstream("billing").await;
    let good =
        || Directive { category: "customers".to_owned(), action: Action::Erase.into(), ..Default::default() };
    let unknown = Directive { category: "horoscopes".to_owned(), ..good() };
    let endless = Directive { action: Action::Retain.into(), ..retain("invoices", "for ever") };
    for bad in [unknown, good(), endless, Directive { category: "payments".to_owned(), ..Default::default() }]
    {
        let request = EraseRequest {
            task_id: uuid(5),
            subject: Some(subject(&star)),
            directives: vec![good(), bad],
            dry_run: false,
        };
        assert_eq!(billing.erase(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
    let nameless =
        EraseRequest { task_id: "seven".to_owned(), subject: Some(subject(&star)), ..Default::default() };
    assert_eq!(billing.erase(nameless).await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(billing.collect(&star, &[]).await.count("customers").records, 1);
}
