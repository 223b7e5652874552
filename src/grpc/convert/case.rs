//! Cases, tasks and exports, for the eyes of a caller. The pseudonym stays inside.

use std::collections::BTreeSet;

use super::{category, choice, handling, time};
use crate::{
    domain::{
        CorrectionRef, FollowUps, Identifier, Scope, Subject, Task,
        follow_up::{Categories, FollowUp, Left},
    },
    engine::{CaseView, ExportFacts},
    proto::{downstream::v1 as shared, v1},
};

/// A case with its tasks.
pub(crate) fn case(view: CaseView) -> v1::Case {
    let mut case = view.case;
    let FollowUps { list, left, of, .. } = std::mem::take(&mut case.proceedings.follow_ups);
    let particulars = case.proceedings.particulars;
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
        uses: particulars.uses.into_iter().map(|each| choice::r#use(each).into()).collect(),
        purposes: particulars.purposes,
        lift: particulars.lift,
        corrections: particulars.corrections.into_iter().map(correction).collect(),
        follow_up_of_case_id: of.map(|origin| origin.case_id.to_string()).unwrap_or_default(),
        follow_ups: list.into_iter().map(follow_up).collect(),
        unscheduled: left.into_iter().map(unscheduled).collect(),
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

fn correction(of: CorrectionRef) -> v1::CorrectionRef {
    v1::CorrectionRef { downstream: of.downstream, category: of.category, field: of.field }
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
    let downstreams = scope.downstreams.into_iter().collect();
    v1::Scope { downstreams, categories: categories(scope.categories) }
}

fn categories(given: Categories) -> Vec<v1::CategoryScope> {
    let of = |(downstream, categories): (String, BTreeSet<String>)| v1::CategoryScope {
        downstream,
        categories: categories.into_iter().collect(),
    };
    given.into_iter().map(of).collect()
}

fn follow_up(follow_up: FollowUp) -> v1::FollowUp {
    v1::FollowUp {
        number: follow_up.number,
        release_time: Some(time::time(follow_up.released.at)),
        categories: categories(follow_up.released.categories),
        case_id: follow_up.case_id.map(|id| id.to_string()).unwrap_or_default(),
        vain: follow_up.vain,
    }
}

fn unscheduled(left: Left) -> v1::Unscheduled {
    v1::Unscheduled {
        downstream: left.downstream,
        category: left.category,
        reason: choice::unscheduled(left.reason).into(),
    }
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

/// Identifiers in clear, for who may read them.
pub(crate) fn subject(subject: &Subject) -> shared::Subject {
    let identifier = |identifier: &Identifier| shared::Identifier {
        kind: identifier.kind().as_str().to_owned(),
        value: identifier.expose().to_owned(),
    };
    shared::Subject { identifiers: subject.identifiers().map(identifier).collect() }
}
