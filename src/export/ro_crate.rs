//! `ro-crate-metadata.json`: the bag described as an RO-Crate 1.3, with terms of the Data Privacy Vocabulary 2.2, so
//! that machines that know neither rightful nor BagIt know what is in it.
//!
//! Folders of files are one entity each: listing ten thousand photos helps nobody, and the manifest has them.

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::contents::{Holding, Service};
use super::facts::Facts;
use super::name;
use super::part::Part;
use crate::domain::{LegalBasis, Right};

/// The terms of the GDPR extension that name the legal bases.
const fn basis_term(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::Consent => "eu-gdpr:A6-1-a",
        LegalBasis::Contract => "eu-gdpr:A6-1-b",
        LegalBasis::LegalObligation => "eu-gdpr:A6-1-c",
        LegalBasis::VitalInterests => "eu-gdpr:A6-1-d",
        LegalBasis::PublicTask => "eu-gdpr:A6-1-e",
        LegalBasis::LegitimateInterests => "eu-gdpr:A6-1-f",
    }
}

const fn right_term(right: Right) -> &'static str {
    match right {
        Right::Access => "eu-gdpr:A15",
        Right::Portability => "eu-gdpr:A20",
        Right::Erasure => "eu-gdpr:A17",
        Right::Rectification => "eu-gdpr:A16",
        Right::Restriction => "eu-gdpr:A18",
        Right::Objection => "eu-gdpr:A21",
        Right::ConsentWithdrawal => "eu-gdpr:A7-3",
    }
}

/// The document. `schemas/ro-crate.schema.json` describes it. `documents` are the bag's own files under `data/`.
pub(super) fn document(facts: &Facts, services: &[Service<'_>], documents: &[Part]) -> Value {
    let mut described: Vec<Value> = documents.iter().map(file).collect();
    for service in services {
        for holding in &service.holdings {
            described.extend(holding_entities(service, holding));
        }
    }
    let ids: Vec<Value> = described.iter().map(|entity| json!({ "@id": entity["@id"] })).collect();
    let mut graph = vec![
        json!({
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": { "@id": "./" },
            "conformsTo": { "@id": "https://w3id.org/ro/crate/1.3" },
        }),
        root(facts, &ids),
        json!({
            "@id": "#controller",
            "@type": ["Organization", "dpv:DataController"],
            "name": facts.controller.name,
            "description": facts.controller.contact,
        }),
        json!({
            "@id": "#terms",
            "@type": "CreativeWork",
            "name": "Personal data of the data subject",
            "description": "Handed out to the data subject, for whatever use the data subject chooses.",
        }),
    ];
    graph.append(&mut described);
    let prefixes =
        json!({ "dpv": "https://w3id.org/dpv#", "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#" });
    json!({ "@context": ["https://w3id.org/ro/crate/1.3/context", prefixes], "@graph": graph })
}

fn root(facts: &Facts, parts: &[Value]) -> Value {
    let date = facts.case.opened_at.to_zoned(TimeZone::UTC).date();
    json!({
        "@id": "./",
        "@type": "Dataset",
        "name": "Export of personal data",
        "description": "The answer to a data-subject request: what the services of one controller hold about one person.",
        "identifier": facts.case.id.to_string(),
        "datePublished": date.to_string(),
        "license": { "@id": "#terms" },
        "publisher": { "@id": "#controller" },
        "dpv:hasRight": { "@id": right_term(facts.case.right) },
        "dpv:hasDataController": { "@id": "#controller" },
        "hasPart": parts,
    })
}

fn file(part: &Part) -> Value {
    json!({
        "@id": name::url(&part.path),
        "@type": "File",
        "name": part.path.rsplit('/').next(),
        "encodingFormat": part.media_type,
        "contentSize": part.length.to_string(),
        "sha256": part.sha256,
    })
}

/// The records and the folder of files of one category, with what it is used for.
fn holding_entities(service: &Service<'_>, holding: &Holding<'_>) -> Vec<Value> {
    let mut entities = Vec::new();
    if let Some(part) = holding.records {
        entities.push(with_use(file(part), service, holding));
    }
    if let Some(folder) = holding.folder() {
        let entity = json!({ "@id": name::url(folder), "@type": "Dataset" });
        entities.push(with_use(entity, service, holding));
    }
    entities
}

fn with_use(mut entity: Value, service: &Service<'_>, holding: &Holding<'_>) -> Value {
    let mut terms = Map::new();
    terms.insert("name".to_owned(), json!(format!("{}: {}", service.title, holding.title)));
    if let Some(category) = holding.described {
        if !category.dpv_term.is_empty() {
            terms.insert("dpv:hasPersonalData".to_owned(), json!({ "@id": category.dpv_term }));
        }
        if let Some(basis) = category.legal_basis {
            terms.insert("dpv:hasLegalBasis".to_owned(), json!({ "@id": basis_term(basis) }));
        }
        if !category.purposes.is_empty() {
            terms.insert("dpv:hasPurpose".to_owned(), json!(category.purposes));
        }
        if let Some(period) = &category.retention.period {
            terms.insert("dpv:hasDuration".to_owned(), json!(period.as_str()));
        }
    }
    if let Value::Object(fields) = &mut entity {
        fields.append(&mut terms);
    }
    entity
}
