//! Pause and resume: a person stops a downstream's lane for all replicas, and lets it go on.
//!
//! **Guarantees.** Durable when it answers. Calls that are under way end; none begins until the lane is resumed. Cases
//! that fall due meanwhile are settled without the downstream, and say so.

use super::{DownstreamView, Engine, Error, directory::unknown};
use crate::domain::{Lane, lane::Pause};

impl Engine {
    /// Stops calling a downstream. Pausing it again keeps the time of the first pause and takes the new note.
    pub async fn pause(&self, name: &str, note: String) -> Result<DownstreamView, Error> {
        let now = self.0.clock.now();
        self.change_lane(name, move |lane| {
            let at = lane.pause.as_ref().map_or(now, |pause| pause.at);
            lane.pause = Some(Pause { at, note: note.clone() });
        })
        .await
    }

    /// Calls it again, and forgets what was held against it: whoever resumes it has mended it.
    pub async fn resume(&self, name: &str) -> Result<DownstreamView, Error> {
        self.change_lane(name, |lane| {
            lane.pause = None;
            lane.answered();
        })
        .await
    }

    async fn change_lane(
        &self,
        name: &str,
        change: impl FnMut(&mut Lane) + Send + 'static,
    ) -> Result<DownstreamView, Error> {
        if !self.0.registry.knows(name) {
            return Err(unknown(name));
        }
        let lane = self.0.store.change_lane(name, change).await?;
        self.0.directory.see_lane(name, lane);
        self.downstream(name).await
    }
}
