//! `rightful case …`: opening, following and finishing cases.

pub(super) mod clock;
pub(super) mod confirm;
mod handling;
pub(super) mod import;
pub(super) mod list;
pub(super) mod open;
pub(super) mod particulars;
pub(super) mod preview;
pub(super) mod refuse;
pub(super) mod view;
pub(super) mod watch;

use clap::{Args, Subcommand, ValueEnum};

use super::{
    Global,
    client::{Client, timed},
    exit::Failure,
    output::{self, Format},
    table::Table,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1 as downstream,
        v1::{
            ApproveCaseRequest, CancelCaseRequest, Case, CategoryScope, GetCaseRequest, GetGuardianRequest,
            GetGuardianResponse, ResumeClockRequest, RetryTaskRequest, Scope,
        },
    },
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Open a case: this person wants their data, to be forgotten, or something put right or stopped.
    Open(Box<open::Arguments>),
    /// Say what opening a case would do, and change nothing.
    Preview(Box<preview::Arguments>),
    /// Open a case for each row of a file.
    Import(import::Arguments),
    /// Show a case with its tasks.
    Get(CaseId),
    /// List cases, newest first.
    List(list::Arguments),
    /// Follow a case until it is settled.
    Watch(CaseId),
    /// Stop a case.
    Cancel(CaseId),
    /// Say that evidence shows that it is the person who asks, or that it failed.
    Confirm(confirm::Arguments),
    /// Let a case begin that somebody else opened.
    Approve {
        /// The case's id.
        #[arg(value_name = "CASE_ID")]
        case_id: String,
        /// More about it. No personal data.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Show the guardian of a minor's case. The case's history says who did.
    Guardian(CaseId),
    /// Refuse a case on a ground of the law.
    Refuse(refuse::Arguments),
    /// Say that the person was told that the answer takes longer.
    Extend(clock::Extend),
    /// Say that the person was told that the request has arrived.
    Acknowledge(clock::Acknowledge),
    /// Let the clocks stand still that allow the ground.
    PauseClock(clock::Pause),
    /// Let them run on.
    ResumeClock(CaseId),
    /// Try a task again that needs attention, or at once one that waits for its next attempt.
    Retry {
        /// The task's id, as `case get` shows it.
        #[arg(value_name = "TASK_ID")]
        task_id: String,
    },
}

#[derive(Args)]
pub(super) struct CaseId {
    /// The case's id.
    #[arg(value_name = "CASE_ID")]
    case_id: String,
}

/// The rights that can be named here.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Right {
    /// A copy of the data and the facts about its use (GDPR 15).
    Access,
    /// A copy of what the person provided (GDPR 20).
    Portability,
    /// To be forgotten (GDPR 17).
    Erasure,
    /// To have wrong data corrected (GDPR 16).
    Rectification,
    /// To have data kept but not used (GDPR 18).
    Restriction,
    /// To object to a use (GDPR 21).
    Objection,
    /// To take a consent back (GDPR 7(3)).
    ConsentWithdrawal,
}

impl From<Right> for i32 {
    fn from(right: Right) -> Self {
        Self::from(match right {
            Right::Access => downstream::Right::Access,
            Right::Portability => downstream::Right::Portability,
            Right::Erasure => downstream::Right::Erasure,
            Right::Rectification => downstream::Right::Rectification,
            Right::Restriction => downstream::Right::Restriction,
            Right::Objection => downstream::Right::Objection,
            Right::ConsentWithdrawal => downstream::Right::ConsentWithdrawal,
        })
    }
}

/// What a case is about.
#[derive(Args)]
pub(super) struct About {
    /// Ask only this downstream; repeatable. Without it: all of them.
    #[arg(long = "downstream", value_name = "NAME")]
    downstreams: Vec<String>,
    /// Of that downstream, ask only for this category; repeatable.
    #[arg(long = "category", value_name = "DOWNSTREAM/CATEGORY")]
    categories: Vec<String>,
}

impl About {
    /// Unset means everything.
    fn scope(self) -> Result<Option<Scope>, Failure> {
        let mut categories: Vec<CategoryScope> = Vec::new();
        for text in self.categories {
            let (downstream, category) = text
                .split_once('/')
                .ok_or_else(|| Failure::usage(format!("--category {text}: must be DOWNSTREAM/CATEGORY")))?;
            match categories.iter_mut().find(|scope| scope.downstream == downstream) {
                Some(scope) => scope.categories.push(category.into()),
                None => categories
                    .push(CategoryScope { downstream: downstream.into(), categories: vec![category.into()] }),
            }
        }
        let everything = self.downstreams.is_empty() && categories.is_empty();
        Ok((!everything).then_some(Scope { downstreams: self.downstreams, categories }))
    }
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Open(arguments) => Box::pin(open::run(global, *arguments)).await,
        Command::Import(arguments) => import::run(global, arguments).await,
        Command::Preview(arguments) => Box::pin(preview::run(global, *arguments)).await,
        Command::List(arguments) => list::run(global, arguments).await,
        Command::Watch(CaseId { case_id }) => {
            let mut client = Client::connect(global).await?;
            watch::until_settled(&mut client, &case_id, global.output).await
        }
        Command::Get(CaseId { case_id }) => {
            let mut client = Client::connect(global).await?;
            let answer = client.cases.get_case(timed(GetCaseRequest { case_id })).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Cancel(CaseId { case_id }) => {
            let mut client = Client::connect(global).await?;
            let answer = client.cases.cancel_case(timed(CancelCaseRequest { case_id })).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Confirm(arguments) => {
            let request = timed(confirm::request(arguments)?);
            let answer = Client::connect(global).await?.cases.confirm_subject(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Approve { case_id, note } => {
            let request = timed(ApproveCaseRequest { case_id, note });
            let answer = Client::connect(global).await?.cases.approve_case(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Guardian(CaseId { case_id }) => {
            let request = timed(GetGuardianRequest { case_id });
            let answer = Client::connect(global).await?.cases.get_guardian(request).await?.into_inner();
            guardian(global.output, &answer)
        }
        Command::Refuse(arguments) => {
            let request = timed(refuse::request(arguments)?);
            let answer = Client::connect(global).await?.cases.refuse_case(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Extend(arguments) => {
            let request = timed(arguments.request()?);
            let answer = Client::connect(global).await?.cases.extend_deadline(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Acknowledge(arguments) => {
            let request = timed(arguments.request()?);
            let answer = Client::connect(global).await?.cases.acknowledge_case(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::PauseClock(arguments) => {
            let request = timed(arguments.request());
            let answer = Client::connect(global).await?.cases.pause_clock(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::ResumeClock(CaseId { case_id }) => {
            let request = timed(ResumeClockRequest { case_id });
            let answer = Client::connect(global).await?.cases.resume_clock(request).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
        Command::Retry { task_id } => {
            let mut client = Client::connect(global).await?;
            let answer = client.cases.retry_task(timed(RetryTaskRequest { task_id })).await?.into_inner();
            show(global.output, &answer, answer.case.as_ref())
        }
    }
}

/// Shows a guardian's identifiers.
fn guardian(format: Format, answer: &GetGuardianResponse) -> Result<(), Failure> {
    if matches!(format, Format::Json) {
        return output::json(answer);
    }
    let mut table = Table::new(&["KIND", "VALUE"]);
    for identifier in answer.guardian.iter().flat_map(|guardian| &guardian.identifiers) {
        table.row([identifier.kind.as_str().into(), identifier.value.as_str().into()]);
    }
    output::line(table.text())
}

/// Shows an answer that holds a case.
fn show<M: prost::Name>(format: Format, answer: &M, case: Option<&Case>) -> Result<(), Failure> {
    match (format, case) {
        (Format::Table, Some(case)) => output::line(view::case(case, SystemClock.now())),
        (Format::Json, _) | (_, None) => output::json(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(downstreams: &[&str], categories: &[&str]) -> About {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        About { downstreams: owned(downstreams), categories: owned(categories) }
    }

    #[test]
    fn without_flags_a_case_is_about_everything() {
        assert!(matches!(about(&[], &[]).scope(), Ok(None)));
    }

    #[test]
    fn categories_are_gathered_by_downstream() {
        let scope = about(&["crm"], &["a/x", "b/y", "a/z"]).scope().expect("is well formed").expect("is set");
        assert_eq!(scope.downstreams, ["crm"]);
        let gathered: Vec<_> = scope
            .categories
            .iter()
            .map(|scope| (scope.downstream.as_str(), scope.categories.len()))
            .collect();
        assert_eq!(gathered, [("a", 2), ("b", 1)]);
        assert!(about(&[], &["a"]).scope().is_err());
    }
}
