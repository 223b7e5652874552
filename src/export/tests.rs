//! Tests of the room as a whole: collect, interrupt, make the bag, compose, verify. What they share is here.

mod bag;
mod collect;
mod receipt;
mod zip64;

use std::sync::Arc;

use futures::TryStreamExt as _;
use uuid::Uuid;

use super::{
    Collector, Controller, Described, Facts, Manifest, Part, Place, Progress, Settings, Storage, compose,
};
use crate::domain::statement::{Standing, Statement};
use crate::domain::{
    Capabilities, Case, CaseId, CaseState, Category, CategoryResult, Ground, GroundCode, LegalBasis, Period,
    Recipient, Retention, Right, Scope, TaskId, Withheld,
};
use crate::vault::CaseKey;

/// A storage in a folder that goes away with it.
struct Room {
    folder: tempfile::TempDir,
    storage: Storage,
    key: Arc<CaseKey>,
}

fn room() -> Room {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().join("objects").display());
    let storage = Storage::open(&Settings { url, ..Settings::default() }).unwrap();
    Room { folder, storage, key: Arc::new(CaseKey::from_bytes([7; 32])) }
}

impl Room {
    fn collector(&self, attempt: u128, saved: Option<Progress>) -> Collector {
        let place = Place {
            case_id: case_id(),
            task_id: TaskId(Uuid::from_u128(2)),
            downstream: "billing".to_owned(),
            attempt: Uuid::from_u128(attempt),
        };
        let mut collector =
            Collector::begin(self.storage.clone(), Arc::clone(&self.key), place, saved).unwrap();
        collector.checkpoint_bytes = 20_000;
        collector
    }

    async fn read(&self, manifest: &Arc<Manifest>, offset: u64) -> Vec<u8> {
        let stream =
            compose::stream(self.storage.clone(), Arc::clone(&self.key), Arc::clone(manifest), offset);
        let chunks: Vec<_> = stream.try_collect().await.unwrap();
        chunks.concat()
    }

    async fn bag(&self, attempt: u128, facts: &Facts, parts: Vec<Part>) -> Arc<Manifest> {
        let attempt = Uuid::from_u128(attempt);
        Arc::new(super::bag::make(&self.storage, &self.key, attempt, facts, parts).await.unwrap())
    }

    fn objects(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("objects/cases").join(case_id().to_string()))
            .map_or(0, Iterator::count)
    }
}

fn case_id() -> CaseId {
    CaseId(Uuid::from_u128(1))
}

fn ground() -> Ground {
    Ground {
        code: GroundCode::Credentials,
        source: "GDPR 15(4)".to_owned(),
        note: "Numbers stay here.".to_owned(),
    }
}

fn withheld() -> Withheld {
    Withheld { description: "card number".to_owned(), count: 2, ground: ground() }
}

fn category(name: &str, title: &str) -> Category {
    Category {
        name: name.to_owned(),
        title: title.to_owned(),
        dpv_term: "https://w3id.org/dpv/pd#PaymentCard".to_owned(),
        purposes: vec!["Invoicing".to_owned()],
        legal_basis: Some(LegalBasis::Contract),
        retention: Retention {
            period: Some(Period::new("P7Y").unwrap()),
            runs_from: "the end of the year".to_owned(),
            ground: None,
        },
        recipients: vec![Recipient {
            name: "Bank".to_owned(),
            role: "payments".to_owned(),
            country: "CH".to_owned(),
            safeguard: String::new(),
        }],
        origin: String::new(),
        json_schema: r#"{"type":"object"}"#.to_owned(),
        provided_by_subject: true,
        may_contain_credentials: false,
        may_contain_third_party_data: false,
    }
}

fn facts(results: Vec<CategoryResult>) -> Facts {
    let capabilities = Capabilities {
        title: "Billing".to_owned(),
        categories: vec![category("invoices", "Invoices"), category("cards", "Payment cards")],
        backup_horizon_seconds: Some(86_400),
        ..Capabilities::default()
    };
    let missing = Statement {
        downstream: "analytics".to_owned(),
        standing: Standing::Failed,
        reason: Some(crate::domain::TaskReason::Unavailable),
        ground: None,
        proof: None,
        results: Vec::new(),
    };
    let collected = Statement {
        downstream: "billing".to_owned(),
        standing: Standing::Collected,
        reason: None,
        results,
        ..missing.clone()
    };
    Facts {
        case: case(),
        statements: vec![collected, missing],
        downstreams: vec![
            Described { name: "billing".to_owned(), capabilities: Some(capabilities) },
            Described { name: "analytics".to_owned(), capabilities: None },
        ],
        controller: Controller {
            name: "Example GmbH".to_owned(),
            contact: "privacy@example.com".to_owned(),
            complaint_body: "the data protection authority".to_owned(),
        },
    }
}

fn case() -> Case {
    let at = |text: &str| text.parse().unwrap();
    Case {
        id: case_id(),
        caller: "local".to_owned(),
        request_id: "r".to_owned(),
        right: Right::Access,
        state: CaseState::InProgress,
        reason: None,
        revision: 3,
        opened_at: at("2026-11-21T10:00:00Z"),
        received_at: at("2026-11-20T10:00:00Z"),
        due_at: at("2026-12-20T10:00:00Z"),
        settled_at: None,
        expires_at: None,
        identifier_kinds: Vec::new(),
        scope: Scope::default(),
        labels: std::collections::BTreeMap::default(),
        policy_version: String::new(),
        proceedings: crate::domain::Proceedings::default(),
        pseudonym: "00ff".to_owned(),
    }
}
