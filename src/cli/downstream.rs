//! `rightful downstream …`: what the registered downstreams hold, can do, and whether they answer.

use clap::Subcommand;
use jiff::Timestamp;

use super::{
    Global,
    client::{Client, timed},
    exit::{Exit, Failure},
    output::{self, Format},
    table::{Field, Table, Tone},
    time, words,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::Category,
        v1::{
            BreakerState, CheckDownstreamRequest, CheckDownstreamResponse, DescribeDownstreamRequest,
            Downstream, ListDownstreamsRequest, ListDownstreamsResponse, PauseDownstreamRequest,
            ResumeDownstreamRequest,
        },
    },
};

/// What the server gives at once at the most.
const PAGE_MAX: u32 = 500;
/// 50,000 downstreams: more than any company has, and an end to a server that pages for ever.
const PAGES_MAX: usize = 100;

#[derive(Subcommand)]
pub(super) enum Command {
    /// List the registered downstreams.
    List,
    /// Show one with all that it described.
    Describe {
        /// Its name in the configuration.
        name: String,
    },
    /// Ask downstreams whether they answer, and learn what they hold now.
    Check {
        /// Their names in the configuration. Default: all of them.
        names: Vec<String>,
    },
    /// Stop calling one, on all replicas, until it is resumed.
    Pause {
        /// Its name in the configuration.
        name: String,
        /// Why, for those who wonder. No personal data.
        #[arg(long, default_value = "")]
        note: String,
    },
    /// Call it again, and forget its failures.
    Resume {
        /// Its name in the configuration.
        name: String,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let mut client = Client::connect(global).await?;
    let now = SystemClock.now();
    match command {
        Command::List => {
            let listed = all(&mut client).await?;
            match global.output {
                Format::Json => output::json(&listed),
                Format::Table => output::line(table(&listed, now)),
            }
        }
        Command::Describe { name } => {
            let request = timed(DescribeDownstreamRequest { name });
            let answer = client.downstreams.describe_downstream(request).await?.into_inner();
            show(global.output, &answer, answer.downstream.as_ref(), now)
        }
        Command::Check { names } => check(&mut client, names, global.output).await,
        Command::Pause { name, note } => {
            let request = timed(PauseDownstreamRequest { name, note });
            let answer = client.downstreams.pause_downstream(request).await?.into_inner();
            show(global.output, &answer, answer.downstream.as_ref(), now)
        }
        Command::Resume { name } => {
            let request = timed(ResumeDownstreamRequest { name });
            let answer = client.downstreams.resume_downstream(request).await?.into_inner();
            show(global.output, &answer, answer.downstream.as_ref(), now)
        }
    }
}

/// One downstream: its facts for people, the whole answer for programs.
fn show(
    format: Format,
    answer: &impl prost::Name,
    downstream: Option<&Downstream>,
    now: Timestamp,
) -> Result<(), Failure> {
    match (format, downstream) {
        (Format::Table, Some(downstream)) => output::line(described(downstream, now)),
        _ => output::json(answer),
    }
}

/// Every registered downstream.
pub(super) async fn all(client: &mut Client) -> Result<ListDownstreamsResponse, Failure> {
    let mut listed = ListDownstreamsResponse::default();
    for _ in 0..PAGES_MAX {
        let page_token = std::mem::take(&mut listed.next_page_token);
        let request = ListDownstreamsRequest { page_size: PAGE_MAX, page_token };
        let page = client.downstreams.list_downstreams(timed(request)).await?.into_inner();
        listed.downstreams.extend(page.downstreams);
        listed.next_page_token = page.next_page_token;
        if listed.next_page_token.is_empty() {
            break;
        }
    }
    Ok(listed)
}

/// Asks one downstream now.
pub(super) async fn check_one(client: &mut Client, name: &str) -> Result<CheckDownstreamResponse, Failure> {
    let request = CheckDownstreamRequest { name: name.to_owned() };
    Ok(client.downstreams.check_downstream(timed(request)).await?.into_inner())
}

async fn check(client: &mut Client, mut names: Vec<String>, format: Format) -> Result<(), Failure> {
    if names.is_empty() {
        names = all(client).await?.downstreams.into_iter().map(|downstream| downstream.name).collect();
    }
    let mut answers = Vec::with_capacity(names.len());
    for name in &names {
        let answer = check_one(client, name).await?;
        if format == Format::Json {
            output::json_line(&answer)?;
        }
        answers.push((name.as_str(), answer));
    }
    if format == Format::Table {
        output::line(checked(&answers))?;
    }
    let ill = answers.iter().filter(|(_, answer)| !answer.healthy).count();
    if ill == 0 {
        return Ok(());
    }
    let message =
        format!("{ill} of {} did not answer as it should", words::count(answers.len() as u64, "downstream"));
    Err(Failure::new(Exit::Unfulfilled, message))
}

/// One row for each check.
pub(super) fn checked(answers: &[(&str, CheckDownstreamResponse)]) -> String {
    let mut table =
        Table::new(&["DOWNSTREAM", "ANSWERS", "IN", "UNDERSTANDS", "PROVIDES", "CATEGORIES", "FAULT"]);
    for (name, answer) in answers {
        let downstream = answer.downstream.clone().unwrap_or_default();
        table.row([
            (*name).into(),
            if answer.healthy { Field::toned("yes", Tone::Good) } else { Field::toned("no", Tone::Bad) },
            Field::number(answer.latency.as_ref().map(milliseconds).unwrap_or_default()),
            downstream.understands.join(", ").into(),
            downstream.provides.join(", ").into(),
            Field::number(downstream.categories.len().to_string()),
            answer.error.as_str().into(),
        ]);
    }
    table.text()
}

fn milliseconds(latency: &prost_types::Duration) -> String {
    let micros = latency.seconds.saturating_mul(1_000_000).saturating_add(i64::from(latency.nanos) / 1_000);
    format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100)
}

fn table(listed: &ListDownstreamsResponse, now: Timestamp) -> String {
    if listed.downstreams.is_empty() {
        return "no downstreams: register them in the configuration, one [[downstream]] table each".into();
    }
    let headings = [
        "DOWNSTREAM",
        "ENDPOINT",
        "UNDERSTANDS",
        "PROVIDES",
        "RIGHTS",
        "TRAFFIC",
        "BACKLOG",
        "DESCRIBED",
        "LAST ERROR",
    ];
    let mut table = Table::new(&headings);
    for downstream in &listed.downstreams {
        let described = time::away(downstream.describe_time.as_ref(), now);
        let (traffic, tone) = traffic(downstream, now);
        table.row([
            downstream.name.as_str().into(),
            downstream.endpoint.as_str().into(),
            downstream.understands.join(", ").into(),
            downstream.provides.join(", ").into(),
            rights(downstream).into(),
            Field::toned(traffic, tone),
            Field::number(words::grouped(downstream.backlog)),
            if described.is_empty() { Field::toned("never", Tone::Bad) } else { described.into() },
            Field::toned(downstream.last_error.as_str(), Tone::Bad),
        ]);
    }
    table.text()
}

fn described(downstream: &Downstream, now: Timestamp) -> String {
    let mut facts = Table::of_facts();
    facts.fact("downstream", downstream.name.as_str());
    facts.fact("title", downstream.title.as_str());
    facts.fact("endpoint", downstream.endpoint.as_str());
    facts.fact("described", time::shown(downstream.describe_time.as_ref(), now));
    facts.fact("understands", downstream.understands.join(", "));
    facts.fact("provides", downstream.provides.join(", "));
    facts.fact("rights", rights(downstream));
    facts.fact("dry run", if downstream.supports_dry_run { "yes" } else { "no" });
    facts.fact("sweeps", if downstream.supports_retention_sweep { "yes" } else { "no" });
    let days =
        downstream.backup_horizon.as_ref().map(|horizon| horizon.seconds.max(0).unsigned_abs() / 86_400);
    facts.fact("backups live", days.map(|days| words::count(days, "day")).unwrap_or_default());
    facts.fact("parallel calls", downstream.parallel_calls.to_string());
    facts.fact("calls under way", downstream.calls_under_way.to_string());
    let (traffic, tone) = traffic(downstream, now);
    facts.fact("traffic", Field::toned(traffic, tone));
    facts.fact("backlog", words::grouped(downstream.backlog));
    facts.fact("last error", Field::toned(downstream.last_error.as_str(), Tone::Bad));
    let mut categories =
        Table::new(&["CATEGORY", "TITLE", "BASIS", "KEPT FOR", "BOUND BY", "PURPOSES", "RECIPIENTS"]);
    for category in &downstream.categories {
        categories.row([
            category.name.as_str().into(),
            category.title.as_str().into(),
            words::legal_basis(category.legal_basis).into(),
            kept_for(category).into(),
            bound_by(category).into(),
            category.purposes.join(", ").into(),
            category
                .recipients
                .iter()
                .map(|recipient| recipient.name.as_str())
                .collect::<Vec<_>>()
                .join(", ")
                .into(),
        ]);
    }
    format!("{}\n\n{}", facts.text(), categories.text())
}

/// Whether it is called just now.
fn traffic(downstream: &Downstream, now: Timestamp) -> (String, Tone) {
    if let Some(pause) = &downstream.pause {
        let since = time::away(pause.pause_time.as_ref(), now);
        let note = if pause.note.is_empty() { String::new() } else { format!(": {}", pause.note) };
        return (format!("paused {since}{note}"), Tone::Bad);
    }
    let next = time::away(downstream.breaker_retry_time.as_ref(), now);
    match downstream.breaker() {
        BreakerState::Open => (format!("left alone, tried {next}"), Tone::Bad),
        BreakerState::HalfOpen => ("tried just now".to_owned(), Tone::Bad),
        BreakerState::Closed | BreakerState::Unspecified => ("open".to_owned(), Tone::Good),
    }
}

fn rights(downstream: &Downstream) -> String {
    downstream.rights.iter().map(|right| words::right(*right)).collect::<Vec<_>>().join(", ")
}

fn kept_for(category: &Category) -> String {
    match &category.retention {
        Some(retention) if !retention.period.is_empty() => retention.period.clone(),
        _ => "as long as the account".into(),
    }
}

fn bound_by(category: &Category) -> String {
    let ground = category.retention.as_ref().and_then(|retention| retention.ground.as_ref());
    ground.map(|ground| words::sourced(ground.code, &ground.source)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_milliseconds() {
        let shown = |seconds, nanos| milliseconds(&prost_types::Duration { seconds, nanos });
        assert_eq!(shown(0, 1_260_000), "1.2 ms");
        assert_eq!(shown(2, 0), "2000.0 ms");
    }

    #[test]
    fn a_downstream_that_never_answered_says_so() {
        let listed = ListDownstreamsResponse {
            downstreams: vec![Downstream { name: "crm".into(), ..Downstream::default() }],
            next_page_token: String::new(),
        };
        let text = table(&listed, Timestamp::UNIX_EPOCH);
        assert!(text.contains("crm") && text.contains("never"), "{text}");
    }
}
