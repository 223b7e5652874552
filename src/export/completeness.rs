//! `data/completeness.json`: what is said of every registered downstream, so that no gap is silent.

use serde::{Deserialize, Serialize};

use super::contents::Service;
use super::facts::{Facts, LeftOut};
use crate::domain::statement::Standing;
use crate::domain::{CaseId, Ground, Right, TaskReason, Withheld};

/// The document. `schemas/completeness.schema.json` describes it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Completeness {
    #[serde(rename = "$schema")]
    schema: String,
    pub(super) case_id: CaseId,
    right: Right,
    received_time: jiff::Timestamp,
    pub(super) complete: bool,
    pub(super) downstreams: Vec<Downstream>,
}

/// One downstream.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Downstream {
    pub(super) name: String,
    title: String,
    pub(super) standing: Standing,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    reason: Option<TaskReason>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    ground: Option<Ground>,
    pub(super) categories: Vec<Category>,
    /// What it describes, and this export is not about.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    left_out: Vec<Left>,
}

/// A category that was left out.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Left {
    name: String,
    title: String,
    reason: LeftOut,
}

/// One category.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Category {
    name: String,
    title: String,
    records: u64,
    files: u64,
    digest: String,
    /// Paths relative to this document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) records_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    files_path: Option<String>,
    withheld: Vec<Withheld>,
}

pub(super) fn document(facts: &Facts, services: &[Service<'_>]) -> Completeness {
    let relative = |path: &str| path.strip_prefix("data/").unwrap_or(path).to_owned();
    let downstream = |service: &Service<'_>| Downstream {
        name: service.statement.downstream.clone(),
        title: service.title.to_owned(),
        standing: service.statement.standing,
        reason: service.statement.reason,
        ground: service.statement.ground.clone(),
        categories: service
            .holdings
            .iter()
            .map(|holding| Category {
                name: holding.result.category.clone(),
                title: holding.title.to_owned(),
                records: holding.result.found.records,
                files: holding.result.found.files,
                digest: holding.result.found.digest.clone(),
                records_path: holding.records.map(|part| relative(&part.path)),
                files_path: holding.folder().map(relative),
                withheld: holding.result.withheld.clone(),
            })
            .collect(),
        left_out: facts.left_out(&service.statement.downstream).into_iter().map(left).collect(),
    };
    Completeness {
        schema: "schemas/completeness.schema.json".to_owned(),
        case_id: facts.case.id,
        right: facts.case.right,
        received_time: facts.case.received_at,
        complete: facts.is_complete(),
        downstreams: services.iter().map(downstream).collect(),
    }
}

fn left((category, reason): (&crate::domain::Category, LeftOut)) -> Left {
    Left { name: category.name.clone(), title: category.title.clone(), reason }
}
