//! A wish: what a case asks for in all, and what that comes to for one downstream.

use std::collections::BTreeSet;

use super::{
    Ask, Capabilities, Category, CategoryPurposes, Directive, IdentifierKind, Particulars, Right, Scope,
    TaskReason, task::Field,
};

/// What is asked for, about somebody who is known by some kinds of identifiers.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// Which right.
    pub right: Right,
    /// What exactly.
    pub particulars: &'a Particulars,
    /// Of which downstreams and categories.
    pub scope: &'a Scope,
    /// The kinds of identifiers that are known.
    pub known: &'a BTreeSet<IdentifierKind>,
}

impl Wish<'_> {
    /// The categories that this downstream is asked about.
    pub fn categories<'a>(&self, downstream: &str, capabilities: &'a Capabilities) -> Vec<&'a Category> {
        let mut categories = self.scope.categories(self.right, downstream, capabilities);
        categories.retain(|category| self.particulars.concern(self.right, downstream, category));
        categories
    }

    /// What this downstream is asked for.
    pub fn ask(&self, downstream: &str, categories: &[&Category]) -> Ask {
        let names = || categories.iter().map(|category| category.name.clone()).collect();
        match self.right {
            Right::Access | Right::Portability => Ask::Collect { categories: names() },
            Right::Erasure => {
                Ask::Erase { directives: categories.iter().copied().map(Directive::for_category).collect() }
            }
            Right::Rectification => Ask::Rectify { fields: self.fields(downstream, categories) },
            Right::Restriction => Ask::Restrict { categories: names(), lift: self.particulars.lift },
            Right::Objection => Ask::Object { categories: names(), uses: self.particulars.uses.clone() },
            Right::ConsentWithdrawal => {
                let purposes = |category: &&Category| CategoryPurposes {
                    category: category.name.clone(),
                    purposes: self.particulars.withdrawn(category),
                };
                Ask::WithdrawConsent { categories: categories.iter().map(purposes).collect() }
            }
        }
    }

    fn fields(&self, downstream: &str, categories: &[&Category]) -> Vec<Field> {
        let in_categories = |name: &str| categories.iter().any(|category| category.name == name);
        let corrections = self.particulars.corrections.iter().enumerate();
        corrections
            .filter(|(_, of)| of.concerns(downstream, &of.category) && in_categories(&of.category))
            .map(|(correction, of)| Field {
                correction,
                category: of.category.clone(),
                field: of.field.clone(),
            })
            .collect()
    }

    /// Why a described downstream is not asked at all.
    pub fn unasked(&self, name: &str, capabilities: &Capabilities) -> Option<TaskReason> {
        let has_none = self.categories(name, capabilities).is_empty();
        // Where the particulars choose categories, whoever has none of them need not support the right.
        let chosen = matches!(self.right, Right::Rectification | Right::ConsentWithdrawal);
        if !self.scope.includes(name) || (chosen && has_none) {
            Some(TaskReason::OutOfScope)
        } else if !capabilities.supports(self.right) {
            Some(TaskReason::RightNotSupported)
        } else if has_none {
            Some(TaskReason::OutOfScope)
        } else {
            None
        }
    }
}
