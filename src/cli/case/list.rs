//! `rightful case list`: pages until the limit is reached.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{Right, view};
use crate::{
    cli::{
        Global,
        client::{Client, timed},
        exit::Failure,
        output::{self, Format},
        subject,
        table::{Field, Table},
        time, words,
    },
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::Identifier,
        v1::{CaseState, ListCasesRequest, ListCasesResponse},
    },
};

/// What the server gives at once at the most.
const PAGE_MAX: u32 = 500;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Only cases in this state; repeatable.
    #[arg(long = "state", value_enum)]
    states: Vec<State>,
    /// Only cases of this right.
    #[arg(long, value_enum)]
    right: Option<Right>,
    /// Only cases with a task at this downstream.
    #[arg(long, value_name = "NAME", default_value = "")]
    downstream: String,
    /// Only cases that are due before this time.
    #[arg(long, value_name = "TIME")]
    due_before: Option<String>,
    /// Only cases that are not final and past their due time.
    #[arg(long)]
    overdue: bool,
    /// Only cases that are not final and due soon, or overdue.
    #[arg(long)]
    due_soon: bool,
    /// Only cases of the person with this identifier. Other users of this machine can see arguments: see --id-file.
    #[arg(long, value_name = "KIND=VALUE", conflicts_with = "id_file")]
    id: Option<String>,
    /// The same, from a file with one KIND=VALUE; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    id_file: Option<PathBuf>,
    /// At most this many cases, from as many pages as it takes.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Go on where an earlier list with the same filters ended.
    #[arg(long, value_name = "TOKEN", default_value = "")]
    page_token: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    AwaitingVerification,
    AwaitingApproval,
    InProgress,
    Completed,
    Refused,
    Cancelled,
    Expired,
}

impl From<State> for i32 {
    fn from(state: State) -> Self {
        Self::from(match state {
            State::AwaitingVerification => CaseState::AwaitingVerification,
            State::AwaitingApproval => CaseState::AwaitingApproval,
            State::InProgress => CaseState::InProgress,
            State::Completed => CaseState::Completed,
            State::Refused => CaseState::Refused,
            State::Cancelled => CaseState::Cancelled,
            State::Expired => CaseState::Expired,
        })
    }
}

/// Runs the command.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let limit = arguments.limit;
    let mut request = request(arguments)?;
    let mut client = Client::connect(global).await?;
    let mut listed = ListCasesResponse::default();
    loop {
        let missing = limit - u32::try_from(listed.cases.len()).unwrap_or(limit);
        request.page_size = missing.min(PAGE_MAX);
        let page = client.cases.list_cases(timed(request.clone())).await?.into_inner();
        let last = page.next_page_token.is_empty() || page.cases.is_empty();
        listed.cases.extend(page.cases);
        listed.next_page_token.clone_from(&page.next_page_token);
        if last || listed.cases.len() >= limit as usize {
            break;
        }
        request.page_token = page.next_page_token;
    }
    match global.output {
        Format::Json => output::json(&listed),
        Format::Table => {
            output::line(shown(&listed, SystemClock.now()))?;
            if !listed.next_page_token.is_empty() {
                eprintln!("there are more: --limit N, or --page-token {}", listed.next_page_token);
            }
            Ok(())
        }
    }
}

fn request(arguments: Arguments) -> Result<ListCasesRequest, Failure> {
    Ok(ListCasesRequest {
        page_size: 0,
        page_token: arguments.page_token,
        states: arguments.states.into_iter().map(i32::from).collect(),
        right: arguments.right.map(i32::from).unwrap_or_default(),
        downstream: arguments.downstream,
        due_before_time: arguments.due_before.map(|text| time::parse("--due-before", &text)).transpose()?,
        overdue: arguments.overdue,
        due_soon: arguments.due_soon,
        identifier: identifier(arguments.id.as_deref(), arguments.id_file)?,
    })
}

fn identifier(argument: Option<&str>, file: Option<PathBuf>) -> Result<Option<Identifier>, Failure> {
    match (argument, file) {
        (Some(text), _) => subject::identifier(text).map(Some).ok_or_else(|| subject::malformed("--id")),
        (None, Some(path)) => {
            let mut found = subject::from_file(&path)?;
            if found.len() == 1 {
                Ok(found.pop())
            } else {
                Err(Failure::usage("--id-file: must hold one identifier"))
            }
        }
        (None, None) => Ok(None),
    }
}

fn shown(listed: &ListCasesResponse, now: Timestamp) -> String {
    if listed.cases.is_empty() {
        return "no cases".into();
    }
    let mut table = Table::new(&["CASE", "RIGHT", "STATE", "REASON", "OPENED", "DUE", "LABELS"]);
    for case in &listed.cases {
        table.row([
            case.case_id.as_str().into(),
            words::right(case.right).into(),
            view::case_state(case),
            words::case_reason(case.reason).into(),
            time::away(case.open_time.as_ref(), now).into(),
            if case.settle_time.is_some() {
                "".into()
            } else {
                Field::from(time::away(case.due_time.as_ref(), now))
            },
            view::labels(case).into(),
        ]);
    }
    table.text()
}
