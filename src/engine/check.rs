//! Check: whether what exactly a request asks for names only what there is.

use std::collections::BTreeSet;

use super::{Engine, Error};
use crate::domain::{Category, Faults, Particulars, Right, Scope};

/// Names that a fault lists at the most: enough to find the right one, short enough for an error.
const NAMES_SHOWN: usize = 20;

impl Engine {
    /// Whether somebody in scope has what is to be corrected, and some category rests on each purpose. What a downstream
    /// has that has never described itself, nobody knows: then everything passes.
    pub(super) fn check_particulars(
        &self,
        right: Right,
        scope: &Scope,
        particulars: &Particulars,
    ) -> Result<(), Error> {
        let all = self.0.directory.all();
        let in_scope: Vec<_> = all.iter().filter(|(name, _)| scope.includes(name)).collect();
        let all_are_known = in_scope.iter().all(|(_, known)| known.capabilities.is_some());
        let categories: Vec<(&str, &Category)> = in_scope
            .iter()
            .filter_map(|(name, known)| Some((name.as_str(), known.capabilities.as_deref()?)))
            .flat_map(|(name, capabilities)| {
                scope.categories(right, name, capabilities).into_iter().map(move |category| (name, category))
            })
            .collect();
        let mut faults = Faults::default();
        for (position, correction) in particulars.corrections.iter().enumerate() {
            let field = format!("corrections[{position}]");
            let target = &correction.downstream;
            if !target.is_empty() && !in_scope.iter().any(|(name, _)| *name == target) {
                let names = in_scope.iter().map(|(name, _)| name.as_str()).collect();
                faults.push(format!("{field}.downstream"), one_of(&names));
                continue;
            }
            let theirs = |(name, _): &&(&str, &Category)| target.is_empty() || name == target;
            let names: BTreeSet<&str> =
                categories.iter().filter(theirs).map(|(_, category)| category.name.as_str()).collect();
            let is_described = if target.is_empty() {
                all_are_known
            } else {
                all.get(target).is_some_and(|known| known.capabilities.is_some())
            };
            if is_described && !names.contains(correction.category.as_str()) {
                faults.push(format!("{field}.category"), one_of(&names));
            }
        }
        if all_are_known {
            let consents = Particulars::default();
            let purposes: Vec<String> =
                categories.iter().flat_map(|(_, category)| consents.withdrawn(category)).collect();
            let purposes: BTreeSet<&str> = purposes.iter().map(String::as_str).collect();
            for (position, purpose) in particulars.purposes.iter().enumerate() {
                if !purposes.contains(purpose.as_str()) {
                    faults.push(format!("purposes[{position}]"), one_of(&purposes));
                }
            }
        }
        Ok(faults.or(())?)
    }
}

fn one_of(names: &BTreeSet<&str>) -> String {
    if names.is_empty() {
        return "must not be set: nobody in scope has any".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).copied().collect();
    let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
    format!("must be one of {}{more}", shown.join(", "))
}
