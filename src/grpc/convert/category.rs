//! Categories, grounds, directives and outcomes, for the eyes of a caller.

use bytes::Bytes;

use super::{choice, time};
use crate::{
    domain::{
        Category, CategoryOutcome, CategoryResult, Directive, FieldResult, Ground, Recipient, Retained,
        Retention, Withheld,
    },
    proto::{downstream::v1 as shared, v1},
};

/// A ground.
pub(super) fn ground(ground: Ground) -> shared::Ground {
    shared::Ground { code: choice::ground_code(ground.code).into(), source: ground.source, note: ground.note }
}

/// A category with all its facts.
pub(super) fn category(category: Category) -> shared::Category {
    shared::Category {
        name: category.name,
        title: category.title,
        dpv_term: category.dpv_term,
        purposes: category.purposes,
        legal_basis: category.legal_basis.map_or(0, |basis| choice::legal_basis(basis).into()),
        retention: Some(retention(category.retention)),
        recipients: category.recipients.into_iter().map(recipient).collect(),
        origin: category.origin,
        json_schema: Bytes::from(category.json_schema),
        provided_by_subject: category.provided_by_subject,
        may_contain_credentials: category.may_contain_credentials,
        may_contain_third_party_data: category.may_contain_third_party_data,
    }
}

fn retention(retention: Retention) -> shared::Retention {
    shared::Retention {
        period: retention.period.map(|period| period.as_str().to_owned()).unwrap_or_default(),
        runs_from: retention.runs_from,
        ground: retention.ground.map(ground),
    }
}

fn recipient(recipient: Recipient) -> shared::Recipient {
    shared::Recipient {
        name: recipient.name,
        role: recipient.role,
        country: recipient.country,
        safeguard: recipient.safeguard,
    }
}

/// What is asked for a category.
pub(super) fn directive(directive: Directive) -> shared::Directive {
    shared::Directive {
        category: directive.category,
        action: choice::action(directive.action).into(),
        ground: directive.ground.map(ground),
        period: directive.period.map(|period| period.as_str().to_owned()).unwrap_or_default(),
    }
}

/// What became of a category, as its downstream says.
pub(super) fn outcome(outcome: CategoryOutcome) -> shared::CategoryOutcome {
    shared::CategoryOutcome {
        category: outcome.category,
        erased: outcome.erased,
        anonymised: outcome.anonymised,
        restricted: outcome.restricted,
        retained: outcome.retained.into_iter().map(retained).collect(),
        rectified: outcome.rectified,
        unrestricted: outcome.unrestricted,
        stopped: outcome.stopped,
        told: outcome.told,
        stopped_purposes: outcome.stopped_purposes,
    }
}

fn retained(retained: Retained) -> shared::Retained {
    shared::Retained {
        count: retained.count,
        ground: Some(ground(retained.ground)),
        release_time: retained.release_at.map(time::time),
    }
}

/// All that is known of a category in a task.
pub(super) fn result(result: CategoryResult) -> v1::CategoryResult {
    v1::CategoryResult {
        category: result.category,
        records: result.found.records,
        files: result.found.files,
        withheld: result.withheld.into_iter().map(withheld).collect(),
        outcome: result.outcome.map(outcome),
        remaining: result.remaining.map_or(0, |remaining| remaining.items()),
        fields: result.fields.into_iter().map(field).collect(),
    }
}

fn field(field: FieldResult) -> v1::FieldResult {
    let after = field.after.unwrap_or_default();
    v1::FieldResult {
        field: field.field,
        old_before: field.before.old,
        old_after: after.old,
        new_before: field.before.new,
        new_after: after.new,
    }
}

fn withheld(withheld: Withheld) -> v1::Withheld {
    v1::Withheld {
        description: withheld.description,
        count: withheld.count,
        ground: Some(ground(withheld.ground)),
    }
}
