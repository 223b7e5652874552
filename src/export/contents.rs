//! What the bag holds, service by service: the statements, joined with the files and with what is known of them.

use std::collections::BTreeMap;

use super::collect::folder;
use super::facts::Facts;
use super::part::Part;
use crate::domain::statement::Statement;
use crate::domain::{Category, CategoryResult};

/// One downstream.
pub(super) struct Service<'a> {
    pub(super) statement: &'a Statement,
    pub(super) title: &'a str,
    pub(super) holdings: Vec<Holding<'a>>,
}

/// One category of a downstream.
pub(super) struct Holding<'a> {
    pub(super) result: &'a CategoryResult,
    pub(super) title: &'a str,
    pub(super) described: Option<&'a Category>,
    pub(super) records: Option<&'a Part>,
    pub(super) files: Vec<&'a Part>,
}

impl Holding<'_> {
    /// The folder with the files, with a slash at its end.
    pub(super) fn folder(&self) -> Option<&str> {
        let path = self.files.first()?.path.as_str();
        path.rfind('/').map(|slash| &path[..=slash])
    }
}

/// All downstreams, in the order of the statements.
pub(super) fn services<'a>(facts: &'a Facts, parts: &'a [Part]) -> Vec<Service<'a>> {
    let mut by_category: BTreeMap<(String, &str), Vec<&Part>> = BTreeMap::new();
    for part in parts {
        if let (Some(category), Some(folder)) = (&part.category, service_folder(&part.path)) {
            by_category.entry((folder.to_owned(), category)).or_default().push(part);
        }
    }
    let service = |statement: &'a Statement| {
        let folder = folder(&statement.downstream);
        let holding = |result: &'a CategoryResult| {
            let parts = by_category.get(&(folder.clone(), result.category.as_str()));
            let is_file = |part: &Part| part.path[folder.len()..].starts_with("/files/");
            let (files, records): (Vec<_>, Vec<_>) =
                parts.into_iter().flatten().copied().partition(|part| is_file(part));
            let described = facts.category(&statement.downstream, &result.category);
            let title = described.map(|category| category.title.as_str()).filter(|title| !title.is_empty());
            Holding {
                result,
                title: title.unwrap_or(&result.category),
                described,
                records: records.first().copied(),
                files,
            }
        };
        Service {
            statement,
            title: facts.title(&statement.downstream),
            holdings: statement.results.iter().map(holding).collect(),
        }
    };
    facts.statements.iter().map(service).collect()
}

/// `data/billing` of `data/billing/invoices.ndjson`.
fn service_folder(path: &str) -> Option<&str> {
    path.match_indices('/').nth(1).map(|(slash, _)| &path[..slash])
}
