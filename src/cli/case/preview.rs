//! `rightful case preview`: what would be asked of whom, and what an erasure or another change would do.

use clap::Args;
use jiff::Timestamp;

use super::{
    About, Right, handling,
    particulars::{Particulars, Read},
};
use crate::{
    cli::{
        Global,
        client::{Client, timed},
        exit::Failure,
        output::{self, Format},
        subject::Who,
        table::{Field, Table, Tone},
        time, words,
    },
    clock::{Clock as _, SystemClock},
    proto::{
        downstream::v1::{Action, CategoryOutcome, Directive},
        v1::{PlannedTask, PreviewCaseRequest, PreviewCaseResponse, TaskKind, TaskState},
    },
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// Which right.
    #[arg(long, value_enum)]
    right: Right,
    #[command(flatten)]
    who: Who,
    /// When the person asked, from which the clock runs. Default: now.
    #[arg(long, value_name = "TIME")]
    received: Option<String>,
    #[command(flatten)]
    about: About,
    /// Over which way the person asked: `account_settings`, `support_desk`.
    #[arg(long, value_name = "NAME", default_value = "")]
    channel: String,
    /// A regime that the case is under, such as `gdpr`; repeatable. Default: those of the server's configuration.
    #[arg(long = "regime", value_name = "NAME")]
    regimes: Vec<String>,
    #[command(flatten)]
    particulars: Particulars,
}

/// Runs the command.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let Read { corrections, uses, purposes, lift } = arguments.particulars.read()?;
    let request = PreviewCaseRequest {
        right: arguments.right.into(),
        subject: Some(arguments.who.subject()?),
        received_time: arguments.received.map(|text| time::parse("--received", &text)).transpose()?,
        scope: arguments.about.scope()?,
        channel: arguments.channel,
        regimes: arguments.regimes,
        corrections,
        uses,
        purposes,
        lift,
    };
    let mut client = Client::connect(global).await?;
    let answer = client.cases.preview_case(timed(request)).await?.into_inner();
    match global.output {
        Format::Json => output::json(&answer),
        Format::Table => output::line(shown(&answer, SystemClock.now())),
    }
}

/// The plan, and below it each category that would be changed.
pub(in crate::cli) fn shown(preview: &PreviewCaseResponse, now: Timestamp) -> String {
    let mut plan = Table::new(&["#", "DOWNSTREAM", "ASKS TO", "STARTS AS", "AFTER", "NOTE"]);
    for (position, task) in preview.tasks.iter().enumerate() {
        plan.row([
            Field::number((position + 1).to_string()),
            task.downstream.as_str().into(),
            words::task_kind(task.kind).into(),
            state(task),
            after(&task.waits_for).into(),
            note(task).into(),
        ]);
    }
    let mut text = format!("would be due {}", time::shown(preview.due_time.as_ref(), now));
    for line in handling::conditions(preview, now) {
        text.push('\n');
        text.push_str(&line);
    }
    text.push_str("\n\n");
    text.push_str(&plan.text());
    if !preview.hold_ids.is_empty() {
        text.push_str("\n\nerasures would wait for the release of: ");
        text.push_str(&preview.hold_ids.join(", "));
    }
    if let Some(effects) = effects(&preview.tasks) {
        text.push_str("\n\n");
        text.push_str(&effects);
    }
    text
}

fn state(task: &PlannedTask) -> Field {
    let tone = if task.state == i32::from(TaskState::NeedsAttention) { Tone::Bad } else { Tone::Plain };
    Field::toned(words::task_state(task.state), tone)
}

/// Positions as they are shown: from one on.
fn after(positions: &[u32]) -> String {
    let shown: Vec<_> = positions.iter().map(|position| (u64::from(*position) + 1).to_string()).collect();
    shown.join(", ")
}

fn note(task: &PlannedTask) -> String {
    let reason = words::task_reason(task.reason);
    if !reason.is_empty() {
        return reason;
    }
    if changes(task) || task.directives.is_empty() {
        return task.dry_run_note.clone();
    }
    let names: Vec<_> = task.directives.iter().map(|directive| directive.category.as_str()).collect();
    names.join(", ")
}

/// Whether it would change something, and not only find or collect.
fn changes(task: &PlannedTask) -> bool {
    !matches!(
        TaskKind::try_from(task.kind),
        Ok(TaskKind::Resolve | TaskKind::Collect | TaskKind::Unspecified)
    )
}

/// One row for each category that would be touched; absent if nothing would be changed.
fn effects(tasks: &[PlannedTask]) -> Option<String> {
    let mut table = Table::new(&["DOWNSTREAM", "CATEGORY", "ACTION", "DRY RUN", "GROUND"]);
    let mut any = false;
    for task in tasks.iter().filter(|task| changes(task)) {
        for directive in &task.directives {
            any = true;
            let outcome = task
                .dry_run
                .as_ref()
                .map(|run| run.categories.iter().find(|outcome| outcome.category == directive.category));
            table.row([
                task.downstream.as_str().into(),
                directive.category.as_str().into(),
                action(task, directive).into(),
                match outcome {
                    None => Field::toned("unknown until it runs", Tone::Faint),
                    Some(None) => Field::toned("untouched", Tone::Faint),
                    Some(Some(outcome)) => effect(outcome).into(),
                },
                ground(directive).into(),
            ]);
        }
    }
    any.then(|| table.text())
}

/// An erasure has an action for each category; all else does one thing to all of them.
fn action(task: &PlannedTask, directive: &Directive) -> String {
    if directive.action == 0 { words::task_kind(task.kind) } else { words::action(directive.action) }
}

fn ground(directive: &Directive) -> String {
    let Some(ground) = directive.ground.as_ref().filter(|_| directive.action == i32::from(Action::Retain))
    else {
        return String::new();
    };
    format!("{}, {}", words::sourced(ground.code, &ground.source), directive.period)
}

/// `12 erased, 3 retained`, or `nothing held`.
pub(super) fn effect(outcome: &CategoryOutcome) -> String {
    let retained = outcome.retained.iter().map(|retained| retained.count).sum();
    let counts = [
        (outcome.erased, "erased"),
        (outcome.anonymised, "anonymised"),
        (outcome.restricted, "restricted"),
        (retained, "retained"),
        (outcome.rectified, "rectified"),
        (outcome.unrestricted, "in use again"),
        (outcome.stopped, "stopped"),
    ];
    let said: Vec<_> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", words::grouped(count)))
        .collect();
    if said.is_empty() { "nothing held".into() } else { said.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::downstream::v1::{Outcome, Retained};

    #[test]
    fn an_erasure_shows_what_it_would_do() {
        let directive = |category: &str, action: Action| Directive {
            category: category.into(),
            action: action.into(),
            ground: None,
            period: String::new(),
        };
        let outcome = CategoryOutcome {
            category: "invoices".into(),
            erased: 1_200,
            retained: vec![Retained { count: 3, ..Retained::default() }],
            ..CategoryOutcome::default()
        };
        let tasks = [
            PlannedTask {
                kind: TaskKind::Erase.into(),
                downstream: "billing".into(),
                directives: vec![directive("invoices", Action::Retain), directive("notes", Action::Erase)],
                dry_run: Some(Outcome { categories: vec![outcome] }),
                ..PlannedTask::default()
            },
            PlannedTask {
                kind: TaskKind::Erase.into(),
                downstream: "analytics".into(),
                directives: vec![directive("events", Action::Erase)],
                ..PlannedTask::default()
            },
        ];
        let text = effects(&tasks).expect("erases");
        assert!(text.contains("1,200 erased, 3 retained"), "{text}");
        assert!(text.contains("untouched") && text.contains("unknown until it runs"), "{text}");
    }

    #[test]
    fn a_collection_names_its_categories() {
        let directives = vec![Directive { category: "invoices".into(), ..Directive::default() }];
        let task = PlannedTask { directives, ..PlannedTask::default() };
        assert_eq!(note(&task), "invoices");
        assert_eq!(effects(&[task]), None);
        assert_eq!(after(&[0, 2]), "1, 3");
    }
}
