//! How much there is: what metrics and alerts stand on. Each is asked for every minute, and reads what is open only.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sea_orm::{
    ColumnTrait as _, DbBackend, EntityTrait as _, FromQueryResult, PaginatorTrait as _, QueryFilter as _,
    QuerySelect as _, sea_query::Expr,
};

use super::{
    Error, Store,
    entity::{case, task},
};
use crate::{
    domain::{CaseState, Right, TaskState},
    telemetry::metrics::Alike,
};

/// What waits for one downstream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Tasks that could be done now, and those that are being done.
    pub tasks: u64,
    /// Since when the oldest of them could have been done.
    pub since: Option<Timestamp>,
    /// Tasks that wait for a person's decision.
    pub needs_attention: u64,
}

/// Cases that are alike.
#[derive(FromQueryResult)]
struct Counted {
    state: String,
    right: String,
    /// The JSON list of regimes.
    regimes: Option<String>,
    cases: i64,
}

impl Store {
    /// How many cases that are not final are due before this time.
    pub async fn count_due(&self, before: Timestamp) -> Result<u64, Error> {
        let open = CaseState::open();
        let query = case::Entity::find()
            .filter(case::Column::State.is_in(open.iter().map(|state| state.as_str())))
            .filter(case::Column::DueAt.lt(before.as_microsecond()));
        Ok(query.count(&self.reader).await?)
    }

    /// How many cases that are not final there are, by what they are counted by.
    pub async fn count_open(&self) -> Result<Vec<(Alike, u64)>, Error> {
        let regimes = match self.reader.get_database_backend() {
            DbBackend::Sqlite => Expr::cust("json_extract(proceedings, '$.regimes')"),
            _ => Expr::cust("(proceedings::json)->>'regimes'"),
        };
        let open = CaseState::open();
        let query = case::Entity::find()
            .filter(case::Column::State.is_in(open.iter().map(|state| state.as_str())))
            .select_only()
            .columns([case::Column::State, case::Column::Right])
            .column_as(regimes.clone(), "regimes")
            .column_as(case::Column::Id.count(), "cases")
            .group_by(case::Column::State)
            .group_by(case::Column::Right)
            .group_by(regimes);
        let mut counts = BTreeMap::new();
        for Counted { state, right, regimes, cases } in query.into_model().all(&self.reader).await? {
            let (Ok(state), Ok(right)) = (state.parse::<CaseState>(), right.parse::<Right>()) else {
                continue;
            };
            let alike =
                Alike { state: state.as_str(), right: right.as_str(), regimes: joined(regimes.as_deref()) };
            *counts.entry(alike).or_default() += u64::try_from(cases).unwrap_or(0);
        }
        Ok(counts.into_iter().collect())
    }

    /// What waits for this downstream.
    pub async fn count_waiting(&self, downstream: &str, now: Timestamp) -> Result<Waiting, Error> {
        let query = task::Entity::find()
            .filter(task::Column::Downstream.eq(downstream))
            // The index's: what nobody may claim stands at its end.
            .filter(task::Column::ClaimAt.lt(i64::MAX))
            .filter(task::Column::DueAt.lte(now.as_microsecond()))
            .select_only()
            .column_as(task::Column::Id.count(), "tasks")
            .column_as(task::Column::DueAt.min(), "since");
        let found: Option<(i64, Option<i64>)> = query.into_tuple().one(&self.reader).await?;
        let (tasks, since) = found.unwrap_or_default();
        let needs_attention = task::Entity::find()
            .filter(task::Column::Downstream.eq(downstream))
            .filter(task::Column::State.eq(TaskState::NeedsAttention.as_str()))
            .count(&self.reader)
            .await?;
        Ok(Waiting {
            tasks: u64::try_from(tasks).unwrap_or(0),
            since: since.and_then(|since| Timestamp::from_microsecond(since).ok()),
            needs_attention,
        })
    }
}

/// `["gdpr","ccpa"]` as `ccpa+gdpr`.
fn joined(regimes: Option<&str>) -> String {
    let regimes: BTreeSet<String> =
        regimes.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    regimes.into_iter().collect::<Vec<_>>().join("+")
}
