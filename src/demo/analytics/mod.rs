//! Analytics: which devices visited the shop, when, and what they looked at. Much of it.
//!
//! It has never heard of mail addresses: it knows `customer_id`, from sessions that were signed in, and `device_id`.
//! Changing anything takes it a while, so it accepts at once and finishes in the background.

mod device;
mod history;
mod page_event;
mod session;

use std::path::Path;

use jiff::Timestamp;
use sea_orm::entity::prelude::*;
use tokio::net::TcpListener;

use super::{
    Error, Server, database,
    holding::{self, Holding},
    people::Person,
    server,
    service::{self, Source},
};
use crate::proto::downstream::v1::{
    DescribeResponse, Identifier, Limits, Recipient, Retention, Right, Subject,
};

struct Analytics;

impl Source for Analytics {
    const NAME: &'static str = "analytics";

    const IN_BACKGROUND: bool = true;

    /// Nobody has built that yet: its receipts say "not told".
    const TELLS_RECIPIENTS: bool = false;

    fn describe() -> DescribeResponse {
        DescribeResponse {
            title: "Analytics".to_owned(),
            understands: vec!["customer_id".to_owned(), "device_id".to_owned()],
            provides: vec!["device_id".to_owned()],
            rights: [
                Right::Access,
                Right::Erasure,
                Right::Rectification,
                Right::Restriction,
                Right::Objection,
                Right::ConsentWithdrawal,
            ]
            .map(i32::from)
            .to_vec(),
            supports_dry_run: false,
            backup_horizon: Some(prost_types::Duration { seconds: 7 * 24 * 3_600, nanos: 0 }),
            limits: Some(Limits { parallel_calls: 4 }),
            ..Default::default()
        }
    }

    fn holdings() -> Vec<Box<dyn Holding>> {
        vec![
            holding::of::<device::Entity>(),
            holding::of::<session::Entity>(),
            holding::of::<page_event::Entity>(),
        ]
    }

    /// Device ids. A session names the customer too: it may outlive the entry of its device.
    async fn owners<C: ConnectionTrait>(db: &C, subject: &Subject) -> Result<Vec<String>, Error> {
        let customers: Vec<&str> = service::values(subject, "customer_id").collect();
        let theirs = device::Column::CustomerId.is_in(customers.clone());
        let visits = session::Column::CustomerId.is_in(customers);
        let mut owners: Vec<String> = service::values(subject, "device_id").map(str::to_owned).collect();
        owners.extend(database::distinct::<device::Entity, C>(db, device::Column::DeviceId, theirs).await?);
        owners.extend(database::distinct::<session::Entity, C>(db, session::Column::DeviceId, visits).await?);
        Ok(owners)
    }

    async fn known_as<C: ConnectionTrait>(db: &C, owners: &[String]) -> Result<Vec<Identifier>, Error> {
        let (device_id, visit) = (device::Column::DeviceId, session::Column::DeviceId);
        // Looked up, because an id that a caller gave us need not exist here.
        let mut known =
            database::distinct::<device::Entity, C>(db, device_id, device_id.is_in(owners)).await?;
        known.extend(database::distinct::<session::Entity, C>(db, visit, visit.is_in(owners)).await?);
        Ok(service::identifiers("device_id", known))
    }
}

/// Fills the database at `path` with the histories of `people`, all or nothing. Does nothing if it is filled already;
/// [`Error::OtherPeople`] if it was filled with others.
pub async fn fill(path: &Path, people: &[Person], now: Timestamp) -> Result<(), Error> {
    let db = database::open(path, &Analytics::holdings()).await?;
    let tx = database::begin(&db).await?;
    if database::to_be_filled(&tx, people).await? {
        history::write(&tx, people, now).await?;
    }
    tx.commit().await?;
    db.close().await?;
    Ok(())
}

/// Serves analytics on `listener` from the database at `path`, which is created empty if it is not there. Erasures
/// that an earlier server accepted and did not finish are finished now. `now` is what retention periods are measured
/// against.
pub async fn serve(listener: TcpListener, path: &Path, now: Timestamp) -> Result<Server, Error> {
    server::serve::<Analytics>(listener, path, now).await
}

fn two_years(runs_from: &str) -> Retention {
    Retention { period: "P24M".to_owned(), runs_from: runs_from.to_owned(), ground: None }
}

fn warehouse() -> Recipient {
    Recipient {
        name: "Glacier Data Ltd.".to_owned(),
        role: "hosts our statistics".to_owned(),
        country: "GB".to_owned(),
        safeguard: "adequacy decision (EU 2021/1772)".to_owned(),
    }
}
