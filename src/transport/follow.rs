//! Follows the files of certificates and authorities, for as long as the process runs.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::live::{Reload, Reloaded};
use crate::telemetry::metrics;

/// Looks at all of them every so often. Never ends.
pub async fn follow(all: Vec<Arc<dyn Reload>>, every: Duration, now: impl Fn() -> Timestamp) {
    loop {
        for one in &all {
            if let Some(until) = one.valid_until() {
                metrics::certificate_valid_until(one.name(), until.as_second());
            }
        }
        tokio::time::sleep(every).await;
        for one in &all {
            let (one, at) = (Arc::clone(one), now());
            // Files may lie on a network's disk.
            let looked = tokio::task::spawn_blocking(move || (one.reload(at), one)).await;
            let Ok((reloaded, one)) = looked else { continue };
            match reloaded {
                Reloaded::Unchanged => {}
                Reloaded::Changed => {
                    tracing::info!(what = one.name(), valid_until = ?one.valid_until(), "certificates are reloaded");
                    metrics::certificates_reloaded(one.name(), "changed");
                }
                Reloaded::Refused(faults) => {
                    tracing::error!(what = one.name(), %faults, "changed certificates cannot be used: the old ones stay");
                    metrics::certificates_reloaded(one.name(), "refused");
                }
            }
        }
    }
}
