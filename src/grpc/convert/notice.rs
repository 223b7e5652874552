//! Notices and webhooks, for the eyes of a caller.

use super::{category, choice, time};
use crate::{
    domain::{Faults, Notice, NoticeType, notice::Facts},
    engine::{NoticeFilter, WebhookView},
    proto::v1,
};

/// Which notices to read.
pub(crate) fn notice_filter(after: u64, types: &[i32]) -> Result<NoticeFilter, Faults> {
    let mut faults = Faults::default();
    if i64::try_from(after).is_err() {
        faults.push("after_sequence", "must be a sequence that was given");
    }
    let mut known: Vec<NoticeType> = Vec::new();
    for (index, number) in types.iter().enumerate() {
        match choice::notice_type_of(*number) {
            Some(named) => known.push(named),
            None => faults.push(format!("notice_types[{index}]"), "must be a NoticeType"),
        }
    }
    known.sort_unstable();
    known.dedup();
    faults.or(NoticeFilter { after, types: known })
}

/// A notice.
pub(crate) fn notice(notice: Notice) -> v1::Notice {
    let Facts { request_id, caller, labels, right, state, reason, due_at, task } = notice.facts;
    v1::Notice {
        sequence: notice.sequence,
        notice_id: notice.id,
        notice_type: choice::notice_type(notice.notice_type).into(),
        notice_time: Some(time::time(notice.at)),
        case_id: notice.case_id.to_string(),
        request_id,
        caller,
        labels: labels.into_iter().collect(),
        right: choice::right(right).into(),
        state: choice::case_state(state).into(),
        reason: reason.map_or(0, |reason| choice::case_reason(reason).into()),
        due_time: Some(time::time(due_at)),
        task: task.map(|task| v1::NoticeTask {
            task_id: task.task_id.to_string(),
            downstream: task.downstream,
            kind: choice::task_kind(task.kind).into(),
            reason: task.reason.map_or(0, |reason| choice::task_reason(reason).into()),
            ground: task.ground.map(category::ground),
        }),
    }
}

/// A webhook.
pub(crate) fn webhook(view: WebhookView) -> v1::Webhook {
    v1::Webhook {
        name: view.name,
        notice_types: view.types.into_iter().map(|named| choice::notice_type(named).into()).collect(),
        disable_time: view.disabled_at.map(time::time),
        failures: view.failures,
        held_until_time: view.held_until.map(time::time),
        last_error: view.last_error.unwrap_or_default(),
        undelivered: view.undelivered,
        oldest_undelivered_time: view.oldest_at.map(time::time),
    }
}
