//! Finishes what was accepted: the work of a service that answers "working".
//!
//! Expected flow: woken, take the oldest unfinished task, do it and write its answer in one transaction, again until
//! there is none. A restart starts here too, so work that was cut off is simply found.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    database,
    service::{Service, Source, fault},
    task,
};
use crate::proto::downstream::v1::{Outcome, Working, get_task_response::Answer};

/// After how long rightful may ask again. Short, so that the demo does not wait.
const POLL_AFTER_NANOS: i32 = 200_000_000;

/// The pause after a failure of the database, which has no wake-up of its own.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// "Accepted, ask again."
pub(super) fn working() -> Working {
    Working { poll_after: Some(prost_types::Duration { seconds: 0, nanos: POLL_AFTER_NANOS }) }
}

/// Works until stopped. A change that has begun is finished first.
pub(super) async fn run<S: Source>(service: Service<S>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let pause = match work(&service).await {
            Ok(true) => continue,
            Ok(false) => None,
            Err(_logged) => Some(RETRY_AFTER),
        };
        let woken = async {
            match pause {
                None => service.woken().await,
                Some(pause) => tokio::time::sleep(pause).await,
            }
        };
        tokio::select! {
            () = woken => {}
            () = stop.cancelled() => {}
        }
    }
}

/// Does one task. False if there is none.
async fn work<S: Source>(service: &Service<S>) -> Result<bool, Status> {
    let Some(next) = task::unfinished(service.db()).await.map_err(fault)? else { return Ok(false) };
    let tx = database::begin(service.db()).await.map_err(fault)?;
    let answer = match next.work() {
        Some(work) => service.carry_out(&tx, &work).await?,
        // What cannot be decoded any more was not written by us.
        None => Answer::Outcome(Outcome::default()),
    };
    task::finished(&tx, &next.task_id, &answer).await.map_err(fault)?;
    tx.commit().await.map_err(|error| fault(error.into()))?;
    Ok(true)
}
