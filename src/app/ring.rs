//! Follows the key ring's file: an exchange of keys needs no restart.

use std::time::Duration;

use crate::vault::{Error, KeyRing, RingFile};

/// Takes over what has changed in the file, for as long as the process runs. What cannot be used changes nothing and is said
/// once.
pub(super) async fn follow(file: RingFile, ring: KeyRing, every: Duration) {
    let mut seen = file.content().unwrap_or_default();
    let mut was_there = true;
    loop {
        tokio::time::sleep(every).await;
        let content = match file.content() {
            Ok(content) => content,
            Err(error) => {
                if was_there {
                    tracing::error!(%error, "the key ring cannot be looked at: the keys that were read stay");
                }
                was_there = false;
                continue;
            }
        };
        was_there = true;
        if content != seen {
            if let Err(error) = renew(&file, &ring).await {
                tracing::error!(%error, "a changed key ring cannot be used: the keys that were read stay");
                if matches!(error, Error::Provider { .. }) {
                    // It may be back at the next look.
                    continue;
                }
            }
            seen = content;
        }
    }
}

async fn renew(file: &RingFile, ring: &KeyRing) -> Result<(), Error> {
    if ring.renew(&file.load().await?)? {
        tracing::info!(primary = ring.primary(), keys = ring.ids().len(), "the key ring is read again");
    }
    Ok(())
}
