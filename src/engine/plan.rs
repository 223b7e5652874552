//! Plan: from a subject and a scope to tasks.
//!
//! **Expected flow.** A case is planned while it is opened. If a downstream in its scope has never described itself, the
//! case is opened without tasks and planned here, as soon as all have, or once the patience is over; whoever is then
//! still unknown needs attention. RetryTask on such a task plans the case again.
//!
//! **Guarantees.** Planning again never takes a task away and never touches one that has been asked anything.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Engine, Error, directory, due};
use crate::{
    clock::Clock,
    domain::{
        Case, CaseId, CaseWork, Faults, Scope, Task, TaskEvent, TaskId, TaskReason, TaskState, Wish,
        plan::{Planned, plan},
    },
    store::{self, CaseFile, StoredCase},
};

impl Engine {
    /// The plan, as of what is known of the downstreams now.
    pub(super) fn plan(&self, wish: &Wish<'_>) -> Vec<Planned> {
        let downstreams = self.0.directory.all();
        let mut planned =
            plan(wish, &directory::registered(&downstreams, self.0.settings.handling.processor));
        let capabilities = |name: &str| downstreams.get(name)?.capabilities.as_deref().cloned();
        self.0.settings.retention.direct(&mut planned, capabilities);
        planned
    }

    /// The downstreams in scope that have never described themselves.
    pub(super) fn undescribed(&self, scope: &Scope) -> Vec<String> {
        let undescribed =
            |(name, known): (String, directory::Known)| known.capabilities.is_none().then_some(name);
        self.0
            .directory
            .all()
            .into_iter()
            .filter_map(undescribed)
            .filter(|name| scope.includes(name))
            .collect()
    }

    /// Whether scope and regimes name only what there is; the regimes that the case is under. Categories of a downstream
    /// that has never described itself pass.
    pub(super) fn check_names(&self, scope: &Scope, regimes: &[String]) -> Result<Vec<String>, Error> {
        let known = self.0.directory.all();
        let names: Vec<&str> = known.keys().map(String::as_str).collect();
        let one_of = |names: &[&str]| format!("must be one of {}", names.join(", "));
        let mut faults = Faults::default();
        for (position, name) in scope.downstreams.iter().enumerate() {
            if !known.contains_key(name) {
                faults.push(format!("scope.downstreams[{position}]"), one_of(&names));
            }
        }
        for (position, (name, categories)) in scope.categories.iter().enumerate() {
            let field = format!("scope.categories[{position}]");
            let Some(known) = known.get(name) else {
                faults.push(format!("{field}.downstream"), one_of(&names));
                continue;
            };
            let Some(capabilities) = &known.capabilities else { continue };
            let described: Vec<&str> = capabilities.categories.iter().map(|c| c.name.as_str()).collect();
            for (at, category) in categories.iter().enumerate() {
                if !described.contains(&category.as_str()) {
                    faults.push(format!("{field}.categories[{at}]"), one_of(&described));
                }
            }
        }
        let regimes = self.0.settings.handling.regimes(regimes).unwrap_or_else(|unknown| {
            for fault in unknown {
                faults.push(fault.field, fault.description);
            }
            Vec::new()
        });
        Ok(faults.or(regimes)?)
    }

    /// Plans a case that could not be planned when it was opened, or is to be planned again.
    pub(super) async fn plan_later(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        for name in self.undescribed(&stored.case.scope) {
            // Its error is noted in the directory; what counts is whether it is described afterwards.
            let _ = self.describe(&name).await;
        }
        let now = self.0.clock.now();
        let patience = stored.case.opened_at.saturating_add(self.0.settings.describe_patience);
        if !self.undescribed(&stored.case.scope).is_empty() && patience.is_ok_and(|patience| now < patience) {
            let pause = self.0.settings.retry.pause(stored.attempts + 1, self.0.clock.chance(), None);
            let again = now.saturating_add(pause).unwrap_or(now);
            let ticks = self
                .change_case(stored.case.id, token, move |file| {
                    file.attempts += 1;
                    file.work = Some((CaseWork::Plan, again));
                    Ok(file.tick())
                })
                .await?;
            due::count(&ticks);
            return Ok(());
        }
        let known = stored.case.identifier_kinds.iter().cloned().collect();
        let planned = self.plan(&Wish {
            right: stored.case.right,
            particulars: &stored.case.proceedings.particulars,
            scope: &stored.case.scope,
            known: &known,
        });
        let fresh = tasks(&stored.case, &planned, &*self.0.clock, now);
        self.change_case(stored.case.id, token, move |file| {
            file.work = None;
            file.attempts = 0;
            merge(file, &fresh)?;
            file.advance();
            Ok(())
        })
        .await
    }

    /// A change of a case under the lease of its own work.
    pub(super) async fn change_case<T: Send + 'static>(
        &self,
        id: CaseId,
        token: Uuid,
        mut change: impl FnMut(&mut CaseFile) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let leased = move |file: &mut CaseFile| {
            file.holds_case(token)?;
            change(file)
        };
        Ok(self.0.store.change(id, self.0.clock.now(), leased).await?)
    }
}

/// The tasks of a plan.
pub(super) fn tasks(case: &Case, planned: &[Planned], clock: &dyn Clock, now: Timestamp) -> Vec<Task> {
    let ids: Vec<TaskId> = planned.iter().map(|_| TaskId(clock.new_id())).collect();
    let task = |(position, planned): (usize, &Planned)| Task {
        id: ids[position],
        case_id: case.id,
        position: u32::try_from(position).unwrap_or(u32::MAX),
        downstream: planned.downstream.clone(),
        ask: planned.ask.clone(),
        understands: planned.understands.clone(),
        state: planned.state,
        reason: planned.reason,
        call_id: ids[position].0,
        attempts: 0,
        due_at: (planned.state == TaskState::Pending).then_some(now),
        waits_for: planned.waits_for.iter().map(|before| ids[*before]).collect(),
        last_error: None,
        results: Vec::new(),
        refusal: planned.ground.clone(),
    };
    planned.iter().enumerate().map(task).collect()
}

/// Brings the tasks of a new plan into a case that may have tasks already.
fn merge(file: &mut CaseFile, fresh: &[Task]) -> Result<(), store::Error> {
    let mut ids: BTreeMap<TaskId, TaskId> = BTreeMap::new();
    for task in fresh {
        let same =
            file.tasks.iter().find(|old| old.downstream == task.downstream && old.kind() == task.kind());
        ids.insert(task.id, same.map_or(task.id, |old| old.id));
    }
    for task in fresh {
        let id = ids[&task.id];
        let waits_for: Vec<TaskId> = task.waits_for.iter().map(|before| ids[before]).collect();
        let Some(old) = file.tasks.iter_mut().find(|old| old.id == id) else {
            let position = u32::try_from(file.tasks.len()).unwrap_or(u32::MAX);
            file.tasks.push(Task { position, waits_for, ..task.clone() });
            file.note_forward(id)?;
            continue;
        };
        let untouched = matches!(old.reason, Some(TaskReason::NotDescribed | TaskReason::NoKnownIdentifier));
        if !untouched || (task.state, task.reason) == (old.state, old.reason) {
            continue;
        }
        old.ask = task.ask.clone();
        old.understands.clone_from(&task.understands);
        old.refusal.clone_from(&task.refusal);
        old.waits_for = waits_for;
        file.move_task(id, TaskEvent::Replan, None)?;
        if task.state == TaskState::Skipped {
            file.move_task(id, TaskEvent::Skip, task.reason)?;
            file.note_forward(id)?;
        }
    }
    Ok(())
}
