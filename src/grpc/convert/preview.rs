//! Previews: plans and dry runs as messages.

use super::{category, choice, handling, time};
use crate::{
    domain::{Ask, Directive, DirectiveSource},
    engine::{Preview, PreviewTask},
    proto::{downstream::v1 as shared, v1},
};

/// What opening a case would do.
pub(crate) fn preview(preview: Preview) -> v1::PreviewCaseResponse {
    v1::PreviewCaseResponse {
        tasks: preview.tasks.into_iter().map(task).collect(),
        due_time: time::time_before_the_end(preview.due_at),
        clocks: handling::clocks(&preview.clocks),
        verification_needed: choice::assurance(preview.verification_needed).into(),
        approval_needed: preview.approval_needed,
        start_time: preview.start_at.map(time::time),
        hold_ids: preview.holds.iter().map(ToString::to_string).collect(),
    }
}

fn task(task: PreviewTask) -> v1::PlannedTask {
    let (dry_run, dry_run_note) = match task.dry_run {
        Some(Ok(outcomes)) => {
            let categories = outcomes.into_iter().map(category::outcome).collect();
            (Some(shared::Outcome { categories }), String::new())
        }
        Some(Err(note)) => (None, note),
        None => (None, String::new()),
    };
    v1::PlannedTask {
        downstream: task.downstream,
        kind: choice::task_kind(task.ask.kind()).into(),
        state: choice::task_state(task.state).into(),
        reason: task.reason.map_or(0, |reason| choice::task_reason(reason).into()),
        // A plan has far fewer tasks than a u32 counts.
        waits_for: task.waits_for.into_iter().filter_map(|position| position.try_into().ok()).collect(),
        ground: task.ground.map(category::ground),
        directive_origins: origins(&task.ask),
        directives: directives(task.ask),
        dry_run,
        dry_run_note,
    }
}

/// Who says what an erasure asks for.
fn origins(ask: &Ask) -> Vec<v1::DirectiveOrigin> {
    let Ask::Erase { directives } = ask else { return Vec::new() };
    let origin = |directive: &Directive| {
        let (source, rule) = match directive.source {
            DirectiveSource::Default => (v1::DirectiveSource::Default, 0),
            DirectiveSource::Described => (v1::DirectiveSource::Described, 0),
            DirectiveSource::Configured { rule } => (v1::DirectiveSource::Configured, rule),
        };
        v1::DirectiveOrigin { source: source.into(), rule }
    };
    directives.iter().map(origin).collect()
}

/// An erasure's directives; the categories of all else, which have no action.
fn directives(ask: Ask) -> Vec<shared::Directive> {
    if let Ask::Erase { directives } = ask {
        return directives.into_iter().map(category::directive).collect();
    }
    let named = |category: &str| shared::Directive { category: category.to_owned(), ..Default::default() };
    ask.categories().into_iter().map(named).collect()
}
