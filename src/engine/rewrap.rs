//! Rewrap: after a rotation, case keys that are wrapped under an old key of the ring are wrapped under the primary one.
//!
//! **Expected flow.** At the start, every hour, and when the ring has changed, all cases are looked through by id; those under another key are changed one
//! by one. A pass that finds none says so: then the old key can be taken away (`rightful key remove`).
//!
//! **Guarantees.** Data is not touched: what is sealed under a case's key stays as it is. Each change is one of the case's file,
//! so it collides with no other; a crash leaves each case under the old key or the new one, and both open. Replicas that do it
//! at once do no harm.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Engine, Error};
use crate::{domain::CaseId, store::CaseFile, telemetry::metrics, vault::WrappedKey};

/// From one look to the next.
const EVERY: SignedDuration = SignedDuration::from_hours(1);
/// Cases that are read at once: they share commits, and other work comes in between.
const PAGE: u64 = 200;

/// Looks now and then, until `stop`.
pub(super) async fn run(engine: Engine, stop: CancellationToken) {
    let mut renewed = engine.0.ring.watch();
    loop {
        let looked = tokio::select! {
            () = stop.cancelled() => return,
            looked = engine.rewrap() => looked,
        };
        if let Err(error) = looked {
            error.say("case keys are wrapped anew at the next look");
        }
        let next = engine.0.clock.now().saturating_add(EVERY).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = stop.cancelled() => return,
            () = engine.0.clock.until(next) => {}
            // The ring lives as long as the engine: this fails only when nothing matters any more.
            _ = renewed.changed() => {}
        }
    }
}

impl Engine {
    /// One pass over all cases.
    async fn rewrap(&self) -> Result<(), Error> {
        let primary = self.0.ring.primary();
        let (mut after, mut changed) = (None, 0_u64);
        loop {
            let page = self.0.store.sealed_under_others(&primary, after, PAGE).await?;
            let Some((last, _)) = page.last() else { break };
            after = Some(*last);
            for (id, wrapped) in page {
                if self.rewrap_one(id, wrapped).await? {
                    changed += 1;
                }
            }
        }
        metrics::rewrapped(changed);
        if changed > 0 {
            tracing::info!(changed, key = primary, "case keys are wrapped under the primary key");
        }
        Ok(())
    }

    /// Whether it is wrapped anew. A case whose key the ring lacks is left alone: another ring may have it.
    async fn rewrap_one(&self, id: CaseId, wrapped: WrappedKey) -> Result<bool, Error> {
        let key = match self.0.ring.unwrap(&wrapped, id) {
            Ok(key) => key,
            Err(error) => {
                tracing::error!(case_id = %id, key = wrapped.key_id, %error, "a case key cannot be wrapped anew");
                return Ok(false);
            }
        };
        let fresh = self.0.ring.wrap(&key, id)?;
        let change = move |file: &mut CaseFile| {
            // It may have been destroyed, or wrapped anew by another replica, since it was read.
            let is_same = file.key.as_ref() == Some(&wrapped);
            if is_same {
                file.key = Some(fresh.clone());
            }
            Ok(is_same)
        };
        Ok(self.0.store.change(id, self.0.clock.now(), change).await?)
    }
}
