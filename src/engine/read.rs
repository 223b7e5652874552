//! Read: cases as they are shown.

use sha2::{Digest as _, Sha256};

use super::{CaseView, Engine, Error, ExportFacts, Filter, Page, Receipt};
use crate::{
    domain::{CaseId, CaseState},
    store::{self, StoredCase},
};

impl Engine {
    /// One case with its tasks.
    pub async fn case(&self, id: CaseId) -> Result<CaseView, Error> {
        let (stored, tasks) = self.0.store.case_with_tasks(id).await?.ok_or_else(|| missing(id))?;
        Ok(CaseView { tasks, ..view(stored) })
    }

    /// At most `size` cases that pass the filter, newest first, after the case `after`.
    pub async fn list(&self, filter: Filter, after: Option<CaseId>, size: u32) -> Result<Page, Error> {
        let mut states = filter.states;
        let mut due_before = filter.due_before;
        if filter.overdue || filter.due_soon {
            let now = self.0.clock.now();
            let soon = now.saturating_add(self.0.settings.handling.warn_before).unwrap_or(now);
            let now = if filter.overdue { now } else { soon };
            if states.is_empty() {
                states = CaseState::open();
            } else {
                states.retain(|state| state.is_open());
                if states.is_empty() {
                    return Ok(Page { cases: Vec::new(), next: None });
                }
            }
            due_before = Some(due_before.map_or(now, |before| before.min(now)));
        }
        let filter = store::Filter {
            states,
            right: filter.right,
            downstream: filter.downstream,
            due_before,
            caller: filter.caller,
            blind: filter.identifier.map(|identifier| self.0.ring.blind_index(&identifier)),
            after,
        };
        // One more than asked for tells whether there is another page.
        let mut cases = self.0.store.list(&filter, u64::from(size) + 1).await?;
        let more = cases.len() > size as usize;
        cases.truncate(size as usize);
        let next = cases.last().map(|last| last.case.id).filter(|_| more);
        Ok(Page { cases: cases.into_iter().map(view).collect(), next })
    }

    /// The receipt of a completed case whose right ends in one.
    pub async fn receipt(&self, id: CaseId) -> Result<Receipt, Error> {
        let stored = self.stored(id).await?;
        let over = matches!(stored.case.state, CaseState::Completed | CaseState::Expired);
        let receipt = if over { self.0.store.receipt(id).await? } else { None };
        let json = receipt.ok_or(Error::NotReady { state: stored.case.state.as_str() })?;
        let digest = Sha256::digest(&json);
        Ok(Receipt { json: json.into(), sha256: hex::encode(digest) })
    }

    pub(super) async fn stored(&self, id: CaseId) -> Result<StoredCase, Error> {
        self.0.store.case(id).await?.ok_or_else(|| missing(id))
    }
}

fn missing(id: CaseId) -> Error {
    Error::NotFound { resource: "case", id: id.to_string() }
}

fn view(stored: StoredCase) -> CaseView {
    let export = match (stored.export, stored.case.state, stored.case.expires_at) {
        (Some(facts), CaseState::Completed, Some(expires_at)) => Some(ExportFacts {
            sha256: facts.sha256,
            size: facts.size,
            file_name: facts.file_name,
            expires_at,
        }),
        _ => None,
    };
    CaseView { case: stored.case, tasks: Vec::new(), export }
}
