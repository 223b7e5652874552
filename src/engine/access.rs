//! Access: whose a case is, and which calls were denied.

use uuid::Uuid;

use super::{Denied, Engine, Error};
use crate::domain::{CaseId, Denial};

impl Engine {
    /// Fails as if there were no such case, unless this caller opened it, or joined it.
    pub async fn must_be_of(&self, id: CaseId, caller: &str) -> Result<(), Error> {
        let is_own =
            self.stored(id).await?.case.caller == caller || self.0.store.has_joined(caller, id).await?;
        if is_own { Ok(()) } else { Err(Error::NotFound { resource: "case", id: id.to_string() }) }
    }

    /// Keeps what was denied.
    pub async fn keep_denials(&self, denied: Vec<Denied>) -> Result<(), Error> {
        let row = |denied: Denied| Denial {
            id: self.0.clock.new_id(),
            at: denied.at,
            caller: denied.caller,
            address: denied.address,
            rpc: denied.rpc.to_owned(),
            reason: denied.reason.to_owned(),
            count: denied.count,
        };
        let rows: Vec<Denial> = denied.into_iter().map(row).collect();
        Ok(self.0.store.add_denials(&rows).await?)
    }

    /// At most `size` denials, newest first, after the one of this id; and whether there are more.
    pub async fn denials(&self, after: Option<Uuid>, size: u32) -> Result<(Vec<Denial>, bool), Error> {
        let mut found = self.0.store.denials(after, u64::from(size) + 1).await?;
        let more = found.len() > size as usize;
        found.truncate(size as usize);
        Ok((found, more))
    }
}
