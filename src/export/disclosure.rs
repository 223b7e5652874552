//! `data/disclosure.json`: the facts about the use of the data that GDPR 15(1) and (2) name.

use serde::Serialize;

use super::facts::{Described, Facts};
use crate::domain::{CaseId, Category, Ground, LegalBasis, Right};

/// The document. `schemas/disclosure.schema.json` describes it.
#[derive(Serialize)]
pub(super) struct Disclosure<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    case_id: CaseId,
    right: Right,
    controller: Controller<'a>,
    downstreams: Vec<Downstream<'a>>,
    rights: &'static [RightFact],
}

#[derive(Serialize)]
struct Controller<'a> {
    name: &'a str,
    contact: &'a str,
    complaint_body: &'a str,
}

#[derive(Serialize)]
struct Downstream<'a> {
    name: &'a str,
    title: &'a str,
    /// Whether it has said what it holds.
    described: bool,
    /// On whose behalf it holds all this, if not on the controller's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_for: Option<&'a str>,
    categories: Vec<Use<'a>>,
}

/// What a category is used for.
#[derive(Serialize)]
struct Use<'a> {
    name: &'a str,
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    dpv_term: &'a str,
    purposes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_basis: Option<LegalBasis>,
    retention: Retention<'a>,
    recipients: Vec<Recipient<'a>>,
    /// `the_person`, or where else it came from, in words.
    origin: &'a str,
    provided_by_subject: bool,
    may_contain_credentials: bool,
    may_contain_third_party_data: bool,
}

#[derive(Serialize)]
struct Retention<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    period: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    runs_from: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ground: Option<&'a Ground>,
}

#[derive(Serialize)]
struct Recipient<'a> {
    name: &'a str,
    role: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    country: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    safeguard: &'a str,
}

/// A right that the person has.
#[derive(Serialize)]
pub(super) struct RightFact {
    pub(super) name: Right,
    pub(super) article: &'static str,
    pub(super) text: &'static str,
}

/// The rights of which GDPR 15(1)(e) and 7(3) want the person to know.
pub(super) const RIGHTS: &[RightFact] = &[
    RightFact {
        name: Right::Rectification,
        article: "GDPR 16",
        text: "You can have wrong data corrected and incomplete data completed.",
    },
    RightFact {
        name: Right::Erasure,
        article: "GDPR 17",
        text: "You can have data deleted, unless a law obliges the controller to keep it.",
    },
    RightFact {
        name: Right::Restriction,
        article: "GDPR 18",
        text: "You can have data kept but not used, for example while its accuracy is disputed.",
    },
    RightFact {
        name: Right::Portability,
        article: "GDPR 20",
        text: "You can take the data you provided to another service.",
    },
    RightFact {
        name: Right::Objection,
        article: "GDPR 21",
        text: "You can object to a use of your data, and to advertising at any time.",
    },
    RightFact {
        name: Right::ConsentWithdrawal,
        article: "GDPR 7(3)",
        text: "You can withdraw a consent at any time, with effect for the future.",
    },
];

pub(super) fn document(facts: &Facts) -> Disclosure<'_> {
    let controller = &facts.controller;
    Disclosure {
        schema: "schemas/disclosure.schema.json",
        case_id: facts.case.id,
        right: facts.case.right,
        controller: Controller {
            name: &controller.name,
            contact: &controller.contact,
            complaint_body: &controller.complaint_body,
        },
        downstreams: facts
            .in_scope()
            .map(|(described, categories)| downstream(facts, described, &categories))
            .collect(),
        rights: RIGHTS,
    }
}

fn downstream<'a>(facts: &'a Facts, described: &'a Described, categories: &[&'a Category]) -> Downstream<'a> {
    Downstream {
        name: &described.name,
        title: facts.title(&described.name),
        described: described.capabilities.is_some(),
        processor_for: described
            .capabilities
            .as_ref()
            .and_then(|capabilities| capabilities.processor_for.as_deref()),
        categories: categories.iter().copied().map(use_of).collect(),
    }
}

fn use_of(category: &Category) -> Use<'_> {
    Use {
        name: &category.name,
        title: &category.title,
        dpv_term: &category.dpv_term,
        purposes: &category.purposes,
        legal_basis: category.legal_basis,
        retention: Retention {
            period: category.retention.period.as_ref().map(crate::domain::Period::as_str),
            runs_from: &category.retention.runs_from,
            ground: category.retention.ground.as_ref(),
        },
        recipients: category.recipients.iter().map(recipient).collect(),
        origin: if category.origin.is_empty() { "the_person" } else { &category.origin },
        provided_by_subject: category.provided_by_subject,
        may_contain_credentials: category.may_contain_credentials,
        may_contain_third_party_data: category.may_contain_third_party_data,
    }
}

fn recipient(recipient: &crate::domain::Recipient) -> Recipient<'_> {
    Recipient {
        name: &recipient.name,
        role: &recipient.role,
        country: &recipient.country,
        safeguard: &recipient.safeguard,
    }
}
