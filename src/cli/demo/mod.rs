//! `rightful demo`: rightful and three services on this machine, one person who asks for everything, has a name put
//! right, takes consents back, and asks to be forgotten. It talks to them over the same sockets and with the same code as the client commands.

mod access;
mod changes;
mod erasure;
mod folder;
mod hints;
mod leftovers;
mod stage;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    case::{view, watch},
    client::{Caller, Client},
    downstream,
    exit::{Exit, Failure},
    output,
    signal::Signals,
    table::{Field, Table, Tone},
    tls::Tls,
};
use crate::{
    clock::{Clock as _, SystemClock},
    proto::v1::{Case, OpenCaseRequest},
};
use folder::Folder;
use stage::Stage;

/// One person's case takes about a second. Whatever takes this long is stuck, and the log says why.
const CASE_TIME_MAX: Duration = Duration::from_mins(3);

#[derive(Args)]
pub(super) struct Arguments {
    /// The folder for everything that the demo writes. What an earlier demo left in it is replaced.
    #[arg(long, value_name = "DIR", default_value = "rightful-demo")]
    dir: PathBuf,
    /// How many people to generate.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    people: u32,
    /// Leave everything up until Ctrl-C.
    #[arg(long)]
    keep_running: bool,
}

/// Runs the command.
pub(super) async fn run(arguments: Arguments) -> Result<(), Failure> {
    let began = Instant::now();
    let folder = Folder::prepare(arguments.dir)?;
    output::heading("rightful: one person's data, one person forgotten, over real sockets")?;
    let stage = Box::pin(Stage::raise(&folder, arguments.people)).await?;
    // Boxed: the whole story is one large future.
    let told = match Box::pin(story(&stage, &folder, began)).await {
        Ok(access_case) if arguments.keep_running => stay(&stage, &access_case).await,
        Ok(access_case) => hints::with_keep_running(&stage, &access_case),
        Err(failure) => Err(failure.detail(format!("the server's log: {}", folder.log().display()))),
    };
    stage.take_down().await?;
    told
}

/// Answers the id of the access case.
async fn story(stage: &Stage, folder: &Folder, began: Instant) -> Result<String, Failure> {
    let mut client = Client::of(&stage.server(), Caller::default(), &Tls::default()).await?;
    introduce(stage, folder)?;
    check(stage, &mut client).await?;
    let access_case = access::run(stage, folder, &mut client).await?;
    changes::rectify(stage, folder, &mut client).await?;
    changes::withdraw(stage, folder, &mut client).await?;
    erasure::run(stage, folder, &mut client).await?;
    let seconds = began.elapsed().as_secs_f64();
    output::line(format!(
        "\nDone in {seconds:.1} s: answered in full, and nothing is left but what the law keeps."
    ))?;
    hints::files(folder)?;
    Ok(access_case)
}

fn introduce(stage: &Stage, folder: &Folder) -> Result<(), Failure> {
    let mut table = Table::of_facts();
    for (name, endpoint) in stage.endpoints() {
        let database = folder.services().join(name).with_extension("sqlite");
        table.row([name.into(), endpoint.into(), Field::toned(database.display().to_string(), Tone::Faint)]);
    }
    let home = folder.server().display().to_string();
    table.row(["rightful".into(), stage.server().into(), Field::toned(home, Tone::Faint)]);
    let people = super::words::count(stage.people() as u64, "person").replace("persons", "people");
    output::line(format!("\nThree services with databases of their own, {people} in them, and rightful:\n"))?;
    indented(&table.text())
}

async fn check(stage: &Stage, client: &mut Client) -> Result<(), Failure> {
    output::heading("\n1  Do the services answer?\n")?;
    let mut answers = Vec::new();
    for (name, _) in stage.endpoints() {
        answers.push((name, downstream::check_one(client, name).await?));
    }
    indented(&downstream::checked(&answers))?;
    if answers.iter().all(|(_, answer)| answer.healthy) {
        return Ok(());
    }
    Err(Failure::new(Exit::Unfulfilled, "a service of the demo does not answer"))
}

/// Opens a case, follows it, and answers it if it was fulfilled in full.
async fn fulfilled(client: &mut Client, request: OpenCaseRequest) -> Result<Case, Failure> {
    let answer = client.cases.open_case(super::client::timed(request)).await?.into_inner();
    let opened = super::case::open::opened(&answer)?;
    let due = super::time::shown(opened.due_time.as_ref(), SystemClock.now());
    indented(&format!("case {}, due {due}\n", opened.case_id))?;
    let mut view = watch::quiet_view();
    let followed = watch::follow(client, &opened.case_id, view.as_mut());
    let case = tokio::time::timeout(CASE_TIME_MAX, followed)
        .await
        .map_err(|_| Failure::new(Exit::Unfulfilled, "the case is not settled after three minutes"))??;
    if view::is_fulfilled(&case) {
        return Ok(case);
    }
    indented(&view::case(&case, SystemClock.now()))?;
    Err(Failure::new(Exit::Unfulfilled, "the case was not fulfilled in full"))
}

async fn stay(stage: &Stage, access_case: &str) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    hints::while_running(stage, access_case)?;
    signals.next().await;
    output::line("\nStopping.")
}

/// Two blanks before each line that has any text.
fn indented(text: &str) -> Result<(), Failure> {
    let lines: Vec<_> =
        text.lines().map(|line| if line.is_empty() { String::new() } else { format!("  {line}") }).collect();
    output::line(lines.join("\n"))
}
