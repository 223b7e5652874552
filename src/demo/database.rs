//! Opens, creates and fills the SQLite file of a sample service.

use std::{path::Path, time::Duration};

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, IntoActiveModel, QuerySelect as _,
    Schema, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
    entity::prelude::*,
    sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous},
};

use super::{Error, holding::Holding, people::Person, stop, task};

/// Streams read while one transaction writes; more readers than cores gain nothing.
const CONNECTIONS_MAX: u32 = 4;

/// How long a writer waits for another. Transactions take milliseconds; filling a new database takes seconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Rows in one INSERT: 500 rows of up to 17 columns stay below SQLite's 32,766 bound values.
const INSERT_ROWS: usize = 500;

/// People whose history is in memory at once while a database is filled.
pub(super) const FILL_PEOPLE: usize = 100;

/// Whom the database was filled with.
mod origin {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "origin")]
    pub(super) struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub(super) id: i64,
        /// The seed of the first person, as SQLite's signed integer.
        pub(super) seed: i64,
        /// How many.
        pub(super) people: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Opens the file, and creates it and its tables if they are not there.
pub(super) async fn open(path: &Path, holdings: &[Box<dyn Holding>]) -> Result<DatabaseConnection, Error> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite://sample");
    options.max_connections(CONNECTIONS_MAX).sqlx_logging(false).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .filename(&file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            // What is erased is overwritten too, instead of lying in free pages of the file.
            .pragma("secure_delete", "on")
    });
    let db = Database::connect(options).await?;
    let tx = begin(&db).await?;
    create(&tx, holdings).await?;
    tx.commit().await?;
    Ok(db)
}

/// A transaction that may write. SQLite answers "busy" at once, however patient one is, where a reading transaction
/// turns into a writing one; so it starts as a writing one.
pub(super) async fn begin(db: &DatabaseConnection) -> Result<DatabaseTransaction, Error> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    Ok(db.begin_with_options(options).await?)
}

async fn create(tx: &DatabaseTransaction, holdings: &[Box<dyn Holding>]) -> Result<(), Error> {
    let schema = Schema::new(tx.get_database_backend());
    let mut tables = vec![
        (schema.create_table_from_entity(origin::Entity), Vec::new()),
        (schema.create_table_from_entity(task::Entity), Vec::new()),
        (schema.create_table_from_entity(stop::Entity), schema.create_index_from_entity(stop::Entity)),
    ];
    tables.extend(holdings.iter().map(|holding| holding.creation(&schema)));
    for (mut table, indexes) in tables {
        tx.execute(table.if_not_exists()).await?;
        for mut index in indexes {
            tx.execute(index.if_not_exists()).await?;
        }
    }
    Ok(())
}

/// Notes in the transaction that fills a database whom it is filled with. Answers whether it still has to be filled.
pub(super) async fn to_be_filled(tx: &DatabaseTransaction, people: &[Person]) -> Result<bool, Error> {
    let wanted = origin::Model {
        id: 1,
        seed: people.first().map_or(0, |person| person.seed.cast_signed()),
        people: i64::try_from(people.len()).unwrap_or(i64::MAX),
    };
    match origin::Entity::find_by_id(1).one(tx).await? {
        None => {
            origin::Entity::insert(wanted.into_active_model()).exec_without_returning(tx).await?;
            Ok(true)
        }
        Some(found) if found == wanted => Ok(false),
        Some(_) => Err(Error::OtherPeople),
    }
}

/// The different values of a text column in the rows that fit.
pub(super) async fn distinct<E: EntityTrait, C: ConnectionTrait>(
    db: &C,
    column: E::Column,
    fits: Expr,
) -> Result<Vec<String>, Error> {
    let values = E::find().select_only().column(column).distinct().filter(fits);
    Ok(values.into_tuple().all(db).await?)
}

/// Inserts rows that carry their numbers, many at a time.
pub(super) async fn insert<M>(tx: &DatabaseTransaction, rows: Vec<M>) -> Result<(), Error>
where
    M: ModelTrait + IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    <M::Entity as EntityTrait>::ActiveModel: Send,
{
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let batch: Vec<_> = rows.by_ref().take(INSERT_ROWS).collect();
        M::Entity::insert_many(batch).exec_without_returning(tx).await?;
    }
    Ok(())
}
