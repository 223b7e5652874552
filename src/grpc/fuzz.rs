//! What the fuzzers call: every request that callers send and that says anything, decoded and converted as the services do it. Only built for them.

use jiff::Timestamp;
use prost::Message;

use super::{convert, page};
use crate::{
    domain::{CaseId, HoldId, SweepId, TaskId},
    proto::v1,
};

#[expect(clippy::too_many_lines, reason = "a table: one row for each request")]
/// A request: its first byte says which one, the rest is the message.
pub fn request(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    let now = Timestamp::from_second(1_800_000_000).expect("it is a time");
    match which % 36 {
        0 => with(bytes, |message: v1::OpenCaseRequest| drop(convert::new_case(message, now))),
        1 => with(bytes, |message: v1::PreviewCaseRequest| drop(convert::new_preview(message, now))),
        2 => with(bytes, |mut message: v1::ListCasesRequest| drop(convert::filter(&mut message))),
        3 => with(bytes, |message: v1::ConfirmSubjectRequest| drop(convert::confirmation(message, now))),
        4 => with(bytes, |message: v1::ApproveCaseRequest| drop(convert::approval_note(message))),
        5 => with(bytes, |message: v1::RefuseCaseRequest| drop(convert::refusal_ground(message))),
        6 => with(bytes, |message: v1::ExtendDeadlineRequest| drop(convert::extension(message, now))),
        7 => with(bytes, |message: v1::AcknowledgeCaseRequest| drop(convert::acknowledgement(&message, now))),
        8 => with(bytes, |message: v1::PauseClockRequest| drop(convert::pause_ground(&message))),
        9 => with(bytes, |message: v1::ResolveTaskRequest| {
            drop(convert::resolution(Some(message.clone()), String::new()));
            drop(convert::handed_in(message));
        }),
        10 => with(bytes, |message: v1::PlaceHoldRequest| drop(convert::new_hold(message, "fuzz"))),
        11 => with(bytes, |message: v1::ReleaseHoldRequest| drop(convert::release_hold(message))),
        12 => with(bytes, |mut message: v1::ListHoldsRequest| drop(convert::hold_filter(&mut message))),
        13 => with(bytes, |mut message: v1::ListSweepsRequest| drop(convert::sweep_filter(&mut message))),
        14 => with(bytes, |mut message: v1::ListDenialsRequest| drop(page::denial_before(&mut message))),
        15 => with(bytes, |message: v1::ListDownstreamsRequest| {
            drop(page::downstream_before(&message.page_token))
        }),
        16 => with(bytes, |message: v1::PauseDownstreamRequest| drop(convert::pause(message))),
        17 => with(bytes, |message: v1::ListNoticesRequest| {
            drop(convert::notice_filter(message.after_sequence, &message.notice_types));
        }),
        18 => with(bytes, |message: v1::OpenCasesRequest| {
            message.cases.into_iter().for_each(|case| drop(convert::new_case(case, now)));
        }),
        19 => with(bytes, |message: v1::GetCaseRequest| case(&message.case_id)),
        20 => with(bytes, |message: v1::WatchCaseRequest| case(&message.case_id)),
        21 => with(bytes, |message: v1::CancelCaseRequest| case(&message.case_id)),
        22 => with(bytes, |message: v1::DownloadExportRequest| case(&message.case_id)),
        23 => with(bytes, |message: v1::GetReceiptRequest| case(&message.case_id)),
        24 => with(bytes, |message: v1::GetGuardianRequest| case(&message.case_id)),
        25 => with(bytes, |message: v1::ResumeClockRequest| case(&message.case_id)),
        26 => with(bytes, |message: v1::RetryTaskRequest| drop(convert::id::<TaskId>("", &message.task_id))),
        27 => with(bytes, |message: v1::GetHoldRequest| drop(convert::id::<HoldId>("", &message.hold_id))),
        28 => with(bytes, |message: v1::GetSweepRequest| sweep(&message.sweep_id)),
        29 => with(bytes, |message: v1::RunSweepRequest| sweep(&message.sweep_id)),
        30 => with(bytes, |message: v1::DiscardSweepRequest| sweep(&message.sweep_id)),
        31 => {
            with(bytes, |message: v1::PlanSweepRequest| drop(convert::downstream_name(&message.downstream)))
        }
        32 => with(bytes, |message: v1::EnableWebhookRequest| drop(convert::downstream_name(&message.name))),
        33 => with(bytes, |message: v1::DescribeDownstreamRequest| {
            drop(convert::downstream_name(&message.name))
        }),
        34 => {
            with(bytes, |message: v1::CheckDownstreamRequest| drop(convert::downstream_name(&message.name)))
        }
        _ => with(bytes, |message: v1::WatchNoticesRequest| {
            drop(convert::notice_filter(message.after_sequence, &message.notice_types));
        }),
    }
}

fn case(id: &str) {
    drop(convert::id::<CaseId>("case_id", id));
}

fn sweep(id: &str) {
    drop(convert::id::<SweepId>("sweep_id", id));
}

fn with<M: Message + Default>(bytes: &[u8], convert: impl FnOnce(M)) {
    if let Ok(message) = M::decode(bytes) {
        convert(message);
    }
}
