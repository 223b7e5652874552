//! Legal holds: placed, released, found by whom they cover.

use sea_orm::{
    ActiveValue::Set,
    ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
    sea_query::{OnConflict, Query, SelectStatement},
};
use uuid::Uuid;

use super::{
    Error, Store, convert,
    entity::{case, case_identifier, hold, hold_identifier, task},
    transaction::{self, Work},
};
use crate::domain::{CaseId, CaseState, Hold, HoldId, TaskReason, TaskState, hold::Release};

/// A hold to be placed.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// The hold.
    pub hold: Hold,
    /// The blind indexes of the identifiers that it covers.
    pub blinds: Vec<String>,
}

/// How placing a hold went.
#[derive(Clone, Debug)]
pub enum Placed {
    /// It is in force from now on.
    New,
    /// The caller has used this request id before, for this hold.
    Existing(Box<Hold>),
}

impl Work for NewHold {
    const NAME: &'static str = "place_hold";
    type Answer = Placed;

    async fn run(&mut self, transaction: &DatabaseTransaction) -> Result<Placed, Error> {
        let known =
            OnConflict::columns([hold::Column::Caller, hold::Column::RequestId]).do_nothing().to_owned();
        let insert = hold::Entity::insert_many([row(&self.hold)]).on_conflict(known);
        let inserted = insert.exec_without_returning(transaction).await?;
        if inserted == 0 {
            let existing = hold::Entity::find()
                .filter(hold::Column::Caller.eq(&self.hold.caller))
                .filter(hold::Column::RequestId.eq(&self.hold.request_id))
                .one(transaction)
                .await?;
            return Ok(Placed::Existing(Box::new(stored(&existing.ok_or(Error::Gone("hold"))?)?)));
        }
        let rows = self.blinds.iter().map(|blind| hold_identifier::ActiveModel {
            hold_id: Set(self.hold.id.0),
            blind: Set(blind.clone()),
        });
        hold_identifier::Entity::insert_many(rows).exec_without_returning(transaction).await?;
        Ok(Placed::New)
    }
}

impl Store {
    /// Places a hold, or answers the one that has its request id. In force, and durable, when it answers.
    pub async fn place_hold(&self, mut new: NewHold) -> Result<Placed, Error> {
        transaction::run(&self.writer, &mut new).await
    }

    /// Ends a hold, and answers whether it was in force. Durable when it answers.
    pub async fn release_hold(&self, id: HoldId, release: &Release) -> Result<bool, Error> {
        let released = hold::Entity::update_many()
            .col_expr(hold::Column::ReleasedAt, release.at.as_microsecond().into())
            .col_expr(hold::Column::ReleasedBy, release.caller.clone().into())
            .col_expr(hold::Column::ReleaseNote, release.note.clone().into())
            .filter(hold::Column::Id.eq(id.0))
            .filter(hold::Column::ReleasedAt.is_null())
            .exec(&self.writer)
            .await?;
        Ok(released.rows_affected == 1)
    }

    /// The hold of this id.
    pub async fn hold(&self, id: HoldId) -> Result<Option<Hold>, Error> {
        hold::Entity::find_by_id(id.0).one(&self.reader).await?.as_ref().map(stored).transpose()
    }

    /// At most `limit` holds, newest first: those in force only if `active`, those that cover one of `blinds` only if it
    /// is given, those older than `after` only if that is.
    pub async fn holds(
        &self,
        active: bool,
        blinds: Option<&[String]>,
        after: Option<HoldId>,
        limit: u64,
    ) -> Result<Vec<Hold>, Error> {
        let mut query = hold::Entity::find().order_by_desc(hold::Column::Id).limit(limit);
        if active {
            query = query.filter(hold::Column::ReleasedAt.is_null());
        }
        if let Some(blinds) = blinds {
            query = query.filter(hold::Column::Id.in_subquery(holds_of(blinds)));
        }
        if let Some(after) = after {
            query = query.filter(hold::Column::Id.lt(after.0));
        }
        query.all(&self.reader).await?.iter().map(stored).collect()
    }

    /// Whether any hold is in force.
    pub async fn is_any_hold_active(&self) -> Result<bool, Error> {
        Ok(!self.holds(true, None, None, 1).await?.is_empty())
    }

    /// The oldest hold in force that covers one of the identifiers known of a case.
    pub async fn hold_on(&self, case: CaseId) -> Result<Option<HoldId>, Error> {
        let own = Query::select()
            .column(case_identifier::Column::Blind)
            .from(case_identifier::Entity)
            .and_where(case_identifier::Column::CaseId.eq(case.0))
            .to_owned();
        let covering = Query::select()
            .column(hold_identifier::Column::HoldId)
            .from(hold_identifier::Entity)
            .and_where(hold_identifier::Column::Blind.in_subquery(own))
            .to_owned();
        let oldest: Option<Uuid> = hold::Entity::find()
            .filter(hold::Column::Id.in_subquery(covering))
            .filter(hold::Column::ReleasedAt.is_null())
            .order_by_asc(hold::Column::Id)
            .select_only()
            .column(hold::Column::Id)
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(oldest.map(HoldId))
    }

    /// The open cases that a hold covers, oldest first, at most `limit`.
    pub async fn open_cases_under(&self, id: HoldId, limit: u64) -> Result<Vec<CaseId>, Error> {
        let ids: Vec<Uuid> = case::Entity::find()
            .filter(case::Column::Id.in_subquery(cases_under(id)))
            .filter(case::Column::State.is_in(CaseState::open().into_iter().map(CaseState::as_str)))
            .order_by_asc(case::Column::Id)
            .limit(limit)
            .select_only()
            .column(case::Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(ids.into_iter().map(CaseId).collect())
    }

    /// The cases that a hold covers and that have tasks which wait for a hold, after the case `after`, at most `limit`.
    pub async fn held_cases_under(
        &self,
        id: HoldId,
        after: Option<CaseId>,
        limit: u64,
    ) -> Result<Vec<CaseId>, Error> {
        let mut query = task::Entity::find()
            .filter(task::Column::CaseId.in_subquery(cases_under(id)))
            .filter(task::Column::State.eq(TaskState::Pending.as_str()))
            .filter(task::Column::Reason.eq(TaskReason::LegalHold.as_str()))
            .order_by_asc(task::Column::CaseId)
            .limit(limit)
            .select_only()
            .column(task::Column::CaseId)
            .distinct();
        if let Some(after) = after {
            query = query.filter(task::Column::CaseId.gt(after.0));
        }
        let ids: Vec<Uuid> = query.into_tuple().all(&self.reader).await?;
        Ok(ids.into_iter().map(CaseId).collect())
    }
}

/// The holds that cover one of these identifiers.
fn holds_of(blinds: &[String]) -> SelectStatement {
    Query::select()
        .column(hold_identifier::Column::HoldId)
        .from(hold_identifier::Entity)
        .and_where(hold_identifier::Column::Blind.is_in(blinds.iter().cloned()))
        .to_owned()
}

/// The cases that have an identifier which a hold covers.
fn cases_under(id: HoldId) -> SelectStatement {
    let covered = Query::select()
        .column(hold_identifier::Column::Blind)
        .from(hold_identifier::Entity)
        .and_where(hold_identifier::Column::HoldId.eq(id.0))
        .to_owned();
    Query::select()
        .column(case_identifier::Column::CaseId)
        .from(case_identifier::Entity)
        .and_where(case_identifier::Column::Blind.in_subquery(covered))
        .to_owned()
}

fn row(hold: &Hold) -> hold::ActiveModel {
    let release = hold.release.as_ref();
    hold::ActiveModel {
        id: Set(hold.id.0),
        caller: Set(hold.caller.clone()),
        request_id: Set(hold.request_id.clone()),
        ground: Set(convert::to_json(&hold.ground)),
        matter: Set(hold.matter.clone()),
        note: Set(hold.note.clone()),
        kinds: Set(convert::to_json(&hold.identifier_kinds)),
        pseudonym: Set(hold.pseudonym.clone()),
        placed_at: Set(hold.placed_at.as_microsecond()),
        released_at: Set(release.map(|release| release.at.as_microsecond())),
        released_by: Set(release.map(|release| release.caller.clone())),
        release_note: Set(release.map(|release| release.note.clone())),
    }
}

fn stored(row: &hold::Model) -> Result<Hold, Error> {
    let place = convert::Place { table: "holds", id: &row.id };
    let release = |micros| {
        Ok::<_, Error>(Release {
            at: place.time("released_at", micros)?,
            caller: row.released_by.clone().unwrap_or_default(),
            note: row.release_note.clone().unwrap_or_default(),
        })
    };
    Ok(Hold {
        id: HoldId(row.id),
        caller: row.caller.clone(),
        request_id: row.request_id.clone(),
        ground: place.json("ground", &row.ground)?,
        matter: row.matter.clone(),
        note: row.note.clone(),
        identifier_kinds: place.json("kinds", &row.kinds)?,
        pseudonym: row.pseudonym.clone(),
        placed_at: place.time("placed_at", row.placed_at)?,
        release: row.released_at.map(release).transpose()?,
    })
}
