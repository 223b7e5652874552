//! `rightful case watch`: a line for each task that moves until the case is settled. A server that goes away is asked
//! again: cases outlive it.

use std::{collections::HashMap, io::IsTerminal as _, time::Duration};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::view;
use crate::{
    cli::{
        client::{Client, Lost, RECONNECTS_MAX, pause},
        exit::{Exit, Failure},
        output::{self, Format},
        table::Tone,
        time, words,
    },
    clock::{Clock as _, SystemClock},
    proto::v1::{Case, Task, WatchCaseRequest, WatchCaseResponse},
};

/// Often enough to look alive.
const TICK: Duration = Duration::from_millis(100);

/// How long until a task is tried again counts down.
const REFRESH: Duration = Duration::from_secs(1);

/// Shows a case that changes.
pub(in crate::cli) trait View {
    /// The case as it is now.
    fn show(&mut self, seen: &WatchCaseResponse, case: &Case) -> Result<(), Failure>;
    /// Nothing changed but the time.
    fn refresh(&mut self, _case: &Case) {}
    /// There is nothing more to come.
    fn end(&mut self) {}
}

/// Follows a case to its end. Fails if it was not fulfilled in full.
pub(in crate::cli) async fn until_settled(
    client: &mut Client,
    case_id: &str,
    format: Format,
) -> Result<(), Failure> {
    let mut view = view_for(format);
    let case = follow(client, case_id, view.as_mut()).await?;
    if format == Format::Table {
        output::line(format!("\n{}", view::case(&case, SystemClock.now())))?;
    }
    if view::is_fulfilled(&case) {
        return Ok(());
    }
    let (state, reason) = (words::case_state(case.state), words::case_reason(case.reason));
    let why = if reason.is_empty() { reason } else { format!(": {reason}") };
    Err(Failure::new(Exit::Unfulfilled, format!("the case is {state}{why}")))
}

/// The view that suits the reader and the terminal.
pub(in crate::cli) fn view_for(format: Format) -> Box<dyn View> {
    match format {
        Format::Json => Box::new(Json),
        Format::Table if std::io::stderr().is_terminal() => Box::new(Live::default()),
        Format::Table => Box::new(Lines::default()),
    }
}

/// The same, as a part of something larger: set in, and without the time of each change.
pub(in crate::cli) fn quiet_view() -> Box<dyn View> {
    if std::io::stderr().is_terminal() {
        Box::new(Live::default())
    } else {
        Box::new(Lines { quiet: true, ..Lines::default() })
    }
}

/// Follows a case to its end and answers it as it was last.
pub(in crate::cli) async fn follow(
    client: &mut Client,
    case_id: &str,
    view: &mut dyn View,
) -> Result<Case, Failure> {
    let mut failures = 0;
    loop {
        let ended = match follow_once(client, case_id, view, &mut failures).await {
            Err(Lost::ForNow(_)) if failures < RECONNECTS_MAX => {
                pause(failures).await;
                failures += 1;
                continue;
            }
            Err(Lost::ForNow(failure) | Lost::ForGood(failure)) => Err(failure),
            Ok(case) => Ok(case),
        };
        view.end();
        return ended;
    }
}

/// Follows it over one stream. Sets `failures` to zero with everything that arrives.
async fn follow_once(
    client: &mut Client,
    case_id: &str,
    view: &mut dyn View,
    failures: &mut u32,
) -> Result<Case, Lost> {
    let request = WatchCaseRequest { case_id: case_id.to_owned() };
    let mut stream = client.cases.watch_case(request).await?.into_inner();
    let mut last = None;
    loop {
        let Ok(message) = tokio::time::timeout(REFRESH, stream.message()).await else {
            if let Some(case) = &last {
                view.refresh(case);
            }
            continue;
        };
        let seen = message?.ok_or_else(Lost::too_early)?;
        *failures = 0;
        let Some(case) = &seen.case else { continue };
        view.show(&seen, case)?;
        if view::is_settled(case) {
            return Ok(case.clone());
        }
        last = seen.case;
    }
}

/// One JSON document on a line for each change.
struct Json;

impl View for Json {
    fn show(&mut self, seen: &WatchCaseResponse, _case: &Case) -> Result<(), Failure> {
        output::json_line(seen)
    }
}

/// Without a terminal: one line for each change.
#[derive(Default)]
struct Lines {
    quiet: bool,
    said: HashMap<String, (i32, i32, String)>,
}

impl View for Lines {
    fn show(&mut self, _seen: &WatchCaseResponse, case: &Case) -> Result<(), Failure> {
        let now = SystemClock.now();
        for task in &case.tasks {
            // Without the hint when it is tried again: that would be a change at every look.
            let state = (task.state, task.reason, task.last_error.clone());
            if self.said.get(&task.task_id) == Some(&state) {
                continue;
            }
            let before = if self.quiet { String::new() } else { time::to_the_second(now) };
            output::line(format!("{before}  {}", task_line(task, case)))?;
            self.said.insert(task.task_id.clone(), state);
        }
        Ok(())
    }
}

/// On a terminal: a line for each task, which settles.
#[derive(Default)]
struct Live {
    screen: MultiProgress,
    rows: HashMap<String, Row>,
}

/// A line on the screen, and what it says.
struct Row {
    bar: ProgressBar,
    text: String,
}

impl View for Live {
    fn show(&mut self, _seen: &WatchCaseResponse, case: &Case) -> Result<(), Failure> {
        self.refresh(case);
        Ok(())
    }

    fn refresh(&mut self, case: &Case) {
        for task in &case.tasks {
            let screen = &self.screen;
            let row = self
                .rows
                .entry(task.task_id.clone())
                .or_insert_with(|| Row { bar: screen.add(ProgressBar::new_spinner()), text: String::new() });
            let text = task_line(task, case);
            if row.text != text {
                let starts = row.text.is_empty() || row.bar.is_finished();
                draw(&row.bar, task, text.clone(), starts);
                row.text = text;
            }
        }
    }

    fn end(&mut self) {
        for row in self.rows.values().filter(|row| !row.bar.is_finished()) {
            row.bar.abandon();
        }
    }
}

/// Draws the row of a task. It `starts` if it is new, or was settled and a person tried it again.
fn draw(bar: &ProgressBar, task: &Task, text: String, starts: bool) {
    let (colour, settled) = match view::tone(task) {
        Tone::Good => ("green", "✔"),
        Tone::Bad => ("red", "✘"),
        Tone::Faint => ("dim", "·"),
        Tone::Busy | Tone::Plain => ("cyan", "·"),
    };
    if let Ok(style) = ProgressStyle::with_template(&format!("  {{spinner:.{colour}}} {{wide_msg}}")) {
        bar.set_style(style.tick_strings(&["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏", settled]));
    }
    if view::is_final(task) {
        bar.finish_with_message(text);
        return;
    }
    if starts {
        bar.reset();
    }
    bar.set_message(text);
    if starts {
        bar.enable_steady_tick(TICK);
    }
}

/// `billing       collect  done             43 records, 1 file`.
fn task_line(task: &Task, case: &Case) -> String {
    let width = case.tasks.iter().map(|task| task.downstream.chars().count()).max().unwrap_or_default();
    let result = view::result(task, case, SystemClock.now());
    let (kind, state) = (words::task_kind(task.kind), words::task_state(task.state));
    format!("{:width$}  {kind:7}  {state:15}  {result}", task.downstream).trim_end().to_owned()
}
