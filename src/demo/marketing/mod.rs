//! Marketing: whom we write to, what they agreed to, and what they did with our mails.
//!
//! It knows people by `email` and by its own `subscriber_id`.

mod campaign_event;
mod consent;
mod contact;
mod history;

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
use crate::proto::downstream::v1::{DescribeResponse, Identifier, Limits, Recipient, Right, Subject};

struct Marketing;

impl Source for Marketing {
    const NAME: &'static str = "marketing";

    fn describe() -> DescribeResponse {
        DescribeResponse {
            title: "Marketing".to_owned(),
            understands: vec!["email".to_owned(), "subscriber_id".to_owned()],
            provides: vec!["subscriber_id".to_owned()],
            rights: [
                Right::Access,
                Right::Portability,
                Right::Erasure,
                Right::Rectification,
                Right::Restriction,
                Right::Objection,
                Right::ConsentWithdrawal,
            ]
            .map(i32::from)
            .to_vec(),
            supports_dry_run: true,
            backup_horizon: Some(prost_types::Duration { seconds: 14 * 24 * 3_600, nanos: 0 }),
            limits: Some(Limits { parallel_calls: 8 }),
            ..Default::default()
        }
    }

    fn holdings() -> Vec<Box<dyn Holding>> {
        vec![
            holding::of::<contact::Entity>(),
            holding::of::<consent::Entity>(),
            holding::of::<campaign_event::Entity>(),
        ]
    }

    /// Subscriber ids. A consent names its address too: proof of it may outlive the contact.
    async fn owners<C: ConnectionTrait>(db: &C, subject: &Subject) -> Result<Vec<String>, Error> {
        let emails: Vec<&str> = service::values(subject, "email").collect();
        let theirs = contact::Column::Email.is_in(emails.clone());
        let decided = consent::Column::Email.is_in(emails);
        let mut owners: Vec<String> = service::values(subject, "subscriber_id").map(str::to_owned).collect();
        owners.extend(
            database::distinct::<contact::Entity, C>(db, contact::Column::SubscriberId, theirs).await?,
        );
        owners.extend(
            database::distinct::<consent::Entity, C>(db, consent::Column::SubscriberId, decided).await?,
        );
        Ok(owners)
    }

    async fn known_as<C: ConnectionTrait>(db: &C, owners: &[String]) -> Result<Vec<Identifier>, Error> {
        let (contact, consent) = (contact::Column::SubscriberId, consent::Column::SubscriberId);
        // Looked up, because an id that a caller gave us need not exist here.
        let mut known = database::distinct::<contact::Entity, C>(db, contact, contact.is_in(owners)).await?;
        known.extend(database::distinct::<consent::Entity, C>(db, consent, consent.is_in(owners)).await?);
        Ok(service::identifiers("subscriber_id", known))
    }
}

/// Fills the database at `path` with the histories of `people`, all or nothing. Does nothing if it is filled already;
/// [`Error::OtherPeople`] if it was filled with others.
pub async fn fill(path: &Path, people: &[Person], now: Timestamp) -> Result<(), Error> {
    let db = database::open(path, &Marketing::holdings()).await?;
    let tx = database::begin(&db).await?;
    if database::to_be_filled(&tx, people).await? {
        history::write(&tx, people, now).await?;
    }
    tx.commit().await?;
    db.close().await?;
    Ok(())
}

/// Serves marketing on `listener` from the database at `path`, which is created empty if it is not there. `now` is
/// what retention periods are measured against.
pub async fn serve(listener: TcpListener, path: &Path, now: Timestamp) -> Result<Server, Error> {
    server::serve::<Marketing>(listener, path, now).await
}

fn mail_sender() -> Recipient {
    Recipient {
        name: "Mailgrove Inc.".to_owned(),
        role: "sends our newsletters".to_owned(),
        country: "US".to_owned(),
        safeguard: "standard contractual clauses (EU 2021/914, module 2)".to_owned(),
    }
}
