//! Settle: all tasks of a case are settled, so it ends, in an export or in a receipt.
//!
//! **Guarantees.** An export depends on the case's facts and on what was collected, on nothing else: made again after a
//! crash it is the same. A gap is stated in it.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Engine, Error, collect, due, release};
use crate::{
    domain::{
        CaseEvent, CaseWork, Task, TaskState, advance, case::settled_reason, clock::Tick,
        follow_up::schedule, statement::statements,
    },
    export::{Described, Facts, Manifest, Part, bag, receipt},
    store::{self, CaseFile, ExportFacts, StoredCase},
    telemetry::metrics,
    vault::CaseKey,
};

/// What the manifest is sealed for.
const MANIFEST: &str = "manifest";

/// What a case ends in.
#[derive(Clone)]
enum Ending {
    Export { facts: ExportFacts, manifest: Vec<u8> },
    Receipt(Vec<u8>),
}

impl Engine {
    /// Makes the export or receipt of a case, and completes it.
    pub(super) async fn settle(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let tasks = self.0.store.tasks(stored.case.id).await?;
        if !advance::all_settled(&tasks) {
            // A task was retried since this was asked for; its end asks again.
            return self
                .change_case(stored.case.id, token, |file| {
                    file.work = None;
                    file.advance();
                    Ok(())
                })
                .await;
        }
        let follow_ups = schedule(&stored.case, &tasks, self.0.clock.now());
        let ending = if stored.case.right.ends_in_export() {
            let key = Arc::new(self.case_key(stored)?);
            let manifest = self.export(stored, &tasks, &key).await?;
            let facts = ExportFacts {
                sha256: manifest.sha256().to_owned(),
                size: manifest.size(),
                file_name: manifest.file_name().to_owned(),
            };
            Ending::Export { facts, manifest: seal_manifest(&key, &manifest)? }
        } else {
            let mut facts = self.facts(stored, &tasks);
            facts.case.proceedings.follow_ups = follow_ups.clone();
            Ending::Receipt(receipt::render(&facts))
        };
        let expires_at = self.0.settings.export_lives.after(self.0.clock.now());
        // What is retained can only be erased later if it is known whose it is.
        let expires_at = follow_ups.last_at().map_or(expires_at, |last| expires_at.max(last));
        let sweep_at = self.sweep_at();
        let complete = move |file: &mut CaseFile| {
            file.case.proceedings.follow_ups = follow_ups.clone();
            complete(file, &ending, expires_at, sweep_at)
        };
        let ticks = self.change_case(stored.case.id, token, complete).await?;
        due::count(&ticks);
        metrics::settled(stored.case.right.as_str(), settled_reason(&tasks).as_str());
        Ok(())
    }

    async fn export(
        &self,
        stored: &StoredCase,
        tasks: &[Task],
        key: &Arc<CaseKey>,
    ) -> Result<Manifest, Error> {
        let mut sealed = self.0.store.parts(stored.case.id).await?;
        let mut parts: Vec<Part> = Vec::new();
        for task in tasks.iter().filter(|task| task.state == TaskState::Done) {
            if let Some(sealed) = sealed.remove(&task.id) {
                parts.extend(collect::open_parts(key, &sealed)?);
            }
        }
        let facts = self.facts(stored, tasks);
        Ok(bag::make(&self.0.storage, key, self.0.clock.new_id(), &facts, parts).await?)
    }

    fn facts(&self, stored: &StoredCase, tasks: &[Task]) -> Facts {
        let described = |(name, known): (String, super::directory::Known)| Described {
            name,
            capabilities: known.capabilities.as_deref().cloned(),
        };
        let mut case = stored.case.clone();
        case.reason = Some(settled_reason(tasks));
        let now = self.0.clock.now();
        case.settled_at = Some(now);
        case.proceedings.clocks.answer(now);
        case.due_at = case.proceedings.clocks.deadline().unwrap_or(case.due_at);
        Facts {
            case,
            statements: statements(tasks),
            downstreams: self.0.directory.all().into_iter().map(described).collect(),
            controller: self.0.controller.clone(),
        }
    }
}

fn complete(
    file: &mut CaseFile,
    ending: &Ending,
    expires_at: Timestamp,
    sweep_at: Timestamp,
) -> Result<Vec<Tick>, store::Error> {
    if !advance::all_settled(&file.tasks) {
        return Err(store::Error::LeaseLost);
    }
    let now = file.now;
    let reason = settled_reason(&file.tasks);
    let ticks = file.tick();
    file.case.proceedings.clocks.answer(now);
    file.set_due();
    file.move_case(CaseEvent::Settle, Some(reason))?;
    file.case.settled_at = Some(now);
    file.case.expires_at = Some(expires_at);
    release::wait(file);
    file.attempts = 0;
    match ending {
        Ending::Export { facts, manifest } => {
            file.work = Some((CaseWork::Sweep, sweep_at));
            file.export = Some(facts.clone());
            file.set_manifest(Some(manifest.clone()));
        }
        Ending::Receipt(json) => file.set_receipt(json.clone()),
    }
    Ok(ticks)
}

fn seal_manifest(key: &CaseKey, manifest: &Manifest) -> Result<Vec<u8>, Error> {
    let json = zeroize::Zeroizing::new(serde_json::to_vec(manifest).expect("a manifest is JSON"));
    Ok(key.seal(MANIFEST, &json)?)
}

/// Opens a sealed manifest.
pub(super) fn open_manifest(key: &CaseKey, sealed: &[u8]) -> Result<Manifest, Error> {
    let json = key.open(MANIFEST, sealed)?;
    serde_json::from_slice(&json).map_err(|error| Error::Internal(Box::new(error)))
}
