//! What goes into the verbs and what comes out of them.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};

use super::Error;
use crate::domain::{
    Ask, Capabilities, Case, CaseId, CaseState, CategoryOutcome, Details, Ground, Hold, HoldId, Identifier,
    Lane, Notice, NoticeType, Particulars, Right, Scope, Subject, Sweep, SweepId, Task, TaskId, TaskReason,
    TaskState,
    clock::Clocks,
    verification::{Assurance, Evidence},
};
use crate::downstream::Said;

pub use super::person::{Broken, HandingIn};

/// A checked request for a case.
#[derive(Clone, Debug)]
pub struct NewCase {
    /// Who calls: request ids are unique per caller.
    pub caller: String,
    /// The idempotency key.
    pub request_id: String,
    /// Which right.
    pub right: Right,
    /// Who.
    pub subject: Subject,
    /// When the person asked; absent means now.
    pub received_at: Option<Timestamp>,
    /// About what.
    pub scope: Scope,
    /// The caller's references.
    pub labels: BTreeMap<String, String>,
    /// The policy version, or empty.
    pub policy_version: String,
    /// Over which way the person asked, or empty.
    pub channel: String,
    /// The regimes that it is under; empty means those of the configuration.
    pub regimes: Vec<String>,
    /// What shows that the person asks.
    pub evidence: Vec<Evidence>,
    /// What exactly is asked for, beyond the right.
    pub particulars: Particulars,
    /// Whether the subject is a minor.
    pub minor: bool,
    /// What else is personal.
    pub details: Details,
    /// The W3C `traceparent` of the caller, if there is one.
    pub trace_parent: Option<String>,
}

/// A case as it is shown: with its tasks, and its export if there is one to download.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseView {
    /// The case.
    pub case: Case,
    /// Its tasks in the order of the plan; empty in lists.
    pub tasks: Vec<Task>,
    /// The finished export.
    pub export: Option<ExportFacts>,
}

/// An answer to [`NewCase`].
#[derive(Clone, Debug, PartialEq)]
pub struct OpenedCase {
    /// The case as it is now.
    pub view: CaseView,
    /// Whether its request id had opened it before.
    pub replayed: bool,
    /// Whether it is a case that was open already, instead of a new one.
    pub joined: bool,
}

/// What is known of a finished export without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportFacts {
    /// Hex SHA-256 of the whole file.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// A safe file name.
    pub file_name: String,
    /// When it goes.
    pub expires_at: Timestamp,
}

/// What a preview asks about. The same checks as for [`NewCase`] apply.
#[derive(Clone, Debug)]
pub struct NewPreview {
    /// Which right.
    pub right: Right,
    /// Who.
    pub subject: Subject,
    /// When the person asked; absent means now.
    pub received_at: Option<Timestamp>,
    /// About what.
    pub scope: Scope,
    /// Over which way the person asked, or empty.
    pub channel: String,
    /// The regimes that it is under; empty means those of the configuration.
    pub regimes: Vec<String>,
    /// What exactly.
    pub particulars: Particulars,
    /// What else is personal.
    pub details: Details,
}

/// What opening a case would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The tasks in the order in which they would start.
    pub tasks: Vec<PreviewTask>,
    /// When the case would have to be done.
    pub due_at: Timestamp,
    /// The clocks that it would have.
    pub clocks: Clocks,
    /// How well the person would have to be verified.
    pub verification_needed: Assurance,
    /// Whether somebody else would have to approve it.
    pub approval_needed: bool,
    /// When it would start if it were approved now; absent: at once.
    pub start_at: Option<Timestamp>,
    /// Holds in force that cover the subject as given, oldest first, at most 100.
    pub holds: Vec<HoldId>,
}

/// A task that would be planned.
#[derive(Clone, Debug)]
pub struct PreviewTask {
    /// Whom it would ask.
    pub downstream: String,
    /// What it would ask.
    pub ask: Ask,
    /// Where it would start.
    pub state: TaskState,
    /// Why.
    pub reason: Option<TaskReason>,
    /// The ground of a skip that has one.
    pub ground: Option<Ground>,
    /// Positions of those that come first.
    pub waits_for: Vec<usize>,
    /// What a dry run answered, or why there is none. Absent for tasks that change nothing.
    pub dry_run: Option<Result<Vec<CategoryOutcome>, String>>,
}

/// A checked request for a legal hold.
#[derive(Clone, Debug)]
pub struct NewHold {
    /// Who places it: request ids are unique per caller.
    pub caller: String,
    /// The idempotency key.
    pub request_id: String,
    /// Whom it covers.
    pub subject: Subject,
    /// Why.
    pub ground: Ground,
    /// The matter that it belongs to.
    pub matter: String,
    /// More about it.
    pub note: String,
}

/// An answer to [`NewHold`].
#[derive(Clone, Debug)]
pub struct PlacedHold {
    /// The hold as it is now.
    pub hold: Hold,
    /// Whether its request id had placed it before.
    pub replayed: bool,
    /// The open cases that it covers.
    pub cases: Vec<HeldCase>,
}

/// An open case that a hold covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldCase {
    /// Which.
    pub case_id: CaseId,
    /// Downstreams whose erasure waits from now on.
    pub waiting: Vec<String>,
    /// Downstreams to which an Erase was sent before, or may have been.
    pub sent: Vec<String>,
}

/// Which holds to list.
#[derive(Clone, Debug, Default)]
pub struct HoldFilter {
    /// Only those in force.
    pub active: bool,
    /// Only those that cover this identifier.
    pub identifier: Option<Identifier>,
}

/// A page of holds, newest first.
#[derive(Clone, Debug)]
pub struct HoldPage {
    /// The holds.
    pub holds: Vec<Hold>,
    /// The last one of this page, if more follow.
    pub next: Option<HoldId>,
}

/// A page of sweeps, newest first.
#[derive(Clone, Debug)]
pub struct SweepPage {
    /// The sweeps.
    pub sweeps: Vec<Sweep>,
    /// The last one of this page, if more follow.
    pub next: Option<SweepId>,
}

/// Which cases to list.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states; empty means all.
    pub states: Vec<CaseState>,
    /// Of this right.
    pub right: Option<Right>,
    /// With a task at this downstream.
    pub downstream: Option<String>,
    /// Due before.
    pub due_before: Option<Timestamp>,
    /// Not final and past due.
    pub overdue: bool,
    /// Not final, and past due or soon so.
    pub due_soon: bool,
    /// Opened with, or resolved to, this identifier.
    pub identifier: Option<Identifier>,
    /// Opened by this caller.
    pub caller: Option<String>,
}

/// A page of cases, newest first.
#[derive(Clone, Debug)]
pub struct Page {
    /// The cases, without tasks.
    pub cases: Vec<CaseView>,
    /// The last case of this page, if more follow: pass it as `after` for the next page.
    pub next: Option<CaseId>,
}

/// An export on its way to the caller.
pub struct Download {
    /// What comes.
    pub facts: ExportFacts,
    /// The bytes from the asked offset on, in chunks of at most 128 KiB.
    pub bytes: BoxStream<'static, Result<Bytes, Error>>,
}

/// A receipt: UTF-8 JSON.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The document.
    pub json: Bytes,
    /// Hex SHA-256 of it.
    pub sha256: String,
}

/// A registered downstream as it is shown.
#[derive(Clone, Debug)]
pub struct DownstreamView {
    /// Its name.
    pub name: String,
    /// Whether people answer for it.
    pub manual: bool,
    /// Where it is called; empty if people answer for it.
    pub endpoint: String,
    /// What it said last, if ever.
    pub capabilities: Option<Capabilities>,
    /// When.
    pub described_at: Option<Timestamp>,
    /// Calls at once.
    pub parallel_calls: u32,
    /// Tasks that wait for it or are under way.
    pub backlog: u64,
    /// Calls that are under way, of all replicas.
    pub under_way: u32,
    /// Whether it is paused, and where its breaker stands.
    pub lane: Lane,
    /// Why the last call failed.
    pub last_error: Option<String>,
}

/// How a check went.
#[derive(Clone, Debug)]
pub struct Check {
    /// The downstream after the check.
    pub downstream: DownstreamView,
    /// What is wrong; absent if it is healthy.
    pub error: Option<String>,
    /// How long the call took.
    pub latency: SignedDuration,
}

/// Which notices to read.
#[derive(Clone, Debug, Default)]
pub struct NoticeFilter {
    /// Only those after this sequence.
    pub after: u64,
    /// Only of these types; empty means all.
    pub types: Vec<NoticeType>,
}

/// Notices in their order.
#[derive(Clone, Debug)]
pub struct NoticePage {
    /// The notices.
    pub notices: Vec<Notice>,
    /// Everything up to this sequence has been looked at.
    pub through: u64,
    /// Whether there is more now.
    pub more: bool,
}

/// A webhook as it is shown.
#[derive(Clone, Debug)]
pub struct WebhookView {
    /// Its name.
    pub name: String,
    /// What it is sent; empty means everything.
    pub types: Vec<NoticeType>,
    /// Since when it is not called any more.
    pub disabled_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// Until when it rests.
    pub held_until: Option<Timestamp>,
    /// Why it failed last.
    pub last_error: Option<String>,
    /// Notices that it has not taken.
    pub undelivered: u64,
    /// When the oldest of them happened.
    pub oldest_at: Option<Timestamp>,
}

/// What a person says of a task, in the stead of its downstream.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// Which task.
    pub task_id: TaskId,
    /// Who says so.
    pub by: String,
    /// Why, in clear: no personal data. May be empty.
    pub note: String,
    /// What became of it.
    pub outcome: ResolvedAs,
}

/// What a person says became of a task.
#[derive(Clone, Debug)]
pub enum ResolvedAs {
    /// What a downstream would have said: done, or refused.
    Said(Said),
    /// There is nothing of the subject.
    NothingHeld,
    /// It is not done, and nobody will.
    Waived,
}

/// Equal calls of a moment that were denied.
#[derive(Clone, Debug)]
pub struct Denied {
    /// When the first of them was.
    pub at: Timestamp,
    /// Who called; empty if that is not known.
    pub caller: String,
    /// From where; empty if there were too many to tell apart.
    pub address: String,
    /// What was called.
    pub rpc: &'static str,
    /// Why it was denied.
    pub reason: &'static str,
    /// How many.
    pub count: u64,
}
