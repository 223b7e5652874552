//! Retention sweeps, for the eyes of a caller.

use super::{category, choice, time};
use crate::{
    domain::{
        CategoryOutcome, Directive, Faults, Sweep, SweepId,
        subject::{NAME_RULE, is_name},
        sweep::SweepStep,
    },
    grpc::page,
    proto::{downstream::v1 as shared, v1},
};

/// Which sweeps to list, and after which one.
pub(crate) fn sweep_filter(
    given: &mut v1::ListSweepsRequest,
) -> Result<(Option<String>, Option<SweepId>), Faults> {
    let mut faults = Faults::default();
    if !given.downstream.is_empty() && !is_name(&given.downstream) {
        faults.push("downstream", NAME_RULE);
    }
    let after = faults.take("page_token", page::sweep_before(given)).flatten();
    faults.or((Some(given.downstream.clone()).filter(|name| !name.is_empty()), after))
}

/// A sweep with all that is known of it.
pub(crate) fn sweep(sweep: Sweep) -> v1::Sweep {
    v1::Sweep {
        sweep_id: sweep.id.to_string(),
        downstream: sweep.downstream,
        state: choice::sweep_state(sweep.state).into(),
        reason: sweep.reason.map_or(0, |reason| choice::task_reason(reason).into()),
        plan_time: Some(time::time(sweep.planned_at)),
        plan_caller: sweep.caller,
        directives: sweep.directives.into_iter().map(directive).collect(),
        report: sweep.report.map(outcome),
        outcome: sweep.outcome.map(outcome),
        refusal: sweep.refusal.map(category::ground),
        attempts: sweep.attempts,
        next_attempt_time: sweep.due_at.map(time::time),
        last_error: sweep.last_error.unwrap_or_default(),
        steps: sweep.steps.into_iter().map(step).collect(),
    }
}

fn directive(directive: Directive) -> shared::SweepDirective {
    shared::SweepDirective {
        category: directive.category,
        action: choice::action(directive.action).into(),
        period: directive.period.map(|period| period.as_str().to_owned()).unwrap_or_default(),
    }
}

fn outcome(categories: Vec<CategoryOutcome>) -> shared::Outcome {
    shared::Outcome { categories: categories.into_iter().map(category::outcome).collect() }
}

fn step(step: SweepStep) -> v1::SweepStep {
    v1::SweepStep {
        event: choice::sweep_event(step.event).into(),
        event_time: Some(time::time(step.at)),
        caller: step.caller,
    }
}
