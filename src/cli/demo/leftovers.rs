//! What is left of a person in each table, counted in the databases themselves, beside what the receipt declares.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::{
    exit::{Exit, Failure},
    table::{Field, Table, Tone},
    words,
};

/// Service, table, rows that carry any identifier of the person.
pub(super) type Count = (&'static str, String, u64);

/// One table of one service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    before: u64,
    left: u64,
    declared: u64,
    why: String,
    service: String,
    table: String,
}

impl Row {
    /// Whether exactly what was declared is left.
    pub(super) fn agrees(&self) -> bool {
        self.left == self.declared
    }
}

/// The part of a receipt that says what stays.
#[derive(Deserialize)]
struct Receipt {
    downstreams: Vec<Downstream>,
}

#[derive(Deserialize)]
struct Downstream {
    name: String,
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Category {
    name: String,
    restricted: u64,
    retained: Vec<Retained>,
}

#[derive(Deserialize)]
struct Retained {
    count: u64,
    ground: Ground,
    release_time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Ground {
    code: String,
    source: String,
}

/// A row for each table that held or holds anything, and for each category that is said to be kept. The table
/// `invoice` holds the category `invoices`.
pub(super) fn compare(before: &[Count], after: &[Count], receipt: &[u8]) -> Result<Vec<Row>, Failure> {
    let receipt: Receipt = serde_json::from_slice(receipt)
        .map_err(|error| Failure::new(Exit::Unfulfilled, format!("the receipt cannot be read: {error}")))?;
    let mut order = Vec::new();
    let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
    let mut row = |service: &str, table: &str, change: &dyn Fn(&mut Row)| {
        let key = (service.to_owned(), table.to_owned());
        let row = rows.entry(key.clone()).or_insert_with(|| {
            order.push(key);
            Row { service: service.into(), table: table.into(), ..Row::default() }
        });
        change(row);
    };
    for (service, table, count) in before {
        row(service, table, &|row| row.before = *count);
    }
    for (service, table, count) in after {
        row(service, table, &|row| row.left = *count);
    }
    let counted: Vec<_> =
        before.iter().chain(after).map(|(service, table, _)| (*service, table.as_str())).collect();
    for downstream in &receipt.downstreams {
        for category in &downstream.categories {
            let table = counted.iter().find(|(service, table)| {
                *service == downstream.name
                    && (category.name == *table || category.name == format!("{table}s"))
            });
            row(&downstream.name, table.map_or(category.name.as_str(), |(_, table)| table), &|row| {
                row.declared = category.kept();
                row.why = category.why();
            });
        }
    }
    let nothing = |row: &Row| row.before == 0 && row.left == 0 && row.declared == 0;
    Ok(order.iter().filter_map(|key| rows.remove(key)).filter(|row| !nothing(row)).collect())
}

impl Category {
    fn kept(&self) -> u64 {
        self.restricted + self.retained.iter().map(|retained| retained.count).sum::<u64>()
    }

    /// `legal obligation, BAO § 132, until 2027 to 2033`.
    fn why(&self) -> String {
        let Some(first) = self.retained.first() else { return String::new() };
        let ground = format!("{}, {}", first.ground.code.replace('_', " "), first.ground.source);
        let years: Vec<_> = self
            .retained
            .iter()
            .filter_map(|retained| retained.release_time)
            .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).year())
            .collect();
        match (years.iter().min(), years.iter().max()) {
            (Some(first), Some(last)) if first == last => format!("{ground}, until {first}"),
            (Some(first), Some(last)) => format!("{ground}, until {first} to {last}"),
            _ => ground,
        }
    }
}

/// The table of tables.
pub(super) fn shown(rows: &[Row]) -> String {
    let mut table =
        Table::new(&["SERVICE", "TABLE", "ROWS BEFORE", "LEFT NOW", "RECEIPT KEEPS", "", "GROUND"]);
    for row in rows {
        table.row([
            row.service.as_str().into(),
            row.table.as_str().into(),
            Field::number(words::grouped(row.before)),
            Field::number(words::grouped(row.left)),
            Field::number(words::grouped(row.declared)),
            if row.agrees() { Field::toned("✔", Tone::Good) } else { Field::toned("✘", Tone::Bad) },
            row.why.as_str().into(),
        ]);
    }
    table.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIPT: &str = r#"{"downstreams": [{"name": "billing", "categories": [
        {"name": "customers", "restricted": 0, "retained": []},
        {"name": "invoices", "restricted": 0, "retained": [
            {"count": 2, "ground": {"code": "legal_obligation", "source": "BAO § 132"}, "release_time": "2027-01-01T00:00:00Z"},
            {"count": 1, "ground": {"code": "legal_obligation", "source": "BAO § 132"}, "release_time": "2031-01-01T00:00:00Z"}
        ]}]}]}"#;

    fn count(table: &str, rows: u64) -> Count {
        ("billing", table.to_owned(), rows)
    }

    #[test]
    fn what_is_declared_may_be_left() {
        let before = [count("customer", 1), count("invoice", 5), count("task", 0)];
        let after = [count("customer", 0), count("invoice", 3), count("task", 0)];
        let rows = compare(&before, &after, RECEIPT.as_bytes()).expect("is a receipt");
        assert!(rows.iter().all(Row::agrees), "{rows:?}");
        assert_eq!(rows.len(), 2, "tables without any trace are left out");
        assert_eq!(rows[1].why, "legal obligation, BAO § 132, until 2027 to 2031");
    }

    #[test]
    fn every_difference_is_seen() {
        let agrees = |after: &[Count]| {
            compare(&[], after, RECEIPT.as_bytes()).is_ok_and(|rows| rows.iter().all(Row::agrees))
        };
        assert!(agrees(&[count("invoice", 3)]));
        assert!(!agrees(&[count("invoice", 4)]), "more is left");
        assert!(!agrees(&[]), "less is left");
        assert!(!agrees(&[count("invoice", 3), count("task", 1)]), "a table that no category names");
    }
}
