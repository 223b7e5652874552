//! Changes: pure functions over cases' files, and the difference that they make, written.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DatabaseTransaction, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::{
    CaseFile, Error,
    case_file::Event,
    convert::{self, Turn},
    entity::{case, case_event, case_identifier, task},
    notices, openings,
    wake::Rings,
};
use crate::domain::CaseId;

/// A pure change: `Ok` means write, an error means leave all as it was.
pub(super) type Change = Box<dyn FnMut(&mut CaseFile) -> Result<(), Error> + Send>;

/// Applies the changes in their order and writes what differs afterwards. Each is answered for itself.
pub(super) async fn apply<'a>(
    transaction: &DatabaseTransaction,
    changes: impl Iterator<Item = (CaseId, &'a mut Change)> + Send,
    rings: &mut Rings,
) -> Result<Vec<Result<(), Error>>, Error> {
    let changes: Vec<(CaseId, &mut Change)> = changes.collect();
    if changes.is_empty() {
        return Ok(Vec::new());
    }
    let ids: BTreeSet<CaseId> = changes.iter().map(|(case, _)| *case).collect();
    let before = load(transaction, &ids).await?;
    let mut after = before.clone();
    let mut answers = Vec::with_capacity(changes.len());
    for (case, change) in changes {
        answers.push(match after.get_mut(&case) {
            None => Err(Error::Gone("case")),
            Some(file) => {
                let untouched = file.clone();
                change(file).inspect_err(|_| *file = untouched)
            }
        });
    }
    for (id, file) in &mut after {
        if let Some(before) = before.get(id) {
            save(transaction, before, file, rings).await?;
        }
    }
    let (mut events, mut noticed) = (Vec::new(), Vec::new());
    for file in after.values() {
        events.extend(file.events.iter().map(|event| event_row(file.case.id, event)));
        noticed.extend(notices::rows(&file.case, &file.tasks, &file.events));
    }
    insert_events(transaction, events).await?;
    notices::insert(transaction, noticed, rings).await?;
    Ok(answers)
}

/// The files of these cases, locked until the transaction ends.
async fn load(
    transaction: &DatabaseTransaction,
    ids: &BTreeSet<CaseId>,
) -> Result<BTreeMap<CaseId, CaseFile>, Error> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    // In order of ids, so that two replicas never wait for each other in a circle. SQLite leaves the lock out.
    let cases = case::Entity::find()
        .filter(case::Column::Id.is_in(ids.clone()))
        .order_by_asc(case::Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await?;
    let tasks = task::Entity::find()
        .filter(task::Column::CaseId.is_in(ids))
        .order_by_asc(task::Column::CaseId)
        .order_by_asc(task::Column::Position)
        .all(transaction)
        .await?;
    let mut files = BTreeMap::new();
    for row in &cases {
        let own: Vec<_> = tasks.iter().filter(|task| task.case_id == row.id).cloned().collect();
        files.insert(CaseId(row.id), convert::case_file(row, &own)?);
    }
    Ok(files)
}

/// Writes what differs. Nothing at all is written for a file that no change touched.
async fn save(
    transaction: &DatabaseTransaction,
    before: &CaseFile,
    file: &mut CaseFile,
    rings: &mut Rings,
) -> Result<(), Error> {
    // What only says when to look at the case again is nothing that a reader could see.
    let mut seen = !file.events.is_empty() || file.case != before.case;
    for task in &file.tasks {
        let extra = file.extras.get(&task.id).cloned().unwrap_or_default();
        let old = before.tasks.iter().find(|old| old.id == task.id);
        if old == Some(task) && !extra.is_changed() {
            continue;
        }
        seen = true;
        let turn = Turn {
            caller: &file.case.caller,
            case_due_at: file.case.due_at,
            minor: file.case.proceedings.circumstances.minor,
            now: file.now,
        };
        let row = convert::task_row(task, &extra, turn);
        if old.is_some() {
            task::Entity::update(row).exec_without_returning(transaction).await?;
        } else {
            task::Entity::insert(row).exec_without_returning(transaction).await?;
        }
        // There is something to do, or somebody who did something is free again.
        if !extra.keep_lease && (task.state.is_active() || extra.lease.is_some()) {
            rings.lanes.insert(task.downstream.clone());
        }
    }
    if !seen && file.work == before.work && file.key == before.key {
        return Ok(());
    }
    if seen {
        file.case.revision += 1;
        rings.cases.insert(file.case.id);
    }
    if file.work != before.work || file.attempts != before.attempts {
        // Whoever changes what is to be done next ends the lease on what was to be done.
        file.lease = None;
    }
    case::Entity::update(convert::case_update(file)).exec_without_returning(transaction).await?;
    save_blinds(transaction, file).await?;
    rings.work |= file.work.is_some();
    Ok(())
}

async fn save_blinds(transaction: &DatabaseTransaction, file: &CaseFile) -> Result<(), Error> {
    if file.forget_blinds {
        let own = case_identifier::Column::CaseId.eq(file.case.id.0);
        case_identifier::Entity::delete_many().filter(own).exec(transaction).await?;
    } else if !file.blinds.is_empty() {
        let row = |blind: &String| case_identifier::ActiveModel {
            case_id: Set(file.case.id.0),
            blind: Set(blind.clone()),
        };
        openings::insert_blinds(transaction, file.blinds.iter().map(row).collect()).await?;
    }
    Ok(())
}

/// A line of the history.
pub(super) fn event_row(case: CaseId, event: &Event) -> case_event::ActiveModel {
    case_event::ActiveModel {
        case_id: Set(case.0),
        task_id: Set(event.task.map(|task| task.0)),
        at: Set(event.at.as_microsecond()),
        event: Set(event.name.clone()),
        data: Set(event.data.to_string()),
        ..Default::default()
    }
}

/// Appends to the history.
pub(super) async fn insert_events(
    transaction: &DatabaseTransaction,
    rows: Vec<case_event::ActiveModel>,
) -> Result<(), Error> {
    if !rows.is_empty() {
        case_event::Entity::insert_many(rows).exec_without_returning(transaction).await?;
    }
    Ok(())
}
