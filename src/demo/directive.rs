//! Reads the directives of an erasure: all of them, before anything is touched.

use std::collections::HashSet;

use jiff::Span;
use tonic::Status;

use super::holding::Holding;
use crate::proto::downstream::v1::{Action, Directive, Ground};

/// The longest period that is taken for meant: beyond it, dates leave the calendar.
const PERIOD_YEARS_MAX: i32 = 200;

/// What is to become of a category.
pub(super) enum Disposal {
    /// The rows go.
    Erase,
    /// The rows stay and are nobody's any more.
    Anonymise,
    /// The rows stay and are not used.
    Restrict,
    /// Each row stays until `period` has run, and goes if it has.
    Retain {
        /// Why.
        ground: Ground,
        /// For how long.
        period: Span,
    },
}

/// A directive that names one of our categories.
pub(super) struct Order<'a> {
    /// The category.
    pub(super) holding: &'a dyn Holding,
    /// What is to become of it.
    pub(super) disposal: Disposal,
}

/// Reads all directives, in their order. `INVALID_ARGUMENT` if one is unknown, double or not understood.
pub(super) fn read<'a>(
    directives: &[Directive],
    holdings: &'a [Box<dyn Holding>],
) -> Result<Vec<Order<'a>>, Status> {
    let mut seen = HashSet::new();
    let mut orders = Vec::with_capacity(directives.len().min(holdings.len()));
    for directive in directives {
        if !seen.insert(directive.category.as_str()) {
            return Err(Status::invalid_argument("two directives for one category"));
        }
        let holding = holdings.iter().find(|holding| holding.category().name == directive.category);
        let holding =
            holding.ok_or_else(|| Status::invalid_argument("a directive names an unknown category"))?;
        orders.push(Order { holding: holding.as_ref(), disposal: disposal(directive)? });
    }
    Ok(orders)
}

fn disposal(directive: &Directive) -> Result<Disposal, Status> {
    match directive.action() {
        Action::Erase => Ok(Disposal::Erase),
        Action::Anonymise => Ok(Disposal::Anonymise),
        Action::Restrict => Ok(Disposal::Restrict),
        Action::Retain => Ok(Disposal::Retain {
            ground: directive
                .ground
                .clone()
                .ok_or_else(|| Status::invalid_argument("nothing is retained without a ground"))?,
            period: period(&directive.period)
                .ok_or_else(|| Status::invalid_argument("the period is not an ISO 8601 calendar duration"))?,
        }),
        Action::Unspecified => Err(Status::invalid_argument("a directive without a known action")),
    }
}

fn period(text: &str) -> Option<Span> {
    let span: Span = text.parse().ok()?;
    let calendar = span.get_hours() == 0 && span.get_minutes() == 0 && span.get_seconds() == 0;
    let years =
        i32::from(span.get_years()) + span.get_months() / 12 + span.get_weeks() / 52 + span.get_days() / 365;
    (calendar && span.is_positive() && years <= PERIOD_YEARS_MAX).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_calendar_durations_of_a_sensible_length() {
        for good in ["P7Y", "P24M", "P30D", "P1Y6M"] {
            assert!(period(good).is_some(), "{good}");
        }
        for bad in ["", "7 years ago", "-P7Y", "P0D", "PT5H", "P999Y", "P9000000D"] {
            assert!(period(bad).is_none(), "{bad}");
        }
    }
}
