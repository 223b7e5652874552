//! Billing: who the customers are, what they bought and how they paid.
//!
//! It knows people by `email` and `customer_id` and turns one into the other. The law makes it keep invoices and
//! payments for seven years; card numbers never leave it.

mod customer;
mod history;
mod invoice;
mod payment;
mod payment_method;

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
    DescribeResponse, Ground, GroundCode, Identifier, Limits, Recipient, Retention, Right, Subject,
};

struct Billing;

impl Source for Billing {
    const NAME: &'static str = "billing";

    fn describe() -> DescribeResponse {
        DescribeResponse {
            title: "Billing".to_owned(),
            understands: vec!["email".to_owned(), "customer_id".to_owned()],
            provides: vec!["customer_id".to_owned(), "email".to_owned()],
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
            backup_horizon: Some(prost_types::Duration { seconds: 35 * 24 * 3_600, nanos: 0 }),
            limits: Some(Limits { parallel_calls: 8 }),
            ..Default::default()
        }
    }

    fn holdings() -> Vec<Box<dyn Holding>> {
        vec![
            holding::of::<customer::Entity>(),
            holding::of::<invoice::Entity>(),
            holding::of::<payment::Entity>(),
            holding::of::<payment_method::Entity>(),
        ]
    }

    /// Customer ids. An invoice names the customer's address too: it must be found by it when the account is gone.
    async fn owners<C: ConnectionTrait>(db: &C, subject: &Subject) -> Result<Vec<String>, Error> {
        let emails: Vec<&str> = service::values(subject, "email").collect();
        let theirs = customer::Column::Email.is_in(emails.clone());
        let billed = invoice::Column::BilledEmail.is_in(emails);
        let mut owners: Vec<String> = service::values(subject, "customer_id").map(str::to_owned).collect();
        owners.extend(
            database::distinct::<customer::Entity, C>(db, customer::Column::CustomerId, theirs).await?,
        );
        owners
            .extend(database::distinct::<invoice::Entity, C>(db, invoice::Column::CustomerId, billed).await?);
        Ok(owners)
    }

    async fn known_as<C: ConnectionTrait>(db: &C, owners: &[String]) -> Result<Vec<Identifier>, Error> {
        let (account, invoice) = (customer::Column::CustomerId, invoice::Column::CustomerId);
        let (theirs, billed) = (account.is_in(owners), invoice.is_in(owners));
        let emails =
            database::distinct::<customer::Entity, C>(db, customer::Column::Email, theirs.clone()).await?;
        // Looked up, because an id that a caller gave us need not exist here.
        let mut ids = database::distinct::<customer::Entity, C>(db, account, theirs).await?;
        ids.extend(database::distinct::<invoice::Entity, C>(db, invoice, billed).await?);
        let mut known = service::identifiers("customer_id", ids);
        known.extend(service::identifiers("email", emails));
        Ok(known)
    }
}

/// Fills the database at `path` with the histories of `people`, all or nothing. Does nothing if it is filled already;
/// [`Error::OtherPeople`] if it was filled with others.
pub async fn fill(path: &Path, people: &[Person], now: Timestamp) -> Result<(), Error> {
    let db = database::open(path, &Billing::holdings()).await?;
    let tx = database::begin(&db).await?;
    if database::to_be_filled(&tx, people).await? {
        history::write(&tx, people, now).await?;
    }
    tx.commit().await?;
    db.close().await?;
    Ok(())
}

/// Serves billing on `listener` from the database at `path`, which is created empty if it is not there. `now` is what
/// retention periods are measured against.
pub async fn serve(listener: TcpListener, path: &Path, now: Timestamp) -> Result<Server, Error> {
    server::serve::<Billing>(listener, path, now).await
}

/// Seven years, as Austrian tax law has it: the sample company sits in Vienna.
fn book_keeping(runs_from: &str) -> Retention {
    Retention {
        period: "P7Y".to_owned(),
        runs_from: runs_from.to_owned(),
        ground: Some(Ground {
            code: GroundCode::LegalObligation.into(),
            source: "BAO § 132".to_owned(),
            note: "Tax law obliges us to keep books and vouchers for seven years.".to_owned(),
        }),
    }
}

/// Why a voucher is not changed.
fn vouchers() -> Ground {
    Ground {
        code: GroundCode::LegalObligation.into(),
        source: "BAO § 131".to_owned(),
        note: "A voucher must not be altered afterwards; what is wrong in it is put right by another one."
            .to_owned(),
    }
}

fn accountants() -> Recipient {
    Recipient {
        name: "Huber & Partner Steuerberatung".to_owned(),
        role: "keeps our books".to_owned(),
        country: "AT".to_owned(),
        safeguard: String::new(),
    }
}

fn payment_processor() -> Recipient {
    Recipient {
        name: "Fjordpay AB".to_owned(),
        role: "processes card payments".to_owned(),
        country: "SE".to_owned(),
        safeguard: String::new(),
    }
}
