//! Sweep: what dead attempts of a settled case left in the storage goes.
//!
//! **Expected flow.** Settling a case with an export asks for this some leases later: whoever lost a lease, because its
//! process was frozen or cut off, may still have been writing when the case was settled.
//!
//! **Guarantees.** What the export needs stays, and so does what a retry writes: only attempts that began around the
//! settling or before it are swept. A crash repeats the sweep.
//!
//! **Assumptions.** Nobody is frozen for longer than that and goes on writing. What is left by one that is goes when the
//! case expires.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{Engine, Error, settle};
use crate::{
    domain::CaseWork,
    store::{CaseFile, StoredCase},
};

/// Leases from the settling to the sweep. A worker gives up within one after it went silent; the rest is for clocks that
/// differ and for calls to the storage that were under way.
const LEASES: i32 = 3;

impl Engine {
    /// When a case that settles now is to be swept.
    pub(super) fn sweep_at(&self) -> Timestamp {
        self.0.clock.now().saturating_add(self.0.settings.lease * LEASES).unwrap_or(Timestamp::MAX)
    }

    /// Deletes all objects of the case but those of its export.
    pub(super) async fn sweep(&self, stored: &StoredCase, token: Uuid) -> Result<(), Error> {
        let keep = match self.0.store.manifest(stored.case.id).await? {
            Some(sealed) => settle::open_manifest(&self.case_key(stored)?, &sealed)?.objects(),
            None => BTreeSet::new(),
        };
        let settled_at = stored.case.settled_at.unwrap_or(Timestamp::MIN);
        let before = first_id_after(settled_at, self.0.settings.lease);
        self.0.storage.keep_only(stored.case.id, &keep, before).await?;
        self.change_case(stored.case.id, token, |file: &mut CaseFile| {
            file.work = file.case.expires_at.map(|at| (CaseWork::Expire, at));
            file.attempts = 0;
            Ok(())
        })
        .await
    }
}

/// A UUIDv7 is its milliseconds first (RFC 9562, 5.7): the least of those that are made a lease after `at`. Attempts of
/// a retry have greater ones, even if their clock is behind, for they begin after the sweep was claimed.
pub(super) fn first_id_after(at: Timestamp, lease: SignedDuration) -> Uuid {
    let millis = at.saturating_add(lease).unwrap_or(Timestamp::MAX).as_millisecond();
    Uuid::from_u128(u128::from(millis.unsigned_abs()) << 80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    #[test]
    fn ids_of_attempts_before_and_after_are_told_apart() {
        let now = SystemClock.now();
        let (lease, id) = (SignedDuration::from_secs(2), SystemClock.new_id());
        assert!(id < first_id_after(now, lease), "an attempt that began with the settling is swept");
        let long_ago = now.saturating_sub(SignedDuration::from_secs(6)).unwrap();
        assert!(id > first_id_after(long_ago, lease), "one that began when the sweep was due is not");
    }
}
