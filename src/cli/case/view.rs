//! A case and its tasks as people see them.

use jiff::Timestamp;

use super::{handling, preview::effect};
use crate::{
    cli::{
        table::{Field, Table, Tone},
        time, words,
    },
    proto::{
        downstream::v1::Right,
        v1::{
            Case, CaseReason, CaseState, CategoryResult, CorrectionRef, FollowUp, Task, TaskKind, TaskReason,
            TaskState,
        },
    },
};

/// Facts, tasks and what to do next.
pub(in crate::cli) fn case(case: &Case, now: Timestamp) -> String {
    let mut text = facts(case, now);
    for part in [handling::text(case), tasks_text(case, now)].into_iter().flatten() {
        text.push_str("\n\n");
        text.push_str(&part);
    }
    if let Some(next) = next_step(case) {
        text.push_str("\n\n");
        text.push_str(&next);
    }
    text
}

fn tasks_text(case: &Case, now: Timestamp) -> Option<String> {
    (!case.tasks.is_empty()).then(|| tasks(case, now))
}

fn facts(case: &Case, now: Timestamp) -> String {
    let mut table = Table::of_facts();
    table.fact("case", case.case_id.as_str());
    table.fact("right", words::right(case.right));
    table.fact("state", case_state(case));
    table.fact("reason", words::case_reason(case.reason));
    table.fact("caller", case.caller.as_str());
    table.fact("request id", case.request_id.as_str());
    table.fact("received", time::shown(case.received_time.as_ref(), now));
    table.fact("opened", time::shown(case.open_time.as_ref(), now));
    table.fact("due", time::shown(case.due_time.as_ref(), now));
    table.fact("starts", time::shown(case.start_time.as_ref(), now));
    table.fact("settled", time::shown(case.settle_time.as_ref(), now));
    table.fact("known by", case.identifier_kinds.join(", "));
    if let Some(scope) = &case.scope {
        table.fact("only at", scope.downstreams.join(", "));
        let categories: Vec<_> = scope
            .categories
            .iter()
            .flat_map(|of| of.categories.iter().map(move |category| format!("{}/{category}", of.downstream)))
            .collect();
        table.fact("only for", categories.join(", "));
    }
    table.fact("to stop", case.uses.iter().map(|each| words::r#use(*each)).collect::<Vec<_>>().join(", "));
    table.fact("purposes", case.purposes.join(", "));
    table.fact("lifts", if case.lift { "an earlier restriction" } else { "" });
    table.fact("corrects", case.corrections.iter().map(corrected).collect::<Vec<_>>().join(", "));
    table.fact("labels", labels(case));
    table.fact("duplicate of", case.duplicate_of_case_id.as_str());
    table.fact("excessive", if case.excessive { "a person decides" } else { "" });
    table.fact("minor", if case.minor { "its tasks go first" } else { "" });
    table.fact("guardian by", case.guardian_identifier_kinds.join(", "));
    table.fact("policy", case.policy_version.as_str());
    handling::facts(case, &mut table);
    table.fact("follows up", case.follow_up_of_case_id.as_str());
    for follow_up in &case.follow_ups {
        table.fact("released", released(follow_up, now));
    }
    for left in &case.unscheduled {
        let text = format!("{}/{}: {}", left.downstream, left.category, words::unscheduled(left.reason));
        table.fact("stays", Field::toned(text, Tone::Bad));
    }
    if let Some(export) = &case.export {
        table.fact("export", format!("{}, {} bytes", export.file_name, words::grouped(export.size_bytes)));
        table.fact("sha256", export.sha256.as_str());
        table.fact("expires", time::shown(export.expire_time.as_ref(), now));
    }
    table.text()
}

/// `billing/customers /name`; without a downstream it is about all that have the category.
fn corrected(of: &CorrectionRef) -> String {
    let downstream = if of.downstream.is_empty() { String::new() } else { format!("{}/", of.downstream) };
    format!("{downstream}{} {}", of.category, of.field)
}

/// `2031-01-01T00:00:00Z (in 1,500 days): billing/invoices`, with the case that it became.
fn released(follow_up: &FollowUp, now: Timestamp) -> String {
    let of = follow_up
        .categories
        .iter()
        .flat_map(|of| of.categories.iter().map(move |category| format!("{}/{category}", of.downstream)));
    let what: Vec<String> = of.collect();
    let begun =
        if follow_up.case_id.is_empty() { String::new() } else { format!(", case {}", follow_up.case_id) };
    format!("{}: {}{begun}", time::shown(follow_up.release_time.as_ref(), now), what.join(", "))
}

/// One row for each task.
pub(in crate::cli) fn tasks(case: &Case, now: Timestamp) -> String {
    let mut table = Table::new(&["DOWNSTREAM", "TASK", "STATE", "RESULT", "TASK ID"]);
    for task in &case.tasks {
        table.row([
            task.downstream.as_str().into(),
            words::task_kind(task.kind).into(),
            Field::toned(words::task_state(task.state), tone(task)),
            result(task, case, now).into(),
            Field::toned(task.task_id.as_str(), Tone::Faint),
        ]);
    }
    table.text()
}

/// The state with its colour.
pub(in crate::cli) fn case_state(case: &Case) -> Field {
    let tone = match CaseState::try_from(case.state) {
        Ok(CaseState::Completed) if is_fulfilled(case) => Tone::Good,
        Ok(CaseState::Completed | CaseState::Refused) => Tone::Bad,
        Ok(CaseState::Cancelled | CaseState::Expired) => Tone::Faint,
        _ => Tone::Busy,
    };
    Field::toned(words::case_state(case.state), tone)
}

/// How a task's state feels.
pub(in crate::cli) fn tone(task: &Task) -> Tone {
    match TaskState::try_from(task.state) {
        Ok(TaskState::Done) => Tone::Good,
        Ok(TaskState::NeedsAttention | TaskState::Refused) => Tone::Bad,
        Ok(TaskState::Skipped | TaskState::Cancelled | TaskState::Blocked) => Tone::Faint,
        _ => Tone::Busy,
    }
}

/// Whether a task does nothing more by itself.
pub(in crate::cli) fn is_final(task: &Task) -> bool {
    use TaskState::{Cancelled, Done, NeedsAttention, Refused, Skipped};
    matches!(TaskState::try_from(task.state), Ok(Done | Skipped | Refused | NeedsAttention | Cancelled))
}

/// `k=v, …` in a stable order.
pub(in crate::cli) fn labels(case: &Case) -> String {
    let mut labels: Vec<_> = case.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    labels.sort();
    labels.join(", ")
}

/// Whether every downstream that had to be asked answered in full.
pub(in crate::cli) fn is_fulfilled(case: &Case) -> bool {
    use CaseReason::{Fulfilled, NothingHeld};
    case.state == i32::from(CaseState::Completed)
        && matches!(CaseReason::try_from(case.reason), Ok(Fulfilled | NothingHeld))
}

/// Whether nothing happens any more by itself.
pub(in crate::cli) fn is_settled(case: &Case) -> bool {
    use CaseState::{Cancelled, Completed, Expired, Refused};
    matches!(CaseState::try_from(case.state), Ok(Completed | Refused | Cancelled | Expired))
}

/// What a task brought, or what it waits for.
pub(in crate::cli) fn result(task: &Task, case: &Case, now: Timestamp) -> String {
    let reason = words::task_reason(task.reason);
    match TaskState::try_from(task.state) {
        Ok(TaskState::Blocked) => {
            let names: Vec<_> = task.waits_for_task_ids.iter().filter_map(|id| name_of(case, id)).collect();
            if names.is_empty() { String::new() } else { format!("waits for {}", names.join(", ")) }
        }
        Ok(TaskState::Pending | TaskState::Working | TaskState::Verifying) => {
            let again = if task.attempts > 0 {
                time::away(task.next_attempt_time.as_ref(), now)
            } else {
                String::new()
            };
            let again = if again.starts_with("in ") { format!("again {again}") } else { String::new() };
            joined(&[&reason, &task.last_error, &again])
        }
        Ok(TaskState::Refused) => {
            let ground = task.refusal.as_ref();
            ground.map_or(reason, |ground| words::sourced(ground.code, &ground.source))
        }
        Ok(TaskState::NeedsAttention) if task.categories.is_empty() => joined(&[&reason, &task.last_error]),
        Ok(TaskState::NeedsAttention) => {
            joined(&[&reason, &task.last_error, &brought(task), &still_there(task)])
        }
        Ok(TaskState::Done) => brought(task),
        _ => reason,
    }
}

fn name_of(case: &Case, task_id: &str) -> Option<String> {
    let task = case.tasks.iter().find(|task| task.task_id == task_id)?;
    Some(format!("{} {}", task.downstream, words::task_kind(task.kind)))
}

fn brought(task: &Task) -> String {
    match TaskKind::try_from(task.kind) {
        Ok(TaskKind::Collect) => collected(&task.categories),
        Ok(TaskKind::Resolve | TaskKind::Unspecified) | Err(_) => String::new(),
        Ok(_) => changed(&task.categories),
    }
}

fn collected(categories: &[CategoryResult]) -> String {
    let records = categories.iter().map(|category| category.records).sum();
    let files = categories.iter().map(|category| category.files).sum();
    let withheld: u64 =
        categories.iter().flat_map(|category| &category.withheld).map(|item| item.count).sum();
    let mut said = Vec::new();
    if records > 0 {
        said.push(words::count(records, "record"));
    }
    if files > 0 {
        said.push(words::count(files, "file"));
    }
    if withheld > 0 {
        said.push(format!("{} withheld", words::grouped(withheld)));
    }
    if said.is_empty() { "nothing held".into() } else { said.join(", ") }
}

fn changed(categories: &[CategoryResult]) -> String {
    let mut sum = crate::proto::downstream::v1::CategoryOutcome::default();
    for outcome in categories.iter().filter_map(|category| category.outcome.as_ref()) {
        sum.erased += outcome.erased;
        sum.anonymised += outcome.anonymised;
        sum.restricted += outcome.restricted;
        sum.rectified += outcome.rectified;
        sum.unrestricted += outcome.unrestricted;
        sum.stopped += outcome.stopped;
        sum.retained.extend(outcome.retained.iter().cloned());
    }
    effect(&sum)
}

/// What was found after an erasure that could not be confirmed. After others it is what they declared as kept.
fn still_there(task: &Task) -> String {
    let remaining: u64 = task.categories.iter().map(|category| category.remaining).sum();
    let unconfirmed = task.reason == i32::from(TaskReason::ErasureUnconfirmed);
    if unconfirmed { format!("{} still there", words::grouped(remaining)) } else { String::new() }
}

/// What there is to say, each once: a reason and its error are often the same word.
fn joined(parts: &[&str]) -> String {
    let mut said: Vec<&str> = Vec::with_capacity(parts.len());
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if !said.iter().any(|known| known.eq_ignore_ascii_case(part)) {
            said.push(part);
        }
    }
    said.join("; ")
}

fn next_step(case: &Case) -> Option<String> {
    let id = &case.case_id;
    if case.tasks.iter().any(|task| task.state == i32::from(TaskState::NeedsAttention)) {
        return Some("once the cause is gone: rightful case retry TASK_ID".into());
    }
    if let Some(next) = handling::next_step(case) {
        return Some(next);
    }
    if !is_settled(case) {
        return Some(format!("follow it: rightful case watch {id}"));
    }
    if case.export.is_some() {
        return Some(format!("fetch it: rightful export download {id}"));
    }
    let exports = matches!(Right::try_from(case.right), Ok(Right::Access | Right::Portability));
    let has_receipt = !exports && case.state == i32::from(CaseState::Completed);
    has_receipt.then(|| format!("its receipt: rightful receipt get {id}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::{
        downstream::v1::{CategoryOutcome, Retained},
        v1::Withheld,
    };

    fn task(kind: TaskKind, state: TaskState) -> Task {
        Task {
            task_id: "t".into(),
            downstream: "billing".into(),
            kind: kind.into(),
            state: state.into(),
            ..Task::default()
        }
    }

    fn said(task: &Task) -> String {
        result(task, &Case { tasks: vec![task.clone()], ..Case::default() }, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_collection_says_what_it_brought() {
        let mut task = task(TaskKind::Collect, TaskState::Done);
        assert_eq!(said(&task), "nothing held");
        let withheld = vec![Withheld { count: 2, ..Withheld::default() }];
        task.categories = vec![
            CategoryResult { records: 1_200, files: 1, ..CategoryResult::default() },
            CategoryResult { records: 4, withheld, ..CategoryResult::default() },
        ];
        assert_eq!(said(&task), "1,204 records, 1 file, 2 withheld");
    }

    #[test]
    fn an_erasure_says_what_is_left() {
        let mut task = task(TaskKind::Erase, TaskState::NeedsAttention);
        task.reason = TaskReason::ErasureUnconfirmed.into();
        let retained = vec![Retained { count: 3, ..Retained::default() }];
        let outcome = CategoryOutcome { erased: 7, retained, ..CategoryOutcome::default() };
        task.categories =
            vec![CategoryResult { outcome: Some(outcome), remaining: 5, ..CategoryResult::default() }];
        assert_eq!(said(&task), "erasure unconfirmed; 7 erased, 3 retained; 5 still there");
    }

    #[test]
    fn a_waiting_task_says_for_what() {
        let mut waiting = task(TaskKind::Collect, TaskState::Pending);
        waiting.attempts = 2;
        waiting.last_error = "UNAVAILABLE".into();
        waiting.next_attempt_time = Some(prost_types::Timestamp { seconds: 90, nanos: 0 });
        assert_eq!(said(&waiting), "UNAVAILABLE; again in 90 seconds");
        let mut blocked = task(TaskKind::Collect, TaskState::Blocked);
        blocked.waits_for_task_ids = vec!["t".into()];
        assert_eq!(said(&blocked), "waits for billing collect");
    }

    #[test]
    fn only_a_full_answer_is_fulfilled() {
        let case = |state: CaseState, reason: CaseReason| Case {
            state: state.into(),
            reason: reason.into(),
            ..Case::default()
        };
        assert!(is_fulfilled(&case(CaseState::Completed, CaseReason::Fulfilled)));
        assert!(is_fulfilled(&case(CaseState::Completed, CaseReason::NothingHeld)));
        assert!(!is_fulfilled(&case(CaseState::Completed, CaseReason::PartiallyFulfilled)));
        assert!(!is_fulfilled(&case(CaseState::Cancelled, CaseReason::CancelledByCaller)));
        assert!(!is_settled(&case(CaseState::InProgress, CaseReason::Unspecified)));
    }
}
