//! Cases, tasks and exports, for the eyes of a caller. The pseudonym stays inside.

use super::{category, choice, time};
use crate::{
    domain::{Scope, Task},
    engine::{CaseView, ExportFacts},
    proto::v1,
};

/// A case with its tasks.
pub(crate) fn case(view: CaseView) -> v1::Case {
    let case = view.case;
    let circumstances = case.proceedings.circumstances;
    v1::Case {
        case_id: case.id.to_string(),
        request_id: case.request_id,
        right: choice::right(case.right).into(),
        state: choice::case_state(case.state).into(),
        reason: case.reason.map_or(0, |reason| choice::case_reason(reason).into()),
        revision: case.revision,
        open_time: Some(time::time(case.opened_at)),
        received_time: Some(time::time(case.received_at)),
        due_time: Some(time::time(case.due_at)),
        settle_time: case.settled_at.map(time::time),
        identifier_kinds: case.identifier_kinds.iter().map(ToString::to_string).collect(),
        scope: Some(scope(case.scope)),
        labels: case.labels.into_iter().collect(),
        policy_version: case.policy_version,
        tasks: view.tasks.into_iter().map(task).collect(),
        export: view.export.map(export),
        caller: case.caller,
        channel: case.proceedings.channel,
        regimes: case.proceedings.regimes,
        duplicate_of_case_id: circumstances.duplicate_of.map(|id| id.to_string()).unwrap_or_default(),
        excessive: circumstances.excessive,
        minor: circumstances.minor,
        guardian_identifier_kinds: circumstances
            .guardian_identifier_kinds
            .iter()
            .map(ToString::to_string)
            .collect(),
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
