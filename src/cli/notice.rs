//! `rightful notice …`: what happened to cases, and who is told.

use clap::{Args, Subcommand};

use super::{
    Global,
    client::{Client, Lost, RECONNECTS_MAX, pause, timed},
    exit::Failure,
    output::{self, Format},
    table::{Field, Table, Tone},
    time, words,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{
        EnableWebhookRequest, ListNoticesRequest, ListWebhooksRequest, Notice, NoticeType,
        WatchNoticesRequest, Webhook,
    },
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List notices in their order.
    List {
        #[command(flatten)]
        which: Which,
        /// At most this many, up to 500.
        #[arg(long, default_value_t = 100)]
        limit: u32,
    },
    /// Follow notices as they come, until interrupted.
    Watch(Which),
    /// List the webhooks of the configuration, and how they do.
    Webhooks,
    /// Call a webhook again that was disabled because it said it is gone, or that rests after failures.
    Enable {
        /// Its name in the configuration.
        name: String,
    },
}

/// Which notices.
#[derive(Args)]
pub(super) struct Which {
    /// Only those after this sequence. Default: from the oldest that is kept.
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    after: u64,
    /// Only those of this type, such as case.settled; repeatable. Default: all.
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
}

impl Which {
    fn types(&self) -> Result<Vec<i32>, Failure> {
        let number = |text: &String| {
            let name = format!("NOTICE_TYPE_{}", text.replace('.', "_").to_uppercase());
            let known = NoticeType::from_str_name(&name).filter(|known| *known != NoticeType::Unspecified);
            known.map(i32::from).ok_or_else(|| Failure::usage("--type: must be a type such as case.settled"))
        };
        self.types.iter().map(number).collect()
    }
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { which, limit } => {
            let notice_types = which.types()?;
            let request = ListNoticesRequest { page_size: limit, after_sequence: which.after, notice_types };
            let mut client = Client::connect(global).await?;
            let answer = client.notices.list_notices(timed(request)).await?.into_inner();
            match global.output {
                Format::Json => output::json(&answer),
                Format::Table => output::line(table(&answer.notices)),
            }
        }
        Command::Watch(which) => watch(global, &which).await,
        Command::Webhooks => {
            let mut client = Client::connect(global).await?;
            let answer = client.notices.list_webhooks(timed(ListWebhooksRequest {})).await?.into_inner();
            match global.output {
                Format::Json => output::json(&answer),
                Format::Table => output::line(webhooks(&answer.webhooks)),
            }
        }
        Command::Enable { name } => {
            let mut client = Client::connect(global).await?;
            let request = timed(EnableWebhookRequest { name });
            let answer = client.notices.enable_webhook(request).await?.into_inner();
            match (global.output, &answer.webhook) {
                (Format::Table, Some(webhook)) => output::line(webhooks(std::slice::from_ref(webhook))),
                _ => output::json(&answer),
            }
        }
    }
}

/// Follows notices. A server that goes away is asked again, from where it was.
async fn watch(global: &Global, which: &Which) -> Result<(), Failure> {
    let notice_types = which.types()?;
    let mut client = Client::connect(global).await?;
    let (mut after, mut failures) = (which.after, 0);
    loop {
        let request = WatchNoticesRequest { after_sequence: after, notice_types: notice_types.clone() };
        let before = after;
        match watch_once(&mut client, request, global.output, &mut after).await {
            Lost::ForGood(failure) => return Err(failure),
            Lost::ForNow(failure) => {
                failures = if after > before { 0 } else { failures + 1 };
                if failures > RECONNECTS_MAX {
                    return Err(failure);
                }
                pause(failures).await;
            }
        }
    }
}

async fn watch_once(
    client: &mut Client,
    request: WatchNoticesRequest,
    format: Format,
    after: &mut u64,
) -> Lost {
    let mut stream = match client.notices.watch_notices(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status.into(),
    };
    loop {
        let page = match stream.message().await {
            Ok(Some(page)) => page,
            Ok(None) => return Lost::too_early(),
            Err(status) => return status.into(),
        };
        for notice in &page.notices {
            let shown = match format {
                Format::Json => output::json_line(notice),
                Format::Table => output::line(line(notice)),
            };
            if let Err(failure) = shown {
                return failure.into();
            }
        }
        *after = page.through_sequence;
    }
}

fn type_name(notice: &Notice) -> String {
    words::notice_type(notice.notice_type)
}

fn happened(notice: &Notice) -> String {
    time::at(notice.notice_time.as_ref()).map(time::to_the_second).unwrap_or_default()
}

/// What it is about, beside the case.
fn about(notice: &Notice) -> String {
    match &notice.task {
        Some(task) => format!("{}: {}", task.downstream, words::task_reason(task.reason)),
        None => words::case_reason(notice.reason),
    }
}

fn line(notice: &Notice) -> String {
    let (at, what, about) = (happened(notice), type_name(notice), about(notice));
    format!("{:>6}  {at}  {what:24}  {}  {about}", notice.sequence, notice.case_id).trim_end().to_owned()
}

fn table(notices: &[Notice]) -> String {
    let mut table = Table::new(&["SEQUENCE", "TIME", "NOTICE", "CASE", "ABOUT"]);
    for notice in notices {
        table.row([
            Field::number(notice.sequence.to_string()),
            happened(notice).into(),
            type_name(notice).into(),
            Field::toned(notice.case_id.as_str(), Tone::Faint),
            about(notice).into(),
        ]);
    }
    table.text()
}

fn webhooks(webhooks: &[Webhook]) -> String {
    let now = SystemClock.now();
    let mut table = Table::new(&["WEBHOOK", "STATE", "UNDELIVERED", "OLDEST", "LAST ERROR"]);
    for webhook in webhooks {
        let state = if webhook.disable_time.is_some() {
            Field::toned("disabled", Tone::Bad)
        } else if webhook.failures > 0 {
            Field::toned("resting", Tone::Busy)
        } else {
            Field::toned("good", Tone::Good)
        };
        table.row([
            webhook.name.as_str().into(),
            state,
            Field::number(words::grouped(webhook.undelivered)),
            time::away(webhook.oldest_undelivered_time.as_ref(), now).into(),
            webhook.last_error.as_str().into(),
        ]);
    }
    table.text()
}
