//! What the bag and the receipt are made from, besides the data itself. All of it belongs to the case, so that the
//! same case gives the same bytes whenever and wherever they are made.

use serde::{Deserialize, Serialize};

use crate::domain::statement::Statement;
use crate::domain::{Capabilities, Case, Category};

/// Who is responsible for the data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controller {
    /// The name.
    pub name: String,
    /// Where to write to: an address, a mail address or a page.
    pub contact: String,
    /// The supervisory authority that takes complaints.
    pub complaint_body: String,
}

/// A registered downstream and what it said it holds.
#[derive(Clone, Debug)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// What it said, if it ever did.
    pub capabilities: Option<Capabilities>,
}

/// Why an export leaves a category out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LeftOut {
    /// Portability is about what the subject provided (GDPR 20(1)).
    NotProvidedBySubject,
    /// The case's scope leaves it out.
    OutOfScope,
}

/// The facts of a case.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The case. Its state, revision and the times of settling and expiry are not used.
    pub case: Case,
    /// What is said of each downstream.
    pub statements: Vec<Statement>,
    /// The registered downstreams.
    pub downstreams: Vec<Described>,
    /// Who is responsible.
    pub controller: Controller,
}

impl Facts {
    pub(super) fn capabilities(&self, downstream: &str) -> Option<&Capabilities> {
        let described = self.downstreams.iter().find(|described| described.name == downstream);
        described.and_then(|described| described.capabilities.as_ref())
    }

    /// The downstream's name for a person.
    pub(super) fn title<'a>(&'a self, downstream: &'a str) -> &'a str {
        let title = self.capabilities(downstream).map(|capabilities| capabilities.title.as_str());
        title.filter(|title| !title.is_empty()).unwrap_or(downstream)
    }

    /// What the downstream says of its category.
    pub(super) fn category(&self, downstream: &str, category: &str) -> Option<&Category> {
        self.capabilities(downstream).and_then(|capabilities| capabilities.category(category))
    }

    /// The categories that the case is about, by downstream.
    pub(super) fn in_scope(&self) -> impl Iterator<Item = (&Described, Vec<&Category>)> {
        let case = &self.case;
        self.downstreams.iter().filter(|described| case.scope.includes(&described.name)).map(|described| {
            let categories = described
                .capabilities
                .as_ref()
                .map(|capabilities| case.scope.categories(case.right, &described.name, capabilities));
            (described, categories.unwrap_or_default())
        })
    }

    /// The described categories that the case is not about, and why.
    pub(super) fn left_out(&self, downstream: &str) -> Vec<(&Category, LeftOut)> {
        let Some(capabilities) = self.capabilities(downstream) else { return Vec::new() };
        let (scope, right) = (&self.case.scope, self.case.right);
        let within = if scope.includes(downstream) {
            scope.categories(right, downstream, capabilities)
        } else {
            Vec::new()
        };
        let chosen = scope.categories.get(downstream);
        let reason = |category: &Category| {
            let is_chosen = chosen.is_none_or(|names| names.contains(&category.name));
            if scope.includes(downstream) && is_chosen {
                LeftOut::NotProvidedBySubject
            } else {
                LeftOut::OutOfScope
            }
        };
        let left = |category: &&Category| !within.iter().any(|one| one.name == category.name);
        capabilities.categories.iter().filter(left).map(|category| (category, reason(category))).collect()
    }

    /// Whether every downstream that had to be asked answered.
    pub(super) fn is_complete(&self) -> bool {
        use crate::domain::TaskReason::RightNotSupported;
        use crate::domain::statement::Standing as S;
        self.statements.iter().all(|statement| match statement.standing {
            S::Collected
            | S::NothingHeld
            | S::Withheld
            | S::Erased
            | S::Rectified
            | S::Restricted
            | S::Unrestricted
            | S::Stopped
            | S::Stated
            | S::Forwarded => true,
            S::NotAsked => statement.reason != Some(RightNotSupported),
            S::Unconfirmed | S::Refused | S::Failed | S::Waived => false,
        })
    }
}
