//! The three sample services over real sockets, asked as rightful asks them.

mod client;
mod erasure;
mod rights;

use std::collections::BTreeSet;

use client::{Collected, Downstream};
use jiff::Timestamp;
use serde_json::Value;
use tonic::Code;

use super::{Error, Fleet, people::Person};
use crate::proto::downstream::v1::{CategoryOutcome, Right, collect_response::Item};

const SEED: u64 = 42;
const PEOPLE: usize = 20;

fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().unwrap()
}

/// A fleet in a folder of its own, which lives as long as it.
struct Demo {
    fleet: Fleet,
    _dir: tempfile::TempDir,
}

impl Demo {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fleet = Fleet::start(dir.path(), PEOPLE, SEED, now()).await.unwrap();
        Self { fleet, _dir: dir }
    }

    async fn downstream(&self, name: &str) -> Downstream {
        let endpoints = self.fleet.endpoints();
        let (_, endpoint) = endpoints.iter().find(|(service, _)| *service == name).unwrap();
        Downstream::connect(endpoint.clone()).await
    }

    async fn traces(&self, service: &str, person: &Person) -> u64 {
        let counts = self.fleet.count_of(person).await.unwrap();
        counts.iter().filter(|(name, ..)| *name == service).map(|(.., rows)| rows).sum()
    }
}

/// How each service may be asked for a person from the start.
fn known_as(service: &str, person: &Person) -> (&'static str, String) {
    match service {
        "analytics" => ("customer_id", person.customer_id.clone()),
        _ => ("email", person.email.clone()),
    }
}

const SERVICES: [&str; 3] = ["billing", "marketing", "analytics"];

#[tokio::test]
async fn describes_itself_within_the_bounds_of_the_contract() {
    let demo = Demo::start().await;
    for service in SERVICES {
        let described = demo.downstream(service).await.describe().await;
        assert!(described.rights().any(|right| right == Right::Erasure));
        let mut names = BTreeSet::new();
        for category in &described.categories {
            assert!(names.insert(&category.name), "{} is there twice", category.name);
            assert!(category.dpv_term.starts_with("https://w3id.org/dpv/pd#"));
            assert!(
                !category.title.is_empty() && !category.purposes.is_empty() && category.retention.is_some()
            );
            let schema: Value = serde_json::from_slice(&category.json_schema).unwrap();
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        }
    }
}

#[tokio::test]
async fn resolves_what_it_provides() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    let by_email = [("email", star.email.as_str())];
    let mut billing = demo.downstream("billing").await;
    assert_eq!(
        billing.resolve(&by_email, &["customer_id"]).await,
        [("customer_id".to_owned(), star.customer_id.clone())]
    );
    assert!(billing.resolve(&[("email", "nobody@example.com")], &["customer_id"]).await.is_empty());
    let mut marketing = demo.downstream("marketing").await;
    let found = marketing.resolve(&by_email, &["subscriber_id"]).await;
    assert_eq!(found, [("subscriber_id".to_owned(), star.subscriber_id.clone())]);
    let mut analytics = demo.downstream("analytics").await;
    let devices = analytics.resolve(&[("customer_id", &star.customer_id)], &["device_id"]).await;
    let devices: BTreeSet<&str> = devices.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(devices, star.device_ids.iter().map(String::as_str).collect());
    assert!(analytics.resolve(&[("device_id", "unheard-of")], &["device_id"]).await.is_empty());
}

#[tokio::test]
async fn collects_records_that_fit_their_schemas_and_a_summary_that_agrees() {
    let demo = Demo::start().await;
    for service in SERVICES {
        let mut downstream = demo.downstream(service).await;
        let described = downstream.describe().await;
        for person in &demo.fleet.people()[..5] {
            let collected = downstream.collect(&[known_as(service, person)], &[]).await;
            collected.assert_complete(&described);
        }
        let of_star = downstream.collect(&[known_as(service, demo.fleet.star())], &[]).await;
        assert!(
            of_star.summary().iter().all(|count| count.records > 0),
            "{service} has nothing of some category"
        );
        let again = downstream.collect(&[known_as(service, demo.fleet.star())], &[]).await;
        assert_eq!(of_star.items, again.items);
    }
}

#[tokio::test]
async fn withholds_card_numbers_and_other_peoples_addresses() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    for (service, category) in [("billing", "payment_methods"), ("marketing", "campaign_events")] {
        let collected = demo.downstream(service).await.collect(&[known_as(service, star)], &[category]).await;
        let [count] = collected.summary() else { panic!("one category was wanted") };
        assert!(count.withheld > 0 && count.records > 0);
        assert!(!collected.text().contains("friend."));
        let long_number =
            collected.text().as_bytes().windows(16).any(|run| run.iter().all(u8::is_ascii_digit));
        assert!(!long_number, "a card number was shown");
    }
}

#[tokio::test]
async fn resumes_after_each_token_with_exactly_the_rest() {
    let demo = Demo::start().await;
    let star = [known_as("analytics", demo.fleet.star())];
    let mut analytics = demo.downstream("analytics").await;
    let whole = analytics.collect(&star, &[]).await;
    let mut tokens = 0;
    for (index, item) in whole.items.iter().enumerate() {
        let Item::ResumeToken(token) = item else { continue };
        tokens += 1;
        let rest = analytics.collect_from(&star, &[], token.token.clone()).await.unwrap();
        assert_eq!(rest.items, whole.items[index + 1..]);
    }
    assert!(tokens >= 5, "only {tokens} tokens");
    let Some(Item::ResumeToken(token)) = whole.items.iter().find(|item| matches!(item, Item::ResumeToken(_)))
    else {
        panic!("there are tokens")
    };
    let other = analytics.collect_from(&star, &["devices"], token.token.clone()).await;
    assert_eq!(other.unwrap_err().code(), Code::InvalidArgument);
    let forged = analytics.collect_from(&star, &[], b"{}".as_slice().into()).await;
    assert_eq!(forged.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn holds_nothing_of_an_unknown_person() {
    let demo = Demo::start().await;
    for service in ["billing", "marketing"] {
        let mut downstream = demo.downstream(service).await;
        let stranger = [("email", "nobody@example.com".to_owned())];
        let collected = downstream.collect(&stranger, &[]).await;
        assert_eq!(collected.items.len(), 1, "the summary alone");
        assert!(collected.summary().iter().all(|count| count.records + count.files + count.withheld == 0));
        let directives = downstream.erase_all().await;
        let outcome = downstream.erase_now(&stranger, directives).await;
        assert!(outcome.iter().all(|category| *category == nothing(&category.category)));
    }
}

fn nothing(category: &str) -> CategoryOutcome {
    CategoryOutcome { category: category.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn the_databases_are_filled_once_and_with_the_same_people() {
    let dir = tempfile::tempdir().unwrap();
    let fleet = Fleet::start(dir.path(), 3, SEED, now()).await.unwrap();
    let before = fleet.count_of(fleet.star()).await.unwrap();
    assert!(
        before
            .iter()
            .filter(|(_, table, _)| !["task", "stopped_use"].contains(&table.as_str()))
            .all(|(.., rows)| *rows > 0)
    );
    fleet.stop().await.unwrap();
    let again = Fleet::start(dir.path(), 3, SEED, now()).await.unwrap();
    assert_eq!(again.count_of(again.star()).await.unwrap(), before);
    again.stop().await.unwrap();
    assert!(matches!(Fleet::start(dir.path(), 3, SEED + 1, now()).await, Err(Error::OtherPeople)));
    assert!(matches!(Fleet::start(dir.path(), 4, SEED, now()).await, Err(Error::OtherPeople)));
}

impl Collected {
    fn text(&self) -> String {
        let records = self.items.iter().filter_map(|item| match item {
            Item::Record(record) => Some(String::from_utf8_lossy(&record.json).into_owned()),
            _ => None,
        });
        records.collect()
    }
}
