//! Makes up what people agreed to, and what they did with a shop's newsletters.

use fake::rand::{RngExt as _, rngs::StdRng};
use jiff::{SignedDuration, Timestamp};
use sea_orm::DatabaseTransaction;
use serde_json::json;

use super::{campaign_event, consent, contact};
use crate::demo::{Error, database, moment, people::Person};

/// This service's dice.
const PURPOSE: u64 = 2;

/// What consents are about.
pub(super) const PURPOSES: [&str; 3] = ["newsletter", "personal_offers", "surveys"];

/// What one can decide.
pub(super) const DECISIONS: [&str; 2] = ["given", "withdrawn"];

/// Where one can decide it.
pub(super) const CHANNELS: [&str; 3] = ["checkout", "web_form", "mail_link"];

/// What can happen to a mail.
pub(super) const KINDS: [&str; 5] = ["sent", "opened", "clicked", "forwarded", "bounced"];

const TOPICS: [&str; 6] = ["hiking", "climbing", "ski touring", "camping", "family", "sale"];

/// Campaign, subject line, link.
const CAMPAIGNS: [(&str, &str, &str); 6] = [
    ("spring-tours", "Where the snow is gone first", "/guides/spring-tours"),
    ("summer-sale", "Summer sale: tents and boots", "/sale"),
    ("hut-season", "The huts are open", "/guides/huts"),
    ("autumn-layers", "Three layers against the wind", "/guides/layers"),
    ("avalanche-course", "Places left: avalanche course", "/courses/avalanche"),
    ("gift-ideas", "Gifts for people who are never at home", "/gifts"),
];

/// The rows of some people, and the numbers that the next rows get.
#[derive(Default)]
struct Rows {
    contacts: Vec<contact::Model>,
    consents: Vec<consent::Model>,
    events: Vec<campaign_event::Model>,
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
        database::insert(tx, std::mem::take(&mut rows.contacts)).await?;
        database::insert(tx, std::mem::take(&mut rows.consents)).await?;
        database::insert(tx, std::mem::take(&mut rows.events)).await?;
    }
    Ok(())
}

fn add(rows: &mut Rows, person: &Person, now: Timestamp) {
    let mut dice = person.dice(PURPOSE);
    let first_topic = dice.random_range(0..TOPICS.len());
    let topics = if person.star { 3 } else { dice.random_range(1..=3) };
    let interests: Vec<&str> = TOPICS.iter().cycle().skip(first_topic).take(topics).copied().collect();
    let subscription = contact::Model {
        id: rows.number(0),
        subscriber_id: person.subscriber_id.clone(),
        email: person.email.clone(),
        restricted: false,
        name: person.name.clone(),
        language: person.language.clone(),
        interests: json!(interests).to_string(),
        subscribed_at: moment::text(person.joined_at),
    };
    rows.contacts.push(subscription);
    add_consents(rows, person, now, &mut dice);
    add_mails(rows, person, now, &mut dice);
}

/// Everybody agreed to the newsletter; some to more, and some took it back.
fn add_consents(rows: &mut Rows, person: &Person, now: Timestamp, dice: &mut StdRng) {
    for purpose in PURPOSES {
        let asked = purpose == PURPOSES[0] || person.star || dice.random_range(0..2) == 0;
        if !asked {
            continue;
        }
        let mut decided = person.joined_at;
        for decision in DECISIONS.into_iter().take(if dice.random_range(0..5) == 0 { 2 } else { 1 }) {
            let decision = consent::Model {
                id: rows.number(1),
                subscriber_id: person.subscriber_id.clone(),
                email: person.email.clone(),
                restricted: false,
                purpose: purpose.to_owned(),
                decision: decision.to_owned(),
                wording: format!("{purpose}/v{}", dice.random_range(1..=4)),
                channel: CHANNELS[dice.random_range(0..CHANNELS.len())].to_owned(),
                // 203.0.113.0/24 is reserved for documentation.
                ip_address: format!("203.0.113.{}", dice.random_range(1..255)),
                decided_at: moment::text(decided),
            };
            rows.consents.push(decision);
            decided = later(decided, dice.random_range(1..400 * 24)).min(now);
        }
    }
}

/// The mails of the last three years: older ones are cleared away by retention.
fn add_mails(rows: &mut Rows, person: &Person, now: Timestamp, dice: &mut StdRng) {
    let mails = if person.star { 36 } else { dice.random_range(2..12) };
    for mail in (1..=mails).rev() {
        let sent = later(now, -mail * 30 * 24);
        if sent < person.joined_at {
            continue;
        }
        let campaign = CAMPAIGNS[dice.random_range(0..CAMPAIGNS.len())];
        if dice.random_range(0..40) == 0 {
            add_event(rows, person, campaign, KINDS[4], sent);
            continue;
        }
        // Each step is taken by fewer people than the one before.
        for (hours, kind) in (0_i64..).zip(&KINDS[..4]) {
            add_event(rows, person, campaign, kind, later(sent, hours));
            if dice.random_range(0..3) == 0 {
                break;
            }
        }
    }
}

fn add_event(rows: &mut Rows, person: &Person, campaign: (&str, &str, &str), kind: &str, at: Timestamp) {
    let (campaign, subject_line, link) = campaign;
    let id = rows.number(2);
    rows.events.push(campaign_event::Model {
        id,
        subscriber_id: person.subscriber_id.clone(),
        restricted: false,
        campaign: campaign.to_owned(),
        subject_line: subject_line.to_owned(),
        kind: kind.to_owned(),
        link: (kind == KINDS[2]).then(|| link.to_owned()),
        friend_email: (kind == KINDS[3]).then(|| format!("friend.{id}@example.net")),
        happened_at: moment::text(at),
    });
}

fn later(moment: Timestamp, hours: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_hours(hours)).unwrap_or(moment)
}
