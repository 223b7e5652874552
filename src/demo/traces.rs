//! Counts the rows in which a person can still be found, whatever table or column they are in.
//!
//! Deliberately blunt: every column of every table is searched for every identifier, so that nothing that a service
//! forgot to mention escapes.

use sea_orm::{ConnectionTrait as _, DatabaseConnection, QueryResult, Statement, Value};

use super::{Error, people::Person};

/// The number of rows of each table, by table name, that carry any identifier of the person.
pub(super) async fn of(db: &DatabaseConnection, person: &Person) -> Result<Vec<(String, u64)>, Error> {
    let mut identifiers = vec![&person.email, &person.customer_id, &person.subscriber_id];
    identifiers.extend(&person.device_ids);
    let mut counts = Vec::new();
    let tables = "SELECT name AS text FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' \
                  AND name <> 'origin' ORDER BY rowid";
    for table in texts(db, tables, vec![]).await? {
        let columns =
            texts(db, "SELECT name AS text FROM pragma_table_info(?)", vec![table.as_str().into()]).await?;
        counts.push((table.clone(), carriers(db, &table, &columns, &identifiers).await?));
    }
    Ok(counts)
}

/// Rows in which any column contains any of the identifiers; encoded requests are searched like text.
async fn carriers(
    db: &DatabaseConnection,
    table: &str,
    columns: &[String],
    identifiers: &[&String],
) -> Result<u64, Error> {
    let mut conditions = Vec::with_capacity(columns.len() * identifiers.len());
    let mut values = Vec::with_capacity(conditions.capacity());
    for column in columns {
        for identifier in identifiers {
            // Names come from the database's own catalogue, and none of ours needs escaping inside of the quotes.
            conditions.push(format!(r#"instr("{column}", ?) > 0"#));
            values.push(Value::from(identifier.as_str()));
        }
    }
    let sql = format!(r#"SELECT COUNT(*) AS rows FROM "{table}" WHERE {}"#, conditions.join(" OR "));
    let row: Option<QueryResult> = db.query_one_raw(statement(db, sql, values)).await?;
    let rows: i64 = row.map_or(Ok(0), |row| row.try_get("", "rows"))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

async fn texts(db: &DatabaseConnection, sql: &str, values: Vec<Value>) -> Result<Vec<String>, Error> {
    let rows = db.query_all_raw(statement(db, sql.to_owned(), values)).await?;
    rows.iter().map(|row| row.try_get("", "text").map_err(Error::from)).collect()
}

fn statement(db: &DatabaseConnection, sql: String, values: Vec<Value>) -> Statement {
    Statement::from_sql_and_values(db.get_database_backend(), sql, values)
}
