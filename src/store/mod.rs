//! The tables: the only home of sea-orm.
//!
//! All changes of a case go through [`Store::change`]: the writer loads the case's [`CaseFile`], applies a pure
//! function, and writes the difference, its events and nothing else in one transaction. Many changes share one commit.

mod alone;
mod case_file;
mod cases;
mod changes;
mod claims;
mod connection;
mod convert;
mod counts;
mod denials;
mod downstreams;
mod duplicates;
mod entity;
mod error;
mod holds;
mod keys;
mod lanes;
mod migration;
mod notices;
mod notify;
mod openings;
mod sweeps;
mod tasks;
mod transaction;
mod wake;
mod webhooks;
mod writer;

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DbBackend, DbErr, EntityTrait as _,
    QueryFilter as _, Statement,
    sea_query::{Expr, ExprTrait as _},
};
use tokio::{sync::mpsc, time::timeout};
use uuid::Uuid;

use crate::telemetry::Outage;
use alone::Alone;
use entity::{case, task};
use wake::Rings;

pub use case_file::{CaseFile, Event, ExportFacts, due_again};
pub use cases::{Filter, StoredCase};
pub use claims::{Claim, Claimed, ClaimedTask};
pub use connection::migrate;
pub use counts::Waiting;
pub use downstreams::StoredDownstream;
pub use duplicates::{Findings, Repeats};
pub use error::Error;
pub use holds::{NewHold, Placed};
pub use keys::keys_in_use;
pub use notices::Subscription;
pub use openings::{Existing, Opened, Opening};
pub use wake::{Changed, Wakes};
pub use webhooks::{Delivered, Delivery, DeliveryClaim, Ending, StoredWebhook};

/// How long the database may take to answer a check. A probe of Kubernetes waits for as long at the most.
const CHECK_MAX: Duration = Duration::from_secs(5);
/// Transactions of this replica that PostgreSQL works on at once: more of them only share its cores. SQLite has one
/// writer at a time.
const POSTGRES_WRITERS: usize = 3;
/// Leases that one statement hands back. A replica holds a few dozen.
const HANDED_BACK_MAX: usize = 1_000;

/// Where the tables are, and how to connect.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `sqlite://FILE` or `postgres://…`.
    pub url: String,
    /// Changes that share one commit at the most.
    pub batch_max: usize,
    /// Writes that may wait at once, at least 1. Who comes later is told to come back.
    pub waiting_max: usize,
}

/// The handle to the tables: cheap to clone.
#[derive(Clone)]
pub struct Store {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    jobs: mpsc::Sender<writer::Job>,
    wakes: Arc<Wakes>,
    outage: Arc<Outage>,
    alone: Option<Arc<Alone>>,
    /// Whom notices are kept for.
    subscriptions: Arc<RwLock<Vec<Subscription>>>,
}

impl Store {
    /// Connects, brings the schema up to date, and starts the writer. The writer ends with the last handle. `replica` is
    /// this process's own id: what it tells the other replicas, it does not listen to.
    pub async fn open(settings: &Settings, replica: Uuid) -> Result<Self, Error> {
        let alone = Alone::claim(&settings.url).await?.map(Arc::new);
        let (reader, writer) = connection::connect(&settings.url).await?;
        connection::bring_up_to_date(&writer).await?;
        let is_shared = writer.get_database_backend() == DbBackend::Postgres;
        let wakes = Arc::new(Wakes::new(is_shared));
        let outage = Arc::new(Outage::new("the database"));
        let (jobs, queue) = mpsc::channel(settings.waiting_max);
        let subscriptions = Arc::default();
        let work = writer::Writer {
            connection: writer.clone(),
            batch_max: settings.batch_max,
            wakes: Arc::clone(&wakes),
            outage: Arc::clone(&outage),
            subscriptions: Arc::clone(&subscriptions),
        };
        writer::spawn(&work, queue, if is_shared { POSTGRES_WRITERS } else { 1 });
        if is_shared {
            notify::spawn(&settings.url, writer.clone(), &wakes, replica);
        }
        Ok(Self { reader, writer, jobs, wakes, outage, alone, subscriptions })
    }

    /// The wake-ups that commits ring.
    pub fn wakes(&self) -> &Arc<Wakes> {
        &self.wakes
    }

    /// Whether the database answers, within 5 s. During an outage, whether it takes a write: reading is not all.
    pub async fn check(&self) -> Result<(), Error> {
        let silent = || Err(DbErr::Custom(format!("no answer within {CHECK_MAX:?}")));
        let is_out = self.is_out();
        let answer = async { if is_out { self.try_to_write().await } else { self.reader.ping().await } };
        match timeout(CHECK_MAX, answer).await.unwrap_or_else(|_| silent()) {
            Ok(()) => {
                // A write that failed meanwhile knows better than a ping.
                if is_out {
                    self.outage.worked();
                }
                Ok(())
            }
            Err(error) => {
                let error = Error::Unavailable(error);
                self.outage.failed(&error);
                Err(error)
            }
        }
    }

    /// Writes something as it is, so that the end of an outage is seen even if nobody calls.
    async fn try_to_write(&self) -> Result<(), DbErr> {
        let write = match self.writer.get_database_backend() {
            // It leaves alone the page of a row that stays the same, but writes its first page for this.
            DbBackend::Sqlite => "PRAGMA user_version = 0",
            // The one table that has a row from the first day on.
            _ => "UPDATE seaql_migrations SET applied_at = applied_at",
        };
        self.writer.execute_unprepared(write).await.map(|_| ())
    }

    /// Whether the last write failed because of the database.
    pub fn is_out(&self) -> bool {
        self.outage.is_on()
    }

    /// The database's own time. Absent where this process alone uses the database, so that its time is as good.
    pub async fn time(&self) -> Result<Option<Timestamp>, Error> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            return Ok(None);
        }
        let statement = Statement::from_string(
            DbBackend::Postgres,
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now",
        );
        let row = self.reader.query_one_raw(statement).await?;
        let micros: Option<i64> = row.map(|row| row.try_get("", "now")).transpose()?;
        Ok(micros.and_then(|micros| Timestamp::from_microsecond(micros).ok()))
    }

    /// Lets go of leases before they end: their work may be claimed at once.
    pub async fn hand_back(&self, tokens: &[Uuid], now: Timestamp) -> Result<(), Error> {
        for tokens in tokens.chunks(HANDED_BACK_MAX) {
            let of = |column: Expr| column.is_in(tokens.iter().copied());
            self.let_go(
                now,
                of(Expr::col(task::Column::LeaseToken)),
                of(Expr::col(case::Column::LeaseToken)),
            )
            .await?;
        }
        self.wakes.committed(&Rings::all());
        Ok(())
    }

    /// At the start: lets go of the leases that a dead process left, where this one is known to be alone. Where others
    /// share the database nobody can tell a dead replica from a slow one, and leases end by themselves.
    pub async fn hand_back_of_the_dead(&self, now: Timestamp) -> Result<(), Error> {
        if self.alone.is_none() {
            return Ok(());
        }
        // The first condition is the index's.
        let tasks = task::Column::ClaimAt.lt(i64::MAX).and(task::Column::LeaseToken.is_not_null());
        let cases = case::Column::ClaimAt.lt(i64::MAX).and(case::Column::LeaseToken.is_not_null());
        self.let_go(now, tasks, cases).await?;
        self.hand_back_deliveries(now).await
    }

    async fn let_go(&self, now: Timestamp, tasks: Expr, cases: Expr) -> Result<(), Error> {
        let now = now.as_microsecond();
        task::Entity::update_many()
            .col_expr(task::Column::ClaimAt, now.into())
            .col_expr(task::Column::LeaseToken, Expr::value(None::<Uuid>))
            .filter(tasks)
            .exec(&self.writer)
            .await?;
        case::Entity::update_many()
            .col_expr(case::Column::ClaimAt, now.into())
            .col_expr(case::Column::LeaseToken, Expr::value(None::<Uuid>))
            .filter(cases)
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}
