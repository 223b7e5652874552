//! Cases, tasks and exports, for the eyes of a caller. The pseudonym stays inside.

use super::{category, choice, handling, time};
use crate::{
    domain::{Scope, Task},
    engine::{CaseView, ExportFacts},
    proto::v1,
};

/// A case with its tasks.
pub(crate) fn case(view: CaseView) -> v1::Case {
    let case = view.case;
    v1::Case {
        case_id: case.id.to_string(),
        request_id: case.request_id,
        right: choice::right(case.right).into(),
        state: choice::case_state(case.state).into(),
        reason: case.reason.map_or(0, |reason| choice::case_reason(reason).into()),
        revision: case.revision,
        open_time: Some(time::time(case.opened_at)),
        received_time: Some(time::time(case.received_at)),
        due_time: time::time_before_the_end(case.due_at),
        settle_time: case.settled_at.map(time::time),
        identifier_kinds: case.identifier_kinds.iter().map(ToString::to_string).collect(),
        scope: Some(scope(case.scope)),
        labels: case.labels.into_iter().collect(),
        policy_version: case.policy_version,
        tasks: view.tasks.into_iter().map(task).collect(),
        export: view.export.map(export),
        caller: case.caller,
        clocks: handling::clocks(&case.proceedings.clocks),
        verification: Some(handling::verification(case.proceedings.verification)),
        approval: Some(handling::approval(case.proceedings.approval)),
        refusal: case.proceedings.refusal.map(handling::refusal),
        start_time: case.proceedings.start_at.map(time::time),
        channel: case.proceedings.channel,
        regimes: case.proceedings.regimes,
    }
}

/// An export that is ready.
pub(crate) fn export(facts: ExportFacts) -> v1::ExportInfo {
    v1::ExportInfo {
        sha256: facts.sha256,
        size_bytes: facts.size,
        media_type: "application/zip".to_owned(),
        file_name: facts.file_name,
        expire_time: Some(time::time(facts.expires_at)),
    }
}

fn scope(scope: Scope) -> v1::Scope {
    let categories = scope
        .categories
        .into_iter()
        .map(|(downstream, categories)| v1::CategoryScope {
            downstream,
            categories: categories.into_iter().collect(),
        })
        .collect();
    v1::Scope { downstreams: scope.downstreams.into_iter().collect(), categories }
}

fn task(task: Task) -> v1::Task {
    v1::Task {
        task_id: task.id.to_string(),
        kind: choice::task_kind(task.kind()).into(),
        downstream: task.downstream,
        state: choice::task_state(task.state).into(),
        reason: task.reason.map_or(0, |reason| choice::task_reason(reason).into()),
        attempts: task.attempts,
        next_attempt_time: task.due_at.map(time::time),
        waits_for_task_ids: task.waits_for.iter().map(ToString::to_string).collect(),
        last_error: task.last_error.unwrap_or_default(),
        categories: task.results.into_iter().map(category::result).collect(),
        refusal: task.refusal.map(category::ground),
        call_id: task.call_id.to_string(),
    }
}
