//! `rightful retention sweep …`: what has outlived its period, planned, seen and taken away.

use clap::Subcommand;
use jiff::Timestamp;

use super::{
    Global,
    client::{Client, timed},
    exit::Failure,
    output::{self, Format},
    table::{Field, Table, Tone},
    time, words,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{CategoryOutcome, Outcome},
        v1::{
            DiscardSweepRequest, GetSweepRequest, ListSweepsRequest, ListSweepsResponse, PlanSweepRequest,
            RunSweepRequest, Sweep, SweepState,
        },
    },
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Have downstreams take away what has outlived its period.
    #[command(subcommand)]
    Sweep(SweepCommand),
}

#[derive(Subcommand)]
pub(super) enum SweepCommand {
    /// Ask a downstream for a dry run. Its report comes in the background: see `get`.
    Plan {
        /// Its name in the configuration.
        downstream: String,
    },
    /// Have a planned sweep done, after you have seen its report.
    Run {
        /// Which.
        sweep_id: String,
        /// Although legal holds are in force: the downstream keeps what they cover.
        #[arg(long)]
        despite_holds: bool,
    },
    /// Do away with a sweep that has not been run.
    Discard {
        /// Which.
        sweep_id: String,
    },
    /// Show one with its report.
    Get {
        /// Which.
        sweep_id: String,
    },
    /// List sweeps, newest first.
    List {
        /// Only those of this downstream.
        #[arg(long, value_name = "NAME", default_value = "")]
        downstream: String,
        /// At most this many.
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
}

pub(super) async fn run(global: &Global, Command::Sweep(command): Command) -> Result<(), Failure> {
    let mut client = Client::connect(global).await?.retention;
    let format = global.output;
    match command {
        SweepCommand::Plan { downstream } => {
            let answer = client.plan_sweep(timed(PlanSweepRequest { downstream })).await?.into_inner();
            show(format, &answer, answer.sweep.as_ref())
        }
        SweepCommand::Run { sweep_id, despite_holds } => {
            let request = timed(RunSweepRequest { sweep_id, despite_holds });
            let answer = client.run_sweep(request).await?.into_inner();
            show(format, &answer, answer.sweep.as_ref())
        }
        SweepCommand::Discard { sweep_id } => {
            let answer = client.discard_sweep(timed(DiscardSweepRequest { sweep_id })).await?.into_inner();
            show(format, &answer, answer.sweep.as_ref())
        }
        SweepCommand::Get { sweep_id } => {
            let answer = client.get_sweep(timed(GetSweepRequest { sweep_id })).await?.into_inner();
            show(format, &answer, answer.sweep.as_ref())
        }
        SweepCommand::List { downstream, limit } => {
            let request = ListSweepsRequest { page_size: limit, downstream, ..ListSweepsRequest::default() };
            let listed = client.list_sweeps(timed(request)).await?.into_inner();
            match format {
                Format::Json => output::json(&listed),
                Format::Table => output::line(table(&listed, SystemClock.now())),
            }
        }
    }
}

/// One sweep: its facts for people, the whole answer for programs.
fn show(format: Format, answer: &impl prost::Name, sweep: Option<&Sweep>) -> Result<(), Failure> {
    match (format, sweep) {
        (Format::Table, Some(sweep)) => output::line(shown(sweep, SystemClock.now())),
        _ => output::json(answer),
    }
}

fn state(sweep: &Sweep) -> Field {
    let tone = match sweep.state() {
        SweepState::Done => Tone::Good,
        SweepState::Refused | SweepState::Failed => Tone::Bad,
        SweepState::Discarded => Tone::Faint,
        _ => Tone::Busy,
    };
    Field::toned(words::sweep_state(sweep.state), tone)
}

fn shown(sweep: &Sweep, now: Timestamp) -> String {
    let mut facts = Table::of_facts();
    facts.fact("sweep", sweep.sweep_id.as_str());
    facts.fact("downstream", sweep.downstream.as_str());
    facts.fact("state", state(sweep));
    facts.fact("reason", words::task_reason(sweep.reason));
    facts.fact("planned", time::shown(sweep.plan_time.as_ref(), now));
    facts.fact("planned by", sweep.plan_caller.as_str());
    for step in &sweep.steps {
        let when = time::shown(step.event_time.as_ref(), now);
        facts.fact(&words::sweep_event(step.event), format!("{when} by {}", step.caller));
    }
    facts.fact("next look", time::shown(sweep.next_attempt_time.as_ref(), now));
    if let Some(refusal) = &sweep.refusal {
        facts.fact("ground", words::sourced(refusal.code, &refusal.source));
    }
    facts.fact("last error", Field::toned(sweep.last_error.as_str(), Tone::Bad));
    let mut categories = Table::new(&["CATEGORY", "ACTION", "AFTER", "WOULD", "DID"]);
    for directive in &sweep.directives {
        categories.row([
            directive.category.as_str().into(),
            words::action(directive.action).into(),
            directive.period.as_str().into(),
            effect(sweep.report.as_ref(), &directive.category).into(),
            effect(sweep.outcome.as_ref(), &directive.category).into(),
        ]);
    }
    format!("{}\n\n{}", facts.text(), categories.text())
}

/// `erase 12, anonymise 3`; nothing if nobody has said.
fn effect(outcome: Option<&Outcome>, category: &str) -> String {
    let Some(outcome) = outcome else { return String::new() };
    let found = outcome.categories.iter().find(|one| one.category == category);
    let CategoryOutcome { erased, anonymised, restricted, .. } = found.cloned().unwrap_or_default();
    let counts = [("erase", erased), ("anonymise", anonymised), ("restrict", restricted)];
    let some: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(verb, count)| format!("{verb} {}", words::grouped(*count)))
        .collect();
    if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
}

fn table(listed: &ListSweepsResponse, now: Timestamp) -> String {
    let mut table = Table::new(&["SWEEP", "DOWNSTREAM", "STATE", "PLANNED", "BY"]);
    for sweep in &listed.sweeps {
        table.row([
            sweep.sweep_id.as_str().into(),
            sweep.downstream.as_str().into(),
            state(sweep),
            time::away(sweep.plan_time.as_ref(), now).into(),
            sweep.plan_caller.as_str().into(),
        ]);
    }
    table.text()
}
