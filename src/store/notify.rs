//! Wake-ups between replicas, over PostgreSQL's LISTEN and NOTIFY.
//!
//! **Expected flow.** After its commits a replica tells the others what may have become due or was changed; what several
//! commits have to tell in the meantime goes out as one message. NOTIFY inside of the transactions themselves would take
//! a lock over the whole cluster at each commit, and make them wait for each other.
//!
//! **Guarantees.** None that anything hangs on: what is lost is found by the poll. After a broken connection everybody is
//! woken once.

use std::{sync::Weak, time::Duration};

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DbBackend, Statement,
    sqlx::postgres::{PgListener, PgNotification},
};
use uuid::Uuid;

use super::wake::{Rings, Wakes};
use crate::domain::CaseId;

/// The channel.
const CHANNEL: &str = "rightful_wake";
/// PostgreSQL takes less than 8,000 bytes a message. What does not fit becomes "all of them".
const PAYLOAD_BYTES_MAX: usize = 7_500;
/// After a broken connection: until the next try.
const AGAIN: Duration = Duration::from_secs(1);
/// Stands for all.
const ALL: &str = "*";

/// Listens and tells until the last handle of the store is dropped.
pub(super) fn spawn(url: &str, connection: DatabaseConnection, wakes: &std::sync::Arc<Wakes>, replica: Uuid) {
    let replica = replica.simple().to_string();
    tokio::spawn(tell(connection, std::sync::Arc::downgrade(wakes), replica.clone()));
    tokio::spawn(listen(url.to_owned(), std::sync::Arc::downgrade(wakes), replica));
}

async fn tell(connection: DatabaseConnection, wakes: Weak<Wakes>, replica: String) {
    while let Some(wakes) = wakes.upgrade() {
        let Ok(rings) = tokio::time::timeout(AGAIN, wakes.outgoing()).await else { continue };
        let payload = encode(&replica, &rings);
        let values = [CHANNEL.into(), payload.into()];
        let statement =
            Statement::from_sql_and_values(DbBackend::Postgres, "SELECT pg_notify($1, $2)", values);
        // If it is lost, the others' polls find what it was about.
        if let Err(error) = connection.execute_raw(statement).await {
            tracing::debug!(%error, "the other replicas were not told");
        }
    }
}

async fn listen(url: String, wakes: Weak<Wakes>, replica: String) {
    while wakes.strong_count() > 0 {
        if let Err(error) = hear(&url, &wakes, &replica).await {
            tracing::debug!(%error, "the other replicas are not heard");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn hear(url: &str, wakes: &Weak<Wakes>, replica: &str) -> Result<(), sea_orm::sqlx::Error> {
    let mut listener = PgListener::connect(url).await?;
    listener.listen(CHANNEL).await?;
    // Something may have been told while nobody listened.
    let mut rings = Some(Rings::all());
    loop {
        let Some(wakes) = wakes.upgrade() else { return Ok(()) };
        if let Some(rings) = rings.take() {
            wakes.ring(&rings);
        }
        drop(wakes);
        rings = match tokio::time::timeout(AGAIN, listener.try_recv()).await {
            // A look at whether the store is still there.
            Err(_) => None,
            Ok(heard) => heard?.map_or_else(|| Some(Rings::all()), |heard| decode(replica, &heard)),
        };
    }
}

/// `replica|w|billing,marketing|case,case|n`.
fn encode(replica: &str, rings: &Rings) -> String {
    let work = if rings.work { "w" } else { "" };
    let notices = if rings.notices { "n" } else { "" };
    let mut room = PAYLOAD_BYTES_MAX;
    let mut list = |all: bool, names: Vec<String>| {
        let text = names.join(",");
        if all || text.len() > room {
            return ALL.to_owned();
        }
        room -= text.len();
        text
    };
    let lanes = list(rings.every_lane, rings.lanes.iter().cloned().collect());
    let cases = list(rings.any_case, rings.cases.iter().map(|case| case.0.simple().to_string()).collect());
    format!("{replica}|{work}|{lanes}|{cases}|{notices}")
}

/// Absent for what this replica said itself, and for what it does not understand: a later version may say more.
fn decode(replica: &str, heard: &PgNotification) -> Option<Rings> {
    decode_text(replica, heard.payload())
}

fn decode_text(replica: &str, payload: &str) -> Option<Rings> {
    let mut fields = payload.split('|');
    let (from, work, lanes, cases) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    // A version before this one says nothing of notices.
    let notices = fields.next() == Some("n");
    if from == replica {
        return None;
    }
    let names = |text: &str| -> Vec<String> {
        text.split(',').filter(|name| !name.is_empty() && *name != ALL).map(str::to_owned).collect()
    };
    Some(Rings {
        work: work == "w",
        unplaced: false,
        notices,
        every_lane: lanes == ALL,
        lanes: names(lanes).into_iter().collect(),
        any_case: cases == ALL,
        cases: names(cases).iter().filter_map(|text| Uuid::try_parse(text).ok()).map(CaseId).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(lanes: &[&str], cases: u128) -> Rings {
        Rings {
            lanes: lanes.iter().map(|lane| (*lane).to_owned()).collect(),
            cases: (0..cases).map(|number| CaseId(Uuid::from_u128(number))).collect(),
            work: true,
            notices: true,
            ..Rings::default()
        }
    }

    #[test]
    fn what_one_says_the_others_hear() {
        let said = rings(&["billing", "marketing"], 3);
        let text = encode("me", &said);
        assert_eq!(decode_text("you", &text), Some(said));
        assert_eq!(decode_text("me", &text), None, "not one's own words");
        assert_eq!(decode_text("you", "x|"), None);
    }

    #[test]
    fn too_much_becomes_all() {
        let text = encode("me", &rings(&["billing"], 1_000));
        assert!(text.len() < 8_000);
        let heard = decode_text("you", &text).unwrap();
        assert!(heard.any_case && heard.cases.is_empty() && !heard.every_lane);
    }
}
