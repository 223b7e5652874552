//! A whole world for one test: puppets, rightful, and clients that talk to it as any other caller would.

mod authority;
mod bag;
mod binary;
mod bucket;
mod builder;
mod calls;
mod cluster;
mod collector;
mod command;
mod database;
mod disk;
mod embedded;
mod held;
mod issuer;
mod outage;
mod receiver;
mod scrape;
mod status;
mod subjects;
mod transit;
mod world;

pub use authority::{Authority, EXPIRED, Named, TO_COME, VALID};
pub use bag::{Bag, Export, anonymous_receipt};
pub use binary::Binary;
pub use bucket::{Bucket, Refusal};
pub use builder::Builder;
pub use calls::{called, opening, subject, task};
pub use cluster::Cluster;
pub use collector::{Collector, attribute};
pub use command::{Ran, run};
pub use database::Database;
pub use held::Held;
pub use issuer::{AUDIENCE, Issuer, Signer};
pub use receiver::{Received, Receiver, Reply, by_id};
pub use scrape::{get, get_as};
pub use status::{assert_refused, fields, metadata};
pub use subjects::{ADA, ada, people_services};
pub use transit::{TOKEN, Transit};
pub use world::{Mode, Replica, World};

use std::{future::Future, time::Duration};

/// Far longer than anything here takes, so that only a real fault meets it.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// Waits for something that happens soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, future).await;
    done.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// A variable of whoever runs the tests.
#[expect(
    clippy::disallowed_methods,
    reason = "the product reads its environment in config; this is the suite's own"
)]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
