//! The courier: brings notices to one webhook. Couriers share nothing, so a dead receiver holds up no other.
//!
//! **Expected flow.** Claim what the webhook has not taken, send several at once, and record what came of them together.
//! After a failure the webhook rests, with full jitter and at least for what it asked for (`Retry-After`); then one notice
//! at a time finds out whether it is back.
//!
//! **Guarantees.** At least once: a notice is forgotten only after a 2xx was read and recorded. A process that dies in
//! between sends it again, under the same `webhook-id`. One that is not taken in its time is given up, and said so. A
//! receiver that answers 410 is not called any more until somebody enables it or its URL changes.
//!
//! **Assumptions.** Receivers know notices by their ids: they may come twice, and out of order after a failure.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{Engine, Error};
use crate::{
    notice::{Answer, Webhook},
    store::{Delivered, Delivery, DeliveryClaim, Ending},
    telemetry::metrics,
};

/// Notices that are sent to one receiver at once, by one replica.
const SENT_AT_ONCE: usize = 16;
/// A lease lasts for this, on top of the time that the receiver has for its answer.
const RECORDS_WITHIN: SignedDuration = SignedDuration::from_secs(2);

/// Runs until `stop`, then lets what is under way end.
pub(super) async fn run(engine: Engine, webhook: Arc<Webhook>, stop: CancellationToken) {
    let mut noticed = engine.0.store.wakes().notices();
    let mut sending = JoinSet::new();
    while !stop.is_cancelled() {
        let free = SENT_AT_ONCE - sending.len();
        let look = match claim(&engine, &webhook, free, &mut sending).await {
            Ok(look) => look,
            Err(error) => {
                error.say("notices cannot be claimed");
                engine.poll_end()
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            _ = noticed.changed(), if sending.len() < SENT_AT_ONCE => {}
            () = engine.0.clock.until(look) => {}
            Some(sent) = sending.join_next() => record(&engine, &webhook, sent.ok(), &mut sending).await,
        }
    }
    while let Some(sent) = sending.join_next().await {
        record(&engine, &webhook, sent.ok(), &mut sending).await;
    }
}

/// Claims what can be sent now, and answers when to look again.
async fn claim(
    engine: &Engine,
    webhook: &Arc<Webhook>,
    free: usize,
    sending: &mut JoinSet<Delivered>,
) -> Result<Timestamp, Error> {
    let (shared, settings, poll) = (&engine.0, webhook.settings(), engine.poll_end());
    if free == 0 {
        return Ok(poll);
    }
    let now = shared.clock.now();
    let Some(next) = shared.store.next_delivery(&settings.name).await? else {
        metrics::notices_waiting(&settings.name, SignedDuration::ZERO);
        return Ok(poll);
    };
    let oldest = shared.store.oldest_undelivered(&settings.name).await?;
    metrics::notices_waiting(
        &settings.name,
        oldest.map_or(SignedDuration::ZERO, |at| now.duration_since(at)),
    );
    if next > now {
        return Ok(next.min(poll));
    }
    let token = shared.clock.new_id();
    let lease = SignedDuration::try_from(settings.timeout).unwrap_or(RECORDS_WITHIN) + RECORDS_WITHIN;
    let claim = DeliveryClaim {
        webhook: settings.name.clone(),
        now,
        until: now.saturating_add(lease).unwrap_or(Timestamp::MAX),
        token,
        wanted: u32::try_from(free).unwrap_or(u32::MAX),
    };
    let (claimed, held_until) = shared.store.claim_deliveries(claim).await?;
    for delivery in claimed {
        sending.spawn(send(engine.clone(), Arc::clone(webhook), delivery, token));
    }
    Ok(held_until.map_or(poll, |until| until.min(poll)))
}

/// Sends a notice, and says what that came to.
async fn send(engine: Engine, webhook: Arc<Webhook>, delivery: Delivery, token: Uuid) -> Delivered {
    let Delivery { notice, attempts } = delivery;
    let answer = webhook.send(&notice, engine.0.clock.now()).await;
    let name = &webhook.settings().name;
    let now = engine.0.clock.now();
    let ending = match answer {
        Answer::Taken => {
            metrics::notice_sent(name, "taken");
            Ending::Taken
        }
        Answer::Gone => {
            metrics::notice_sent(name, "gone");
            tracing::error!(webhook = %name, "the receiver is gone: it is not called any more");
            Ending::Gone
        }
        Answer::NotTaken { error, .. } if is_over(notice.at, webhook.settings().deliver_within, now) => {
            metrics::notice_sent(name, "given_up");
            tracing::error!(webhook = %name, notice_id = %notice.id, %error, "a notice was not taken in its time");
            Ending::GivenUp { error }
        }
        Answer::NotTaken { error, retry_after } => {
            metrics::notice_sent(name, "not_taken");
            tracing::warn!(webhook = %name, notice_id = %notice.id, attempts, %error, "a notice was not taken");
            let after = |pause| now.saturating_add(pause).unwrap_or(Timestamp::MAX);
            let retry = engine.0.settings.retry;
            let at = after(retry.pause(attempts + 1, engine.0.clock.chance(), retry_after));
            let held_until = after(retry.pause(1, engine.0.clock.chance(), retry_after));
            Ending::Again { at, held_until, error }
        }
    };
    Delivered { sequence: notice.sequence, token, ending }
}

fn is_over(at: Timestamp, within: SignedDuration, now: Timestamp) -> bool {
    at.saturating_add(within).is_ok_and(|end| now >= end)
}

/// Records one sending and all others that have ended by now, in one transaction.
async fn record(
    engine: &Engine,
    webhook: &Webhook,
    first: Option<Delivered>,
    sending: &mut JoinSet<Delivered>,
) {
    let mut delivered: Vec<Delivered> = first.into_iter().collect();
    while let Some(sent) = sending.try_join_next() {
        delivered.extend(sent.ok());
    }
    let now = engine.0.clock.now();
    let name = &webhook.settings().name;
    if let Err(error) = engine.0.store.record_deliveries(name, now, delivered).await {
        Error::from(error).say("what became of notices is not recorded: they are sent again");
    }
}
