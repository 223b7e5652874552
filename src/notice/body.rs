//! A notice as a CloudEvent 1.0 in JSON (structured mode), with the `sequence` of its extension.

use serde::Serialize;

use crate::domain::{
    CaseId, CaseReason, CaseState, Ground, Notice, Right, TaskId, TaskKind, TaskReason, notice::Facts,
};

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/cloudevents+json; charset=utf-8";

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    event_type: String,
    subject: CaseId,
    time: jiff::Timestamp,
    datacontenttype: &'static str,
    sequence: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    case_id: CaseId,
    request_id: &'a str,
    caller: &'a str,
    labels: &'a std::collections::BTreeMap<String, String>,
    right: Right,
    state: CaseState,
    reason: Option<CaseReason>,
    due_time: jiff::Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<OfTask<'a>>,
}

#[derive(Serialize)]
struct OfTask<'a> {
    task_id: TaskId,
    downstream: &'a str,
    kind: TaskKind,
    reason: Option<TaskReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ground: Option<&'a Ground>,
}

/// The body: the same bytes however often it is made.
pub(super) fn body(notice: &Notice, source: &str) -> Vec<u8> {
    let Facts { request_id, caller, labels, right, state, reason, due_at, task } = &notice.facts;
    let event = CloudEvent {
        specversion: "1.0",
        id: &notice.id,
        source,
        event_type: format!("rightful.{}.v1", notice.notice_type),
        subject: notice.case_id,
        time: notice.at,
        datacontenttype: "application/json",
        sequence: notice.sequence.to_string(),
        data: Data {
            case_id: notice.case_id,
            request_id,
            caller,
            labels,
            right: *right,
            state: *state,
            reason: *reason,
            due_time: *due_at,
            task: task.as_ref().map(|task| OfTask {
                task_id: task.task_id,
                downstream: &task.downstream,
                kind: task.kind,
                reason: task.reason,
                ground: task.ground.as_ref(),
            }),
        },
    };
    serde_json::to_vec(&event).expect("a notice is JSON")
}
