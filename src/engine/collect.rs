//! Collect: a downstream's stream, into parts for an export or into counts around an erasure or change.
//!
//! **Guarantees.** What was durable at a checkpoint is not asked for again: the next attempt, in whatever process, goes
//! on from its resume token. A stream that is not complete brings nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, Trouble},
    record::Step,
};
use crate::{
    domain::{Ask, CategoryResult, sighting::Probe},
    downstream::{Collect, Counts, Item},
    export::{self, Collected, Collector, Counter, Part, Place, Progress, Sink},
    telemetry::metrics,
    vault::CaseKey,
};

/// What progress and parts are sealed for.
const PROGRESS: &str = "progress";
const PARTS: &str = "parts";

/// Where a collection stood at a checkpoint: what is stored, and what the summary will have to agree with.
#[derive(Serialize, Deserialize)]
struct Checkpoint {
    progress: Progress,
    counts: Counts,
}

impl Attempt {
    /// Collects for an export.
    pub(super) async fn store(&self) -> Result<Step, Trouble> {
        let saved = self.saved();
        let place = Place {
            case_id: self.task.case_id,
            task_id: self.task.id,
            downstream: self.task.downstream.clone(),
            attempt: self.engine.0.clock.new_id(),
        };
        let (token, counts, progress) = match saved {
            Some(saved) => (saved.progress.token(), saved.counts, Some(saved.progress)),
            None => (Vec::new(), Counts::default(), None),
        };
        let collector =
            Collector::begin(self.engine.0.storage.clone(), Arc::clone(&self.key), place, progress)?;
        let collected = self.drain(Sink::Store(Box::new(collector)), token, counts).await?;
        let sealed = seal_parts(&self.key, &collected.parts)?;
        Ok(Step::Collected { results: self.complete(collected.results), parts: sealed })
    }

    /// Counts what there is, before or after an erasure or change, and looks at fields that are to be put right.
    pub(super) async fn count(&self) -> Result<Vec<CategoryResult>, Trouble> {
        let probes = match &self.task.ask {
            Ask::Rectify { fields } => {
                let values = fields.iter().filter_map(|field| self.corrections.get(field.correction));
                values.map(Probe::new).collect()
            }
            _ => Vec::new(),
        };
        // Bound to its case, so that receipts of different cases do not show who gave the same value.
        let (engine, case_id) = (self.engine.clone(), self.task.case_id);
        let digest = move |text: &str| engine.0.ring.digest(format!("{case_id}\0{text}").as_bytes());
        let sink = Sink::Count(Counter::looking(probes, Box::new(digest.clone())));
        let collected = self.drain(sink, Vec::new(), Counts::default()).await?;
        let mut results = self.complete(collected.results);
        // Of a record that is known but for one value, the plain digest would tell the value.
        for result in &mut results {
            result.found.digest = digest(&result.found.digest);
        }
        Ok(results)
    }

    async fn drain(
        &self,
        mut sink: Sink,
        resume_token: Vec<u8>,
        so_far: Counts,
    ) -> Result<Collected, Trouble> {
        let categories: Vec<String> = self.task.ask.categories().into_iter().map(str::to_owned).collect();
        let ask = Collect {
            call_id: self.task.call_id,
            subject: &self.subject,
            categories: &categories,
            resume_token: resume_token.into(),
            so_far,
        };
        let mut collection = self.client.collect(ask).await?;
        let mut received = Received { downstream: &self.task.downstream, bytes: 0 };
        while let Some(item) = collection.next().await? {
            received.bytes += item.bytes();
            if let Some(progress) = take(&mut sink, item).await? {
                let counts = collection.counts().clone();
                self.save(&Checkpoint { progress, counts }).await?;
            }
        }
        Ok(sink.finish().await?)
    }

    /// The last checkpoint. One that does not open is no reason to fail: the collection starts again.
    fn saved(&self) -> Option<Checkpoint> {
        let json = self.key.open(PROGRESS, self.progress.as_ref()?).ok()?;
        serde_json::from_slice(&json).ok()
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), Trouble> {
        let json = zeroize::Zeroizing::new(serde_json::to_vec(checkpoint).expect("a checkpoint is JSON"));
        let sealed = self.key.seal(PROGRESS, &json)?;
        let (id, token) = (self.task.id, self.token);
        let keep = move |file: &mut crate::store::CaseFile| {
            file.holds(id, token)?;
            file.keep_lease(id);
            file.set_progress(id, Some(sealed.clone()));
            Ok(())
        };
        self.engine.0.store.change(self.task.case_id, self.engine.0.clock.now(), keep).await?;
        Ok(())
    }

    fn complete(&self, results: Vec<CategoryResult>) -> Vec<CategoryResult> {
        complete(&self.task.ask, results)
    }
}

/// What has arrived in one attempt. Counted when it ends, however it ends.
struct Received<'a> {
    downstream: &'a str,
    bytes: u64,
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        metrics::collected(self.downstream, self.bytes);
    }
}

/// One result for each category that was asked for, in that order, zeros included.
pub(super) fn complete(ask: &Ask, mut results: Vec<CategoryResult>) -> Vec<CategoryResult> {
    let mut take = |name: &str| {
        let position = results.iter().position(|result| result.category == name)?;
        Some(results.swap_remove(position))
    };
    ask.categories().into_iter().map(|name| take(name).unwrap_or_else(|| CategoryResult::new(name))).collect()
}

/// Takes one item. Answers what to save if it is a resume token, and enough came since the last one.
pub(super) async fn take(sink: &mut Sink, item: Item) -> Result<Option<Progress>, export::Error> {
    match item {
        Item::Record { category, json } => sink.record(&category, &json).await?,
        Item::FileBegin { category, name, media_type } => sink.file_begin(&category, &name, &media_type)?,
        Item::FileChunk(data) => sink.file_chunk(&data).await?,
        Item::FileEnd { sha256 } => sink.file_end(&sha256).await?,
        Item::Withheld { category, withheld } => sink.withheld(&category, withheld)?,
        Item::ResumeToken(token) => return sink.checkpoint(&token).await,
    }
    Ok(None)
}

/// Seals the list of parts.
pub(super) fn seal_parts(key: &CaseKey, parts: &[Part]) -> Result<Vec<u8>, crate::vault::Error> {
    let json = zeroize::Zeroizing::new(serde_json::to_vec(parts).expect("parts are JSON"));
    key.seal(PARTS, &json)
}

/// Opens what [`seal_parts`] sealed.
pub(super) fn open_parts(key: &CaseKey, sealed: &[u8]) -> Result<Vec<Part>, crate::vault::Error> {
    let json = key.open(PARTS, sealed)?;
    serde_json::from_slice(&json).map_err(|_| crate::vault::Error::Sealed)
}
