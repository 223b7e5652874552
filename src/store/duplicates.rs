//! Duplicates: open cases of the same subject, right and scope, and how often a subject asks; found in the transaction
//! that opens.
//!
//! **Expected flow.** One statement for the openings of a batch looks along the blind index, from its newest end and not
//! far: a person has a handful of cases, and whoever has more is no less found.
//!
//! **Guarantees.** Where policy joins or refuses, of two openings at once on two replicas one finds the other: they wait
//! for each other by an advisory lock on each blind index. Where it only names, a duplicate of the same instant on another
//! replica may go unnamed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend,
    EntityTrait as _, QueryFilter as _, Statement, Value, sea_query::OnConflict,
};
use uuid::Uuid;

use super::{Error, Opening, entity::joined_request};
use crate::domain::{CaseId, CaseReason, CaseState, CaseWork, Duplicates, caller::OWN};

/// Cases of one blind index that are looked at, the newest ones: one more than policy can count.
const LOOKED_AT: u32 = 101;
/// Blind indexes that one statement looks for: two parameters each, and databases take tens of thousands.
const ASKED_AT_ONCE: usize = 2_000;

/// What policy says about cases of a subject that asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// What is done about duplicates of an open case.
    pub duplicates: Duplicates,
    /// More cases of the right than this since then are for a person to decide. Absent: any number.
    pub excessive: Option<(u32, Timestamp)>,
}

/// What was found out about an opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// An open case of the same subject, right and scope.
    pub duplicate_of: Option<CaseId>,
    /// The subject asks too often.
    pub excessive: bool,
}

impl Findings {
    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The opening as it is with this. One that is excessive waits for a person: nobody is asked anything.
    pub fn apply(&self, opening: &mut Opening) {
        let case = &mut opening.case;
        case.proceedings.circumstances.duplicate_of = self.duplicate_of;
        case.proceedings.circumstances.excessive = self.excessive;
        if !self.excessive {
            return;
        }
        let proceedings = &mut case.proceedings;
        proceedings.approval.is_needed = true;
        proceedings.start_at = None;
        if case.state == CaseState::InProgress {
            case.state = CaseState::AwaitingApproval;
        }
        if case.state == CaseState::AwaitingApproval {
            case.reason = Some(CaseReason::ExcessiveCandidate);
        }
        let look_at = case.proceedings.next_look(case.state, case.due_at, case.opened_at);
        opening.tasks.clear();
        opening.work = Some((CaseWork::Due, look_at));
    }
}

/// What is known of a blind index together with a right: the sign of duplicates, and of repeated requests.
#[derive(Default)]
struct Seen {
    open: Option<CaseId>,
    asked: u32,
}

/// Looks for each of the openings, those before it in the batch included.
pub(super) async fn find(
    transaction: &DatabaseTransaction,
    openings: &[&Opening],
) -> Result<Vec<Findings>, Error> {
    if openings.iter().any(|opening| opening.repeats.duplicates != Duplicates::Allow) {
        wait_for_others(transaction, openings).await?;
    }
    let mut seen: BTreeMap<(&str, &str), Seen> = BTreeMap::new();
    let mut asked: Vec<(&str, &Opening)> = Vec::new();
    for opening in openings {
        for blind in &opening.blinds {
            if seen.insert((blind, &opening.sameness), Seen::default()).is_none() {
                asked.push((blind, opening));
            }
        }
    }
    for chunk in asked.chunks(ASKED_AT_ONCE) {
        for ((blind, opening), found) in chunk.iter().zip(look(transaction, chunk).await?) {
            seen.insert((blind, &opening.sameness), found);
        }
    }
    let mut findings = Vec::with_capacity(openings.len());
    for opening in openings {
        let mut of_subject: Vec<_> =
            opening.blinds.iter().map(|blind| (blind.as_str(), opening.sameness.as_str())).collect();
        of_subject.dedup();
        let found = of_subject.iter().filter_map(|key| seen.get(key));
        let (open, times) =
            found.fold((None, 0), |(open, times), seen| (open.or(seen.open), u32::max(times, seen.asked)));
        let excessive = opening.repeats.excessive.is_some_and(|(most, _)| times >= most);
        findings.push(Findings { duplicate_of: open, excessive });
        let is_opened = open.is_none() || opening.repeats.duplicates == Duplicates::Allow;
        for key in of_subject.into_iter().filter(|_| is_opened) {
            let seen = seen.entry(key).or_default();
            seen.open = seen.open.or(Some(opening.case.id));
            seen.asked += 1;
        }
    }
    Ok(findings)
}

/// Openings of the same subjects wait for the end of this transaction. SQLite has one writer anyway.
async fn wait_for_others(transaction: &DatabaseTransaction, openings: &[&Opening]) -> Result<(), Error> {
    if transaction.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let key = |blind: &String| {
        let digits = blind.get(..16).unwrap_or(blind);
        u64::from_str_radix(digits, 16).unwrap_or(0).cast_signed()
    };
    let mut keys: Vec<i64> = openings.iter().flat_map(|opening| opening.blinds.iter().map(key)).collect();
    // In order, so that two of them never wait for each other in a circle.
    keys.sort_unstable();
    keys.dedup();
    let keys: Vec<String> = keys.iter().map(|key| format!("({key})")).collect();
    for chunk in keys.chunks(ASKED_AT_ONCE) {
        let sql = format!(
            "SELECT count(pg_advisory_xact_lock(key)) FROM (VALUES {}) AS keys (key)",
            chunk.join(",").replace("(-9223372036854775808)", "(0)")
        );
        transaction.query_one_raw(Statement::from_string(DbBackend::Postgres, sql)).await?;
    }
    Ok(())
}

/// What the tables know, for each blind index and the opening that it is of.
async fn look(transaction: &DatabaseTransaction, asked: &[(&str, &Opening)]) -> Result<Vec<Seen>, Error> {
    let backend = transaction.get_database_backend();
    let mut values: Vec<Value> = Vec::with_capacity(asked.len() * 2);
    let mut rows = Vec::with_capacity(asked.len());
    let counts = asked.iter().any(|(_, opening)| opening.repeats.excessive.is_some());
    for (position, (blind, opening)) in asked.iter().enumerate() {
        values.push((*blind).into());
        values.push(opening.sameness.as_str().into());
        let since = opening.repeats.excessive.map_or(i64::MAX, |(_, since)| since.as_microsecond());
        let (right, at) = (opening.case.right.as_str(), values.len());
        rows.push(format!("({position}, ${}, ${at}, '{right}', {since})", at - 1));
    }
    // Joined by CROSS JOIN, which SQLite does not reorder: beginning with the open cases, it would read all of them each time.
    let newest = format!(
        "(SELECT i.case_id FROM case_identifiers AS i WHERE i.blind = asked.blind ORDER BY i.case_id DESC LIMIT {LOOKED_AT})"
    );
    let open: Vec<String> = CaseState::open().iter().map(|state| format!("'{state}'")).collect();
    let times = if counts {
        format!(
            "(SELECT count(*) FROM {newest} AS newest CROSS JOIN cases AS c \
              WHERE c.id = newest.case_id AND c.\"right\" = asked.own AND c.opened_at >= asked.since AND c.caller <> '{OWN}')"
        )
    } else {
        "0".to_owned()
    };
    let sql = format!(
        "WITH asked (position, blind, sameness, own, since) AS (VALUES {}) \
         SELECT asked.position AS position, \
           (SELECT c.id FROM {newest} AS newest CROSS JOIN cases AS c \
            WHERE c.id = newest.case_id AND c.sameness = asked.sameness AND c.state IN ({}) ORDER BY c.id LIMIT 1) AS case_id, \
           CAST({times} AS bigint) AS times \
         FROM asked ORDER BY asked.position",
        rows.join(","),
        open.join(","),
    );
    let found = transaction.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    let seen = |row: &sea_orm::QueryResult| {
        let open: Option<Uuid> = row.try_get("", "case_id")?;
        let asked = u32::try_from(row.try_get::<i64>("", "times")?).unwrap_or(u32::MAX);
        Ok(Seen { open: open.map(CaseId), asked })
    };
    found.iter().map(seen).collect()
}

/// The cases that these requests joined before, by caller and request id.
pub(super) async fn joined(
    transaction: &DatabaseTransaction,
    openings: &[&Opening],
) -> Result<BTreeMap<(String, String), (CaseId, String)>, Error> {
    let rows = joined_request::Entity::find()
        .filter(joined_request::Column::Caller.is_in(openings.iter().map(|o| o.case.caller.clone())))
        .filter(joined_request::Column::RequestId.is_in(openings.iter().map(|o| o.case.request_id.clone())))
        .all(transaction)
        .await?;
    Ok(rows
        .into_iter()
        .map(|row| ((row.caller, row.request_id), (CaseId(row.case_id), row.digest)))
        .collect())
}

/// Writes down that these requests joined these cases.
pub(super) async fn join(
    transaction: &DatabaseTransaction,
    joining: &[(&Opening, CaseId)],
) -> Result<(), Error> {
    if joining.is_empty() {
        return Ok(());
    }
    let row = |(opening, case): &(&Opening, CaseId)| joined_request::ActiveModel {
        caller: Set(opening.case.caller.clone()),
        request_id: Set(opening.case.request_id.clone()),
        digest: Set(opening.digest.clone()),
        case_id: Set(case.0),
    };
    let known = OnConflict::columns([joined_request::Column::Caller, joined_request::Column::RequestId])
        .do_nothing()
        .to_owned();
    joined_request::Entity::insert_many(joining.iter().map(row))
        .on_conflict(known)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}
