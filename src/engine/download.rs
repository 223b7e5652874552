//! Download: the export as a stream, from any offset.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _};

use super::{Download, Engine, Error, settle};
use crate::{
    domain::{CaseId, CaseState, Fault, Faults},
    export::compose,
    telemetry::metrics,
};

impl Engine {
    /// The finished export from `offset` on. An offset past its end is bad input; one at its end is an empty stream.
    pub async fn download(&self, id: CaseId, offset: u64) -> Result<Download, Error> {
        let view = self.case(id).await?;
        if let (CaseState::Expired, Some(at)) = (view.case.state, view.case.expires_at) {
            return Err(Error::Expired { at });
        }
        let not_ready = || Error::NotReady { state: view.case.state.as_str() };
        let facts = view.export.ok_or_else(not_ready)?;
        if offset > facts.size {
            let rule = format!("must be at most {}, the size of the export", facts.size);
            return Err(Faults::from(Fault::new("offset", rule)).into());
        }
        let stored = self.stored(id).await?;
        let key = Arc::new(self.case_key(&stored)?);
        let sealed = self.0.store.manifest(id).await?.ok_or_else(not_ready)?;
        let manifest = Arc::new(settle::open_manifest(&key, &sealed)?);
        let bytes = compose::stream(self.0.storage.clone(), key, manifest, offset);
        let counted = bytes.inspect_ok(|chunk| metrics::served(chunk.len() as u64));
        Ok(Download { facts, bytes: counted.map_err(Error::from).boxed() })
    }
}
