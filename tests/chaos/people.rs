//! Who is known where, out of the seed alone: the parent, the downstreams and every restart of them agree without a word.

use bytes::Bytes;
use rightful::proto::downstream::v1::{Ground, GroundCode};
use serde_json::json;

use crate::{
    chance::Chance,
    downstream::{Person, Profile, category, ground},
};

/// The downstreams. Billing turns an email into a customer id and must keep invoices; marketing knows the email;
/// analytics knows the customer id, holds many records and erases in the background; the album has files.
pub const SERVICES: [&str; 4] = ["billing", "marketing", "analytics", "album"];

/// In every identifier and record, so that it can be hunted for wherever nothing personal may be.
pub const CANARY: &str = "zq7canary7qz";

/// One person of so many has an album of more than one checkpoint.
const LARGE_EVERY: u64 = 40;
/// Bytes of a file in a large album; 24 of them are past the 8 MiB between two checkpoints.
const LARGE_FILE_BYTES: u64 = 512 << 10;
const LARGE_FILES: u64 = 24;

/// The identifier that every case is opened with.
pub fn email(seed: u64, number: u64) -> String {
    format!("{CANARY}.{number}.{:x}@example.org", seed & 0xffff)
}

/// The identifier that billing finds out.
pub fn customer_id(seed: u64, number: u64) -> String {
    format!("C-{CANARY}-{number}-{:x}", seed & 0xffff)
}

/// Nobody can turn this person's email into a customer id.
fn is_stranger(number: u64) -> bool {
    number % 23 == 7
}

/// What one service holds of one person, out of seed and number.
type Holding = fn(u64, u64, &Noise) -> Option<Person>;

/// The service of this name, with all that it holds of so many people.
pub fn profile(name: &str, seed: u64, people: u64) -> anyhow::Result<Profile> {
    let (empty, person): (Profile, Holding) = match name {
        "billing" => (billing(), billed),
        "marketing" => (marketing(), marketed),
        "analytics" => (analytics(), analysed),
        "album" => (album(), pictured),
        _ => anyhow::bail!("there is no service {name}"),
    };
    let noise = Noise::new(seed);
    Ok((0..people).filter_map(|number| person(seed, number, &noise)).fold(empty, Profile::person))
}

fn billing() -> Profile {
    let mut invoices = category("invoices");
    if let Some(retention) = &mut invoices.retention {
        "P7Y".clone_into(&mut retention.period);
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    let mut payment_methods = category("payment_methods");
    payment_methods.may_contain_credentials = true;
    Profile::new("billing", &["email", "customer_id"])
        .provides(&["customer_id"])
        .category(invoices)
        .category(payment_methods)
}

fn marketing() -> Profile {
    Profile::new("marketing", &["email"]).category(category("consents")).category(category("campaign_events"))
}

fn analytics() -> Profile {
    Profile::new("analytics", &["customer_id"]).category(category("page_events")).tokens(50)
}

fn album() -> Profile {
    Profile::new("album", &["customer_id"])
        .category(category("photos"))
        .category(category("comments"))
        .tokens(1)
}

fn billed(seed: u64, number: u64, _: &Noise) -> Option<Person> {
    if is_stranger(number) {
        return None;
    }
    let mut chance = Chance::new(seed ^ number, "billing");
    let (email, customer_id) = (email(seed, number), customer_id(seed, number));
    let person = Person::new(&[("email", &email), ("customer_id", &customer_id)]);
    let invoices = chance.between(0, 6);
    let person = (0..invoices).fold(person, |person, invoice| {
        let total = chance.between(100, 100_000);
        let keep = chance.once_in(2);
        person.record("invoices", &json!({ "number": invoice, "total": total, "keep": keep, "to": email }))
    });
    let credentials: Ground = ground(GroundCode::Credentials, "GDPR 15(4)");
    let person = person.record("payment_methods", &json!({ "kind": "card", "holder": email }));
    Some(person.withheld("payment_methods", "card number", 1, credentials))
}

fn marketed(seed: u64, number: u64, _: &Noise) -> Option<Person> {
    if number % 11 == 3 {
        return None;
    }
    let mut chance = Chance::new(seed ^ number, "marketing");
    let email = email(seed, number);
    let person =
        Person::new(&[("email", &email)]).record("consents", &json!({ "newsletter": true, "by": email }));
    let events = chance.between(0, 30);
    Some((0..events).fold(person, |person, event| {
        person.record("campaign_events", &json!({ "event": event, "opened": chance.once_in(3), "by": email }))
    }))
}

fn analysed(seed: u64, number: u64, _: &Noise) -> Option<Person> {
    if is_stranger(number) {
        return None;
    }
    let mut chance = Chance::new(seed ^ number, "analytics");
    let customer_id = customer_id(seed, number);
    let person = Person::new(&[("customer_id", &customer_id)]);
    let events = chance.between(20, 200);
    Some((0..events).fold(person, |person, event| {
        person.record(
            "page_events",
            &json!({ "event": event, "page": chance.between(0, 500), "by": customer_id }),
        )
    }))
}

fn pictured(seed: u64, number: u64, noise: &Noise) -> Option<Person> {
    if is_stranger(number) || number % 5 == 2 {
        return None;
    }
    let mut chance = Chance::new(seed ^ number, "album");
    let customer_id = customer_id(seed, number);
    let person = Person::new(&[("customer_id", &customer_id)])
        .record("comments", &json!({ "text": format!("{CANARY} was here"), "by": customer_id }));
    let (files, bytes) = if number % LARGE_EVERY == 5 {
        (LARGE_FILES, LARGE_FILE_BYTES)
    } else {
        (chance.between(0, 4), chance.between(1_000, 60_000))
    };
    Some((0..files).fold(person, |person, file| {
        person.file("photos", &format!("photo-{file}.jpg"), noise.piece(&mut chance, bytes))
    }))
}

/// Bytes that do not compress, of which files are pieces.
struct Noise(Bytes);

impl Noise {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, "noise");
        let bytes: Vec<u8> = (0..LARGE_FILE_BYTES / 4).flat_map(|_| chance.next().to_le_bytes()).collect();
        Self(Bytes::from(bytes))
    }

    /// So many bytes, at most half of what there is, from anywhere.
    fn piece(&self, chance: &mut Chance, bytes: u64) -> Bytes {
        let from = chance.between(0, self.0.len() as u64 - bytes);
        let place = |at: u64| usize::try_from(at).expect("it is within what is in memory");
        self.0.slice(place(from)..place(from + bytes))
    }
}

/// What a person asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Access,
    Erasure,
}

/// What this person asks for: each person has one case, so that no case is about what another one erases.
pub fn wish(seed: u64, number: u64) -> Wish {
    if Chance::new(seed ^ number, "wish").once_in(2) { Wish::Access } else { Wish::Erasure }
}
