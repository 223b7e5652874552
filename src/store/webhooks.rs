//! Webhooks: which notices each has not taken yet, leased to whoever sends them, and how it does.
//!
//! **Guarantees.** A notice is given to one sender at a time, until its lease ends. It is forgotten only when it was
//! taken, its time is over, or the webhook is gone: sent at least once.

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, Statement, Value,
    sea_query::{Expr, ExprTrait as _, OnConflict},
};
use uuid::Uuid;

use super::{
    Error, Store,
    convert::Place,
    entity::{notice, notice_delivery, webhook},
    notices,
    transaction::{self, Work},
    wake::Rings,
};
use crate::domain::Notice;

/// Characters of an error that are kept.
const ERROR_CHARS_MAX: usize = 200;

/// A claim of deliveries.
#[derive(Clone, Debug)]
pub struct DeliveryClaim {
    /// Whose.
    pub webhook: String,
    /// The time.
    pub now: Timestamp,
    /// When the leases end.
    pub until: Timestamp,
    /// The leases' token.
    pub token: Uuid,
    /// At the most.
    pub wanted: u32,
}

/// A notice to be sent, under a lease.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The notice.
    pub notice: Notice,
    /// How often it was sent in vain.
    pub attempts: u32,
}

/// What became of a delivery.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Which notice.
    pub sequence: u64,
    /// The lease's token.
    pub token: Uuid,
    /// How it went.
    pub ending: Ending,
}

/// How a delivery went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The webhook took it.
    Taken,
    /// It did not. Sent again at this time, and the webhook is left alone until the other.
    Again {
        /// When this notice may be sent again.
        at: Timestamp,
        /// Until when nothing is sent.
        held_until: Timestamp,
        /// Why, without personal data.
        error: String,
    },
    /// It did not, and the notice's time is over.
    GivenUp {
        /// Why, without personal data.
        error: String,
    },
    /// The webhook says that it is gone for good.
    Gone,
}

/// A webhook as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWebhook {
    /// Its name.
    pub name: String,
    /// Since when it is not called any more.
    pub disabled_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// Until when it is left alone.
    pub held_until: Option<Timestamp>,
    /// Why it failed last.
    pub last_error: Option<String>,
}

impl Store {
    /// Makes a row for each of these webhooks, given with a digest of its URL. One that has another URL now is another
    /// webhook, and called again even if the old one was gone.
    pub async fn register_webhooks(&self, named: &[(String, String)]) -> Result<(), Error> {
        for (name, endpoint) in named {
            let row = webhook::ActiveModel {
                name: Set(name.clone()),
                endpoint: Set(endpoint.clone()),
                ..Default::default()
            };
            webhook::Entity::insert(row)
                .on_conflict(OnConflict::column(webhook::Column::Name).do_nothing().to_owned())
                .exec_without_returning(&self.writer)
                .await?;
            self.reset_webhook(
                webhook::Column::Name.eq(name.as_str()).and(webhook::Column::Endpoint.ne(endpoint.as_str())),
                Some(endpoint),
            )
            .await?;
        }
        Ok(())
    }

    /// Calls a webhook again that was disabled, at once.
    pub async fn enable_webhook(&self, name: &str) -> Result<(), Error> {
        self.reset_webhook(webhook::Column::Name.eq(name), None).await?;
        self.wakes.committed(&Rings { notices: true, ..Rings::default() });
        Ok(())
    }

    async fn reset_webhook(&self, which: Expr, endpoint: Option<&str>) -> Result<(), Error> {
        let mut update = webhook::Entity::update_many()
            .col_expr(webhook::Column::DisabledAt, Expr::value(None::<i64>))
            .col_expr(webhook::Column::Failures, 0.into())
            .col_expr(webhook::Column::HeldUntil, Expr::value(None::<i64>))
            .filter(which);
        if let Some(endpoint) = endpoint {
            update = update.col_expr(webhook::Column::Endpoint, endpoint.into());
        }
        update.exec(&self.writer).await?;
        Ok(())
    }

    /// All webhooks that there have been, by name.
    pub async fn webhooks(&self) -> Result<Vec<StoredWebhook>, Error> {
        let rows = webhook::Entity::find().order_by_asc(webhook::Column::Name).all(&self.reader).await?;
        rows.iter().map(stored).collect()
    }

    /// How many notices a webhook has not taken yet, and when the oldest of them happened.
    pub async fn undelivered(&self, name: &str) -> Result<(u64, Option<Timestamp>), Error> {
        let own = notice_delivery::Entity::find().filter(notice_delivery::Column::Webhook.eq(name));
        let count: Option<i64> = own
            .select_only()
            .column_as(notice_delivery::Column::Sequence.count(), "count")
            .into_tuple()
            .one(&self.reader)
            .await?;
        let count = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        Ok((count, self.oldest_undelivered(name).await?))
    }

    /// When the oldest notice happened that a webhook has not taken yet.
    pub async fn oldest_undelivered(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        let own = notice_delivery::Entity::find().filter(notice_delivery::Column::Webhook.eq(name));
        let oldest = own.order_by_asc(notice_delivery::Column::Sequence).limit(1).one(&self.reader).await?;
        Ok(oldest.and_then(|row| Timestamp::from_microsecond(row.at).ok()))
    }

    /// When the next notice may be sent to a webhook, for all that its deliveries say.
    pub async fn next_delivery(&self, name: &str) -> Result<Option<Timestamp>, Error> {
        let query = notice_delivery::Entity::find()
            .filter(notice_delivery::Column::Webhook.eq(name))
            .order_by_asc(notice_delivery::Column::ClaimAt)
            .limit(1);
        let first = query.one(&self.reader).await?;
        Ok(first.and_then(|row| Timestamp::from_microsecond(row.claim_at).ok()))
    }

    /// Leases notices to be sent to a webhook; and when it is left alone, until when.
    pub async fn claim_deliveries(
        &self,
        claim: DeliveryClaim,
    ) -> Result<(Vec<Delivery>, Option<Timestamp>), Error> {
        transaction::run(&self.writer, &mut Claiming(claim)).await
    }

    /// Records what became of deliveries to one webhook. What somebody else has claimed meanwhile is left to them.
    pub async fn record_deliveries(
        &self,
        webhook: &str,
        now: Timestamp,
        delivered: Vec<Delivered>,
    ) -> Result<(), Error> {
        transaction::run(&self.writer, &mut Recording { webhook: webhook.to_owned(), now, delivered }).await
    }

    /// At the start of a process that is alone: what a dead one was about to send may be sent at once.
    pub(super) async fn hand_back_deliveries(&self, now: Timestamp) -> Result<(), Error> {
        notice_delivery::Entity::update_many()
            .col_expr(notice_delivery::Column::ClaimAt, now.as_microsecond().into())
            .col_expr(notice_delivery::Column::LeaseToken, Expr::value(None::<Uuid>))
            .filter(notice_delivery::Column::LeaseToken.is_not_null())
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}

fn stored(row: &webhook::Model) -> Result<StoredWebhook, Error> {
    let place = Place { table: "webhooks", id: &row.name };
    let time = |column, micros: Option<i64>| micros.map(|micros| place.time(column, micros)).transpose();
    Ok(StoredWebhook {
        name: row.name.clone(),
        disabled_at: time("disabled_at", row.disabled_at)?,
        failures: place.number("failures", row.failures.into())?,
        held_until: time("held_until", row.held_until)?,
        last_error: row.last_error.clone(),
    })
}

/// The row of a webhook, locked: replicas claim, and record, one after the other.
async fn locked(transaction: &DatabaseTransaction, name: &str) -> Result<webhook::Model, Error> {
    let found = webhook::Entity::find_by_id(name).lock_exclusive().one(transaction).await?;
    found.ok_or(Error::Gone("webhook"))
}

struct Claiming(DeliveryClaim);

impl Work for Claiming {
    const NAME: &'static str = "claim_deliveries";
    type Answer = (Vec<Delivery>, Option<Timestamp>);

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<Self::Answer, Error> {
        let claim = &self.0;
        let webhook = stored(&locked(transaction, &claim.webhook).await?)?;
        if webhook.disabled_at.is_some() {
            return Ok((Vec::new(), Some(Timestamp::MAX)));
        }
        if let Some(held_until) = webhook.held_until.filter(|until| *until > claim.now) {
            return Ok((Vec::new(), Some(held_until)));
        }
        // After a failure, one at a time finds out whether it is back.
        let wanted = if webhook.failures > 0 { 1 } else { claim.wanted };
        if webhook.failures > 0 && is_being_tried(transaction, claim).await? {
            return Ok((Vec::new(), Some(claim.until)));
        }
        let values: [Value; 5] = [
            claim.token.into(),
            claim.until.as_microsecond().into(),
            claim.webhook.as_str().into(),
            claim.now.as_microsecond().into(),
            i64::from(wanted).into(),
        ];
        let backend = transaction.get_database_backend();
        let statement = Statement::from_sql_and_values(backend, claim_sql(backend), values);
        let mut attempts = std::collections::BTreeMap::new();
        for row in transaction.query_all_raw(statement).await? {
            attempts.insert(row.try_get::<i64>("", "sequence")?, row.try_get::<i32>("", "attempts")?);
        }
        if attempts.is_empty() {
            return Ok((Vec::new(), None));
        }
        let rows = notice::Entity::find()
            .filter(notice::Column::Sequence.is_in(attempts.keys().copied()))
            .order_by_asc(notice::Column::Sequence)
            .all(transaction)
            .await?;
        let delivery = |row: &notice::Model| {
            let tried = row.sequence.and_then(|sequence| attempts.get(&sequence)).copied().unwrap_or(0);
            let attempts = u32::try_from(tried).unwrap_or(0);
            Ok(Delivery { notice: notices::as_notice(row)?, attempts })
        };
        Ok((rows.iter().map(delivery).collect::<Result<_, Error>>()?, None))
    }
}

async fn is_being_tried(transaction: &DatabaseTransaction, claim: &DeliveryClaim) -> Result<bool, Error> {
    let leased = notice_delivery::Entity::find()
        .filter(notice_delivery::Column::Webhook.eq(claim.webhook.as_str()))
        .filter(notice_delivery::Column::LeaseToken.is_not_null())
        .filter(notice_delivery::Column::ClaimAt.gt(claim.now.as_microsecond()))
        .limit(1);
    Ok(leased.one(transaction).await?.is_some())
}

/// The claim of HOUSE. In order of their due times, which is the order of the notices as long as nothing fails.
fn claim_sql(backend: DbBackend) -> String {
    let skip_locked = if backend == DbBackend::Postgres { "FOR UPDATE SKIP LOCKED" } else { "" };
    format!(
        "WITH due AS (SELECT sequence FROM notice_deliveries WHERE webhook = $3 AND claim_at <= $4 \
         ORDER BY claim_at, sequence LIMIT $5 {skip_locked}) \
         UPDATE notice_deliveries SET lease_token = $1, claim_at = $2 \
         WHERE webhook = $3 AND sequence IN (SELECT sequence FROM due) RETURNING sequence, attempts"
    )
}

struct Recording {
    webhook: String,
    now: Timestamp,
    delivered: Vec<Delivered>,
}

impl Work for Recording {
    const NAME: &'static str = "record_deliveries";
    type Answer = ();

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<(), Error> {
        let mut row = locked(transaction, &self.webhook).await?;
        let before = row.clone();
        for delivered in &self.delivered {
            self.one(transaction, delivered, &mut row).await?;
        }
        if row != before {
            let row = webhook::ActiveModel {
                name: sea_orm::Unchanged(row.name),
                disabled_at: Set(row.disabled_at),
                failures: Set(row.failures),
                held_until: Set(row.held_until),
                last_error: Set(row.last_error),
                ..Default::default()
            };
            webhook::Entity::update(row).exec_without_returning(transaction).await?;
        }
        Ok(())
    }
}

impl Recording {
    async fn one(
        &self,
        transaction: &DatabaseTransaction,
        delivered: &Delivered,
        row: &mut webhook::Model,
    ) -> Result<(), Error> {
        let sequence = i64::try_from(delivered.sequence).unwrap_or(i64::MAX);
        let own = notice_delivery::Column::Webhook
            .eq(self.webhook.as_str())
            .and(notice_delivery::Column::Sequence.eq(sequence))
            .and(notice_delivery::Column::LeaseToken.eq(delivered.token));
        let short = |error: &str| Some(error.chars().take(ERROR_CHARS_MAX).collect::<String>());
        match &delivered.ending {
            Ending::Taken => {
                notice_delivery::Entity::delete_many().filter(own).exec(transaction).await?;
                (row.failures, row.held_until, row.last_error) = (0, None, None);
            }
            Ending::GivenUp { error } => {
                notice_delivery::Entity::delete_many().filter(own).exec(transaction).await?;
                row.last_error = short(error);
            }
            Ending::Again { at, held_until, error } => {
                notice_delivery::Entity::update_many()
                    .col_expr(
                        notice_delivery::Column::Attempts,
                        Expr::col(notice_delivery::Column::Attempts).add(1),
                    )
                    .col_expr(notice_delivery::Column::ClaimAt, at.as_microsecond().into())
                    .col_expr(notice_delivery::Column::LeaseToken, Expr::value(None::<Uuid>))
                    .filter(own)
                    .exec(transaction)
                    .await?;
                row.failures = row.failures.saturating_add(1);
                row.held_until = Ord::max(row.held_until, Some(held_until.as_microsecond()));
                row.last_error = short(error);
            }
            Ending::Gone => {
                notice_delivery::Entity::update_many()
                    .col_expr(notice_delivery::Column::ClaimAt, self.now.as_microsecond().into())
                    .col_expr(notice_delivery::Column::LeaseToken, Expr::value(None::<Uuid>))
                    .filter(own)
                    .exec(transaction)
                    .await?;
                row.disabled_at = row.disabled_at.or(Some(self.now.as_microsecond()));
                row.last_error = short("410 Gone");
            }
        }
        Ok(())
    }
}
