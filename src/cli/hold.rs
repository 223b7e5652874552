//! `rightful hold …`: legal holds, placed, released and listed.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::Timestamp;

use super::{
    Global,
    client::{Client, timed},
    exit::Failure,
    output::{self, Format},
    subject::{self, Who},
    table::{Field, Table, Tone},
    time, words,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{Ground, GroundCode},
        v1::{
            GetHoldRequest, Hold, ListHoldsRequest, ListHoldsResponse, PlaceHoldRequest, PlaceHoldResponse,
            ReleaseHoldRequest,
        },
    },
};

/// What the server gives at once at the most.
const PAGE_MAX: u32 = 500;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Place a hold: nothing of this person is erased while it is in force.
    Place {
        #[command(flatten)]
        who: Who,
        /// The matter, such as a file number. No personal data.
        #[arg(long)]
        matter: String,
        /// On which law, such as "GDPR 17(3)(e)".
        #[arg(long, default_value = "")]
        source: String,
        /// More about it. No personal data.
        #[arg(long, default_value = "")]
        note: String,
        /// The idempotency key. Default: a fresh one.
        #[arg(long)]
        request_id: Option<String>,
    },
    /// End a hold: what it stopped goes on.
    Release {
        /// Which.
        hold_id: String,
        /// Why. No personal data.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Show one.
    Get {
        /// Which.
        hold_id: String,
    },
    /// List holds, newest first.
    List {
        /// Only those that are in force.
        #[arg(long)]
        active: bool,
        /// Only those that cover the person of a file with one KIND=VALUE; `-` reads stdin.
        #[arg(long, value_name = "FILE")]
        id_file: Option<PathBuf>,
        /// At most this many, from as many pages as it takes.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let now = SystemClock.now();
    match command {
        Command::Place { who, matter, source, note, request_id } => {
            let request = PlaceHoldRequest {
                request_id: request_id.unwrap_or_else(|| SystemClock.new_id().to_string()),
                subject: Some(who.subject()?),
                ground: Some(Ground { code: GroundCode::LegalHold.into(), source, note: String::new() }),
                matter,
                note,
            };
            let mut client = Client::connect(global).await?;
            let answer = client.holds.place_hold(timed(request)).await?.into_inner();
            match global.output {
                Format::Json => output::json(&answer),
                Format::Table => output::line(placed(&answer, now)),
            }
        }
        Command::Release { hold_id, note } => {
            let mut client = Client::connect(global).await?;
            let request = timed(ReleaseHoldRequest { hold_id, note });
            let answer = client.holds.release_hold(request).await?.into_inner();
            show(global.output, &answer, answer.hold.as_ref(), now)
        }
        Command::Get { hold_id } => {
            let mut client = Client::connect(global).await?;
            let answer = client.holds.get_hold(timed(GetHoldRequest { hold_id })).await?.into_inner();
            show(global.output, &answer, answer.hold.as_ref(), now)
        }
        Command::List { active, id_file, limit } => {
            let identifiers = id_file.as_deref().map(subject::from_file).transpose()?.unwrap_or_default();
            if identifiers.len() > 1 {
                return Err(Failure::usage("--id-file: must hold one identifier"));
            }
            let request = ListHoldsRequest {
                active,
                identifier: identifiers.into_iter().next(),
                ..ListHoldsRequest::default()
            };
            let listed = list(&mut Client::connect(global).await?, request, limit).await?;
            match global.output {
                Format::Json => output::json(&listed),
                Format::Table => output::line(table(&listed, now)),
            }
        }
    }
}

async fn list(
    client: &mut Client,
    mut request: ListHoldsRequest,
    limit: u32,
) -> Result<ListHoldsResponse, Failure> {
    let mut listed = ListHoldsResponse::default();
    loop {
        let missing = limit - u32::try_from(listed.holds.len()).unwrap_or(limit);
        request.page_size = missing.min(PAGE_MAX);
        let page = client.holds.list_holds(timed(request.clone())).await?.into_inner();
        let last = page.next_page_token.is_empty() || page.holds.is_empty();
        listed.holds.extend(page.holds);
        listed.next_page_token.clone_from(&page.next_page_token);
        if last || listed.holds.len() >= limit as usize {
            return Ok(listed);
        }
        request.page_token = page.next_page_token;
    }
}

/// One hold: its facts for people, the whole answer for programs.
fn show(
    format: Format,
    answer: &impl prost::Name,
    hold: Option<&Hold>,
    now: Timestamp,
) -> Result<(), Failure> {
    match (format, hold) {
        (Format::Table, Some(hold)) => output::line(facts(hold, now)),
        _ => output::json(answer),
    }
}

fn standing(hold: &Hold) -> Field {
    if hold.release_time.is_some() {
        Field::toned("released", Tone::Faint)
    } else {
        Field::toned("in force", Tone::Busy)
    }
}

fn facts(hold: &Hold, now: Timestamp) -> String {
    let ground = hold.ground.clone().unwrap_or_default();
    let mut facts = Table::of_facts();
    facts.fact("hold", hold.hold_id.as_str());
    facts.fact("stands", standing(hold));
    facts.fact("matter", hold.matter.as_str());
    facts.fact("ground", words::sourced(ground.code, &ground.source));
    facts.fact("note", hold.note.as_str());
    facts.fact("covers by", hold.identifier_kinds.join(", "));
    facts.fact("placed", time::shown(hold.place_time.as_ref(), now));
    facts.fact("placed by", hold.place_caller.as_str());
    facts.fact("released", time::shown(hold.release_time.as_ref(), now));
    facts.fact("released by", hold.release_caller.as_str());
    facts.fact("because", hold.release_note.as_str());
    facts.text()
}

fn placed(answer: &PlaceHoldResponse, now: Timestamp) -> String {
    let facts = facts(&answer.hold.clone().unwrap_or_default(), now);
    if answer.cases.is_empty() {
        return format!("{facts}\n\nno open case is covered");
    }
    let mut cases = Table::new(&["CASE", "WAITS", "TOO LATE"]);
    for case in &answer.cases {
        let all = case.waiting_downstreams.is_empty() && case.sent_downstreams.is_empty();
        let waits = if all { "all of it".to_owned() } else { case.waiting_downstreams.join(", ") };
        let sent = Field::toned(case.sent_downstreams.join(", "), Tone::Bad);
        cases.row([case.case_id.as_str().into(), waits.into(), sent]);
    }
    format!("{facts}\n\n{}", cases.text())
}

fn table(listed: &ListHoldsResponse, now: Timestamp) -> String {
    let mut table = Table::new(&["HOLD", "STANDS", "MATTER", "PLACED", "BY", "RELEASED"]);
    for hold in &listed.holds {
        table.row([
            hold.hold_id.as_str().into(),
            standing(hold),
            hold.matter.as_str().into(),
            time::away(hold.place_time.as_ref(), now).into(),
            hold.place_caller.as_str().into(),
            time::away(hold.release_time.as_ref(), now).into(),
        ]);
    }
    table.text()
}
