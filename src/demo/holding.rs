//! A holding is a table that is a category of personal data: it is shown row by row, and disposed of as directed.
//!
//! A service says what is special about each of its tables with [`Table`]; what is the same for all is here.

use std::{collections::BTreeMap, marker::PhantomData};

use async_trait::async_trait;
use jiff::{Span, Timestamp};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, PaginatorTrait as _, QueryOrder as _, QuerySelect as _, Schema,
    entity::prelude::*,
    sea_query::{IndexCreateStatement, TableCreateStatement},
};
use serde_json::Value as Json;

use super::{
    Error,
    directive::Disposal,
    moment,
    rectify::{self, Fix},
    stop,
};
use crate::proto::downstream::v1::{Category, CategoryOutcome, Ground, GroundCode, Retained, Use, Withheld};

/// What stands where an identifier stood in a row that was anonymised.
pub(super) const NOBODY: &str = "anonymous";

/// Rows read at once: memory stays small, and a page costs about a millisecond.
pub(super) const PAGE_ROWS: u64 = 100;

/// What a service says about one of its tables.
pub(super) trait Table: EntityTrait<Model: Sync> {
    /// The category, as it is described to rightful and shown to the person.
    fn category() -> Category;
    /// The column of the row's number, which is the order of a collection.
    fn id() -> Self::Column;
    /// The column that names whose row it is.
    fn owner() -> Self::Column;
    /// The column that says "keep, but do not use".
    fn restricted() -> Self::Column;
    /// The row's number.
    fn number(row: &Self::Model) -> i64;
    /// The row as the person may see it.
    fn show(row: Self::Model) -> Shown;
    /// From when a retention period of this row runs. `None` if its date cannot be read.
    fn kept_from(row: &Self::Model) -> Option<Timestamp>;
    /// The columns, beside the owner, that must change so that nobody can tell whose row it was.
    fn anonymous() -> Vec<(Self::Column, Expr)>;

    /// The fields that a person can have corrected: JSON pointers into what is shown, and the text columns behind.
    fn correctable() -> Vec<(&'static str, Self::Column)> {
        Vec::new()
    }

    /// Why all other fields stay as they are.
    fn fixed_because() -> Ground {
        Ground {
            code: GroundCode::Contract.into(),
            source: "GDPR 6(1)(b)".to_owned(),
            note: "This is our record of what happened, not a fact about you.".to_owned(),
        }
    }

    /// What the rows are used for that a person can object to.
    fn uses() -> &'static [Use] {
        &[]
    }
}

/// A row as the person may see it.
pub(super) struct Shown {
    /// A JSON object that fits the category's schema.
    pub(super) record: Json,
    /// A file that belongs to the row.
    pub(super) file: Option<File>,
    /// What the row holds and does not show.
    pub(super) withheld: Option<Withheld>,
}

impl Shown {
    /// A row that is all record.
    pub(super) fn record(record: Json) -> Self {
        Self { record, file: None, withheld: None }
    }
}

/// A file that belongs to a row.
pub(super) struct File {
    /// A plain file name.
    pub(super) name: String,
    /// What it is.
    pub(super) media_type: &'static str,
    /// All of it: the sample services hold small files only.
    pub(super) bytes: Vec<u8>,
}

/// A category that can be created, collected and disposed of.
#[async_trait]
pub(super) trait Holding: Send + Sync {
    /// The category.
    fn category(&self) -> &Category;

    /// What creates its table.
    fn creation(&self, schema: &Schema) -> (TableCreateStatement, Vec<IndexCreateStatement>);

    /// Up to [`PAGE_ROWS`] rows of the owners after row number `after`, in the order of their numbers.
    async fn page(
        &self,
        db: &DatabaseConnection,
        owners: &[String],
        after: i64,
    ) -> Result<Vec<(i64, Shown)>, Error>;

    /// Disposes of all rows of the owners.
    async fn dispose(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        disposal: &Disposal,
        now: Timestamp,
    ) -> Result<CategoryOutcome, Error>;

    /// Puts fields of the owners' rows right.
    async fn rectify(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        fixes: &[&Fix],
    ) -> Result<CategoryOutcome, Error>;

    /// Uses the owners' rows again; answers how many were restricted.
    async fn unrestrict(&self, tx: &DatabaseTransaction, owners: &[String]) -> Result<u64, Error>;

    /// Notes that something is not done with the owners' rows any more; answers how many they are.
    async fn stop(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        what: &[String],
        now: Timestamp,
    ) -> Result<u64, Error>;

    /// What the rows are used for that a person can object to.
    fn uses(&self) -> &'static [Use];
}

/// The holding of a table.
pub(super) fn of<T: Table>() -> Box<dyn Holding> {
    Box::new(Tabled::<T> { category: T::category(), table: PhantomData })
}

struct Tabled<T> {
    category: Category,
    table: PhantomData<fn() -> T>,
}

#[async_trait]
impl<T: Table> Holding for Tabled<T> {
    fn category(&self) -> &Category {
        &self.category
    }

    fn creation(&self, schema: &Schema) -> (TableCreateStatement, Vec<IndexCreateStatement>) {
        (schema.create_table_from_entity(T::default()), schema.create_index_from_entity(T::default()))
    }

    async fn page(
        &self,
        db: &DatabaseConnection,
        owners: &[String],
        after: i64,
    ) -> Result<Vec<(i64, Shown)>, Error> {
        let rows = page::<T, _>(db, owners, after).await?;
        Ok(rows.into_iter().map(|row| (T::number(&row), T::show(row))).collect())
    }

    async fn dispose(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        disposal: &Disposal,
        now: Timestamp,
    ) -> Result<CategoryOutcome, Error> {
        let mut outcome = CategoryOutcome { category: self.category.name.clone(), ..Default::default() };
        match disposal {
            Disposal::Erase => outcome.erased = erase::<T>(tx, T::owner().is_in(owners)).await?,
            Disposal::Anonymise => outcome.anonymised = anonymise::<T>(tx, owners).await?,
            Disposal::Restrict => outcome.restricted = restrict::<T>(tx, owners).await?,
            Disposal::Retain { ground, period } => {
                let releases = releases::<T>(tx, owners, *period).await?;
                (outcome.erased, outcome.retained) = retain::<T>(tx, releases, ground, now).await?;
            }
        }
        if !matches!(disposal, Disposal::Restrict) {
            stop::forget(tx, owners, &self.category.name).await?;
        }
        Ok(outcome)
    }

    async fn rectify(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        fixes: &[&Fix],
    ) -> Result<CategoryOutcome, Error> {
        rectify::rectify::<T>(tx, owners, fixes).await
    }

    async fn unrestrict(&self, tx: &DatabaseTransaction, owners: &[String]) -> Result<u64, Error> {
        let theirs = T::update_many().filter(T::owner().is_in(owners)).filter(T::restricted().eq(true));
        Ok(theirs.col_expr(T::restricted(), Expr::value(false)).exec(tx).await?.rows_affected)
    }

    async fn stop(
        &self,
        tx: &DatabaseTransaction,
        owners: &[String],
        what: &[String],
        now: Timestamp,
    ) -> Result<u64, Error> {
        let rows = T::find().filter(T::owner().is_in(owners)).count(tx).await?;
        if rows > 0 {
            stop::stop(tx, owners, &self.category.name, what, now).await?;
        }
        Ok(rows)
    }

    fn uses(&self) -> &'static [Use] {
        T::uses()
    }
}

pub(super) async fn page<T: Table, C: ConnectionTrait>(
    db: &C,
    owners: &[String],
    after: i64,
) -> Result<Vec<T::Model>, Error> {
    let mine = T::find().filter(T::owner().is_in(owners)).filter(T::id().gt(after));
    Ok(mine.order_by_asc(T::id()).limit(PAGE_ROWS).all(db).await?)
}

async fn erase<T: Table>(tx: &DatabaseTransaction, which: Expr) -> Result<u64, Error> {
    Ok(T::delete_many().filter(which).exec(tx).await?.rows_affected)
}

async fn anonymise<T: Table>(tx: &DatabaseTransaction, owners: &[String]) -> Result<u64, Error> {
    let mut update =
        T::update_many().filter(T::owner().is_in(owners)).col_expr(T::owner(), Expr::value(NOBODY));
    for (column, value) in T::anonymous() {
        update = update.col_expr(column, value);
    }
    Ok(update.exec(tx).await?.rows_affected)
}

async fn restrict<T: Table>(tx: &DatabaseTransaction, owners: &[String]) -> Result<u64, Error> {
    let update = T::update_many().filter(T::owner().is_in(owners));
    Ok(update.col_expr(T::restricted(), Expr::value(true)).exec(tx).await?.rows_affected)
}

/// The numbers of the owners' rows by the moment at which they may go.
async fn releases<T: Table>(
    tx: &DatabaseTransaction,
    owners: &[String],
    period: Span,
) -> Result<BTreeMap<Timestamp, Vec<i64>>, Error> {
    let mut releases: BTreeMap<Timestamp, Vec<i64>> = BTreeMap::new();
    let mut after = 0;
    loop {
        let rows = page::<T, _>(tx, owners, after).await?;
        let Some(last) = rows.last() else { return Ok(releases) };
        after = T::number(last);
        for row in &rows {
            let id = T::number(row);
            let release = T::kept_from(row).and_then(|start| moment::later(start, period));
            let release = release.ok_or(Error::Corrupt { table: T::default().as_str(), id })?;
            releases.entry(release).or_default().push(id);
        }
    }
}

/// Erases what was due before `now`; answers how many rows that were, and what is kept.
async fn retain<T: Table>(
    tx: &DatabaseTransaction,
    releases: BTreeMap<Timestamp, Vec<i64>>,
    ground: &Ground,
    now: Timestamp,
) -> Result<(u64, Vec<Retained>), Error> {
    let (mut erased, mut retained) = (0, Vec::new());
    for (release, ids) in releases {
        if release > now {
            retained.push(Retained {
                count: ids.len() as u64,
                ground: Some(ground.clone()),
                release_time: Some(moment::wire(release)),
            });
        } else {
            // Pages, because SQLite binds at most 32,766 values in one statement.
            for ids in ids.chunks(1_000) {
                erased += erase::<T>(tx, T::id().is_in(ids.iter().copied())).await?;
            }
        }
    }
    Ok((erased, retained))
}
