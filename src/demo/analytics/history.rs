//! Makes up how people walked through a web shop.

use std::ops::RangeInclusive;

use fake::rand::{RngExt as _, rngs::StdRng};
use jiff::{SignedDuration, Timestamp};
use sea_orm::DatabaseTransaction;

use super::{device, page_event, session};
use crate::demo::{Error, database, moment, people::Person};

/// This service's dice.
const PURPOSE: u64 = 3;

/// What a device can be.
pub(super) const KINDS: [&str; 3] = ["phone", "laptop", "tablet"];

/// What one can do on a page.
pub(super) const EVENTS: [&str; 4] = ["view", "search", "add_to_basket", "checkout"];

/// Kind, system, browser.
const DEVICES: [(&str, &str, &str); 6] = [
    (KINDS[0], "Android 16", "Firefox"),
    (KINDS[0], "iOS 26", "Safari"),
    (KINDS[1], "Linux", "Firefox"),
    (KINDS[1], "Windows 11", "Edge"),
    (KINDS[1], "macOS 26", "Safari"),
    (KINDS[2], "iPadOS 26", "Safari"),
];

const PATHS: [&str; 10] = [
    "/",
    "/boots",
    "/boots/hochalm",
    "/jackets/wetterstein",
    "/tents",
    "/tents/two-person",
    "/guides/huts",
    "/sale",
    "/maps/hohe-tauern",
    "/account/orders",
];

const SEARCHES: [&str; 6] =
    ["light tent", "boots wide feet", "rope 60m", "rain jacket women", "merino", "map zillertal"];

const REFERRERS: [&str; 3] = [
    "https://search.example.com/",
    "https://hut-forum.example.org/thread/8817",
    "https://news.example.net/outdoor",
];

/// Visits in the last two years: enough of the star for a stream of many pages.
const STAR_VISITS: RangeInclusive<i64> = 60..=60;
const VISITS: RangeInclusive<i64> = 3..=9;

/// What somebody looks at in one visit.
const EVENTS_PER_VISIT: RangeInclusive<i64> = 8..=32;

/// Retention clears away what is older.
const DAYS_KEPT: i64 = 720;

/// The rows of some people, and the numbers that the next rows get.
#[derive(Default)]
struct Rows {
    devices: Vec<device::Model>,
    sessions: Vec<session::Model>,
    events: Vec<page_event::Model>,
    next: [i64; 3],
}

impl Rows {
    fn number(&mut self, table: usize) -> i64 {
        self.next[table] += 1;
        self.next[table]
    }
}

/// Writes the histories of all people.
pub(super) async fn write(tx: &DatabaseTransaction, people: &[Person], now: Timestamp) -> Result<(), Error> {
    let mut rows = Rows::default();
    for some in people.chunks(database::FILL_PEOPLE) {
        for person in some {
            add(&mut rows, person, now);
        }
        database::insert(tx, std::mem::take(&mut rows.devices)).await?;
        database::insert(tx, std::mem::take(&mut rows.sessions)).await?;
        database::insert(tx, std::mem::take(&mut rows.events)).await?;
    }
    Ok(())
}

fn add(rows: &mut Rows, person: &Person, now: Timestamp) {
    let mut dice = person.dice(PURPOSE);
    let oldest = later(now, -DAYS_KEPT * 86_400).max(person.joined_at);
    for device_id in &person.device_ids {
        let (kind, system, browser) = DEVICES[dice.random_range(0..DEVICES.len())];
        let device = device::Model {
            id: rows.number(0),
            device_id: device_id.clone(),
            customer_id: person.customer_id.clone(),
            restricted: false,
            kind: kind.to_owned(),
            system: system.to_owned(),
            browser: browser.to_owned(),
            first_seen_at: moment::text(oldest),
        };
        rows.devices.push(device);
    }
    let visits = dice.random_range(if person.star { STAR_VISITS } else { VISITS });
    let pause_seconds = (now.as_second() - oldest.as_second()) / (visits + 1);
    for visit in 1..=visits {
        let jitter = dice.random_range(0..3_600);
        add_visit(rows, person, later(oldest, visit * pause_seconds - jitter), &mut dice);
    }
}

fn add_visit(rows: &mut Rows, person: &Person, started: Timestamp, dice: &mut StdRng) {
    let device_id = &person.device_ids[dice.random_range(0..person.device_ids.len())];
    let id = rows.number(1);
    let mut at = started;
    for _ in 0..dice.random_range(EVENTS_PER_VISIT) {
        let kind = match dice.random_range(0..12) {
            0 | 1 => EVENTS[1],
            2 => EVENTS[2],
            3 => EVENTS[3],
            _ => EVENTS[0],
        };
        let dwell_ms = dice.random_range(900..90_000);
        let event = page_event::Model {
            id: rows.number(2),
            device_id: device_id.clone(),
            restricted: false,
            session: id,
            kind: kind.to_owned(),
            path: PATHS[dice.random_range(0..PATHS.len())].to_owned(),
            search: (kind == EVENTS[1]).then(|| SEARCHES[dice.random_range(0..SEARCHES.len())].to_owned()),
            dwell_ms,
            happened_at: moment::text(at),
        };
        rows.events.push(event);
        at = later(at, dwell_ms / 1_000 + 1);
    }
    let referrer = (dice.random_range(0..2) == 0).then(|| REFERRERS[dice.random_range(0..REFERRERS.len())]);
    rows.sessions.push(session::Model {
        id,
        device_id: device_id.clone(),
        customer_id: person.customer_id.clone(),
        restricted: false,
        entry_path: PATHS[dice.random_range(0..PATHS.len())].to_owned(),
        referrer: referrer.map(str::to_owned),
        // 198.51.100.0/24 is reserved for documentation.
        ip_network: "198.51.100.0/24".to_owned(),
        country: person.country.clone(),
        started_at: moment::text(started),
        ended_at: moment::text(at),
    });
}

fn later(moment: Timestamp, seconds: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(moment)
}
