//! Puts fields of a table right: finds the rows as the person sees them, and changes the columns behind.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{DatabaseTransaction, entity::prelude::*};
use serde_json::Value as Json;
use tonic::Status;

use super::{
    Error,
    holding::{Table, page},
};
use crate::proto::downstream::v1::{CategoryOutcome, Correction, Retained};

/// Row numbers in one UPDATE: SQLite binds at most 32,766 values.
const UPDATE_ROWS: usize = 1_000;

/// A correction that was read.
pub(super) struct Fix {
    category: String,
    field: String,
    old: Option<Json>,
    new: Json,
}

impl Fix {
    /// Reads it. `INVALID_ARGUMENT` if it is not a correction.
    pub(super) fn read(correction: &Correction) -> Result<Self, Status> {
        let json = |text: &str| {
            serde_json::from_str(text).map_err(|_| Status::invalid_argument("a value is not JSON"))
        };
        let old = if correction.old_json.is_empty() { None } else { Some(json(&correction.old_json)?) };
        let (category, field) = (correction.category.clone(), correction.field.clone());
        Ok(Self { category, field, old, new: json(&correction.new_json)? })
    }

    /// Which category it is about.
    pub(super) fn category(&self) -> &str {
        &self.category
    }

    fn is_meant(&self, held: &Json) -> bool {
        *held != self.new && self.old.as_ref().is_none_or(|old| old == held)
    }
}

/// Puts the rows of the owners right. Rows whose field is none that a person can correct are counted as kept.
pub(super) async fn rectify<T: Table>(
    tx: &DatabaseTransaction,
    owners: &[String],
    fixes: &[&Fix],
) -> Result<CategoryOutcome, Error> {
    let columns: BTreeMap<&str, T::Column> = T::correctable().into_iter().collect();
    let mut wrong: Vec<Vec<i64>> = vec![Vec::new(); fixes.len()];
    let (mut changed, mut kept) = (BTreeSet::new(), BTreeSet::new());
    let mut after = 0;
    loop {
        let rows = page::<T, _>(tx, owners, after).await?;
        let Some(last) = rows.last() else { break };
        after = T::number(last);
        for row in rows {
            let id = T::number(&row);
            let record = T::show(row).record;
            for (fix, wrong) in fixes.iter().zip(&mut wrong) {
                if !record.pointer(&fix.field).is_some_and(|held| fix.is_meant(held)) {
                    continue;
                }
                // The columns that can be corrected hold texts.
                if columns.contains_key(fix.field.as_str()) && fix.new.is_string() {
                    wrong.push(id);
                    changed.insert(id);
                } else {
                    kept.insert(id);
                }
            }
        }
    }
    for (fix, wrong) in fixes.iter().zip(&wrong) {
        let Some(column) = columns.get(fix.field.as_str()) else { continue };
        for ids in wrong.chunks(UPDATE_ROWS) {
            let update = T::update_many().filter(T::id().is_in(ids.iter().copied()));
            update.col_expr(*column, Expr::value(fix.new.as_str().unwrap_or_default())).exec(tx).await?;
        }
    }
    let mut outcome = CategoryOutcome { rectified: changed.len() as u64, ..Default::default() };
    if !kept.is_empty() {
        let ground = Some(T::fixed_because());
        outcome.retained.push(Retained { count: kept.len() as u64, ground, release_time: None });
    }
    Ok(outcome)
}
