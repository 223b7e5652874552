//! The people of the demo: generated, believable, and the same for the same seed.

use std::fmt;

use fake::{
    Fake as _,
    faker::{
        address::raw::StreetName,
        name::raw::{FirstName, LastName},
    },
    locales::{DE_DE, Data, EN, FR_FR, IT_IT, NL_NL},
    rand::{RngExt as _, SeedableRng as _, rngs::StdRng},
};
use jiff::{SignedDuration, Timestamp};

/// One generated person, as all three sample services know them.
#[derive(Clone)]
pub struct Person {
    /// The name in full.
    pub name: String,
    /// Known to billing and marketing. Unique; always in a domain that is reserved for examples.
    pub email: String,
    /// E.164.
    pub phone: String,
    /// Known to billing and analytics. Unique.
    pub customer_id: String,
    /// Known to marketing. Unique.
    pub subscriber_id: String,
    /// Known to analytics: one to three.
    pub device_ids: Vec<String>,
    /// Street and house number.
    pub street: String,
    /// The postal code in the form of the country.
    pub postcode: String,
    /// The city.
    pub city: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// BCP 47 language.
    pub language: String,
    /// When the person became a customer.
    pub joined_at: Timestamp,
    /// How much there is to tell about the person: the first one generated has the richest history.
    pub(super) star: bool,
    /// What the services roll their parts of the person's history from.
    pub(super) seed: u64,
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Person").finish_non_exhaustive()
    }
}

impl Person {
    /// Dice of the person's own for one `purpose`, so that no service's history depends on another's.
    pub(super) fn dice(&self, purpose: u64) -> StdRng {
        StdRng::seed_from_u64(self.seed ^ purpose.wrapping_mul(SPREAD))
    }
}

/// The odd constant of the golden ratio: neighbouring numbers land far apart.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The star joined nine and a half years ago: some invoices are older than any seven-year period, most are not.
const STAR_JOINED_DAYS: i64 = 3_470;

/// A place where customers live: language, country, calling code, city, postal code.
type Place = (&'static str, &'static str, &'static str, &'static str, &'static str);

const PLACES: [Place; 14] = [
    ("de", "AT", "43", "Wien", "1070"),
    ("de", "AT", "43", "Graz", "8010"),
    ("de", "AT", "43", "Salzburg", "5020"),
    ("de", "DE", "49", "Berlin", "10437"),
    ("de", "DE", "49", "Leipzig", "04229"),
    ("de", "DE", "49", "München", "80469"),
    ("fr", "FR", "33", "Lyon", "69004"),
    ("fr", "FR", "33", "Nantes", "44000"),
    ("it", "IT", "39", "Bologna", "40126"),
    ("it", "IT", "39", "Trento", "38122"),
    ("nl", "NL", "31", "Utrecht", "3512 JC"),
    ("nl", "NL", "31", "Groningen", "9712 HX"),
    ("en", "IE", "353", "Galway", "H91 E2K3"),
    ("en", "IE", "353", "Cork", "T12 X2AF"),
];

/// Generates `n` people. The same seed gives the same people in the same order, however many are asked for; only
/// their dates move with `now`.
pub fn generate(seed: u64, n: usize, now: Timestamp) -> Vec<Person> {
    (0_u64..).take(n).map(|index| person(seed, index, now)).collect()
}

fn person(seed: u64, index: u64, now: Timestamp) -> Person {
    let seed = seed.wrapping_add(index.wrapping_mul(SPREAD));
    let mut dice = StdRng::seed_from_u64(seed);
    let (language, country, calling_code, city, postcode) = PLACES[dice.random_range(0..PLACES.len())];
    let (first, last, street) = match language {
        "de" => names(DE_DE, &mut dice),
        "fr" => names(FR_FR, &mut dice),
        "it" => names(IT_IT, &mut dice),
        "nl" => names(NL_NL, &mut dice),
        _ => names(EN, &mut dice),
    };
    // German and Dutch write the street in one word.
    let street = if matches!(language, "de" | "nl") { street.replace(' ', "") } else { street };
    let domain = ["example.com", "example.org", "example.net"][dice.random_range(0..3)];
    let star = index == 0;
    let devices = if star { 3 } else { dice.random_range(1..=3) };
    let joined_days = if star { STAR_JOINED_DAYS } else { dice.random_range(30..3_400) };
    Person {
        // The number keeps addresses unique among namesakes.
        email: format!("{}.{}.{}@{domain}", plain(&first), plain(&last), index + 1),
        name: format!("{first} {last}"),
        phone: format!("+{calling_code}555{:06}", dice.random_range(0..1_000_000)),
        // 48,271 is prime to the modulus: numbers look random and repeat after a hundred million people only.
        customer_id: format!("C-{:08}", (index.wrapping_mul(48_271).wrapping_add(10_472_901)) % 100_000_000),
        subscriber_id: format!("sub_{:016x}", dice.random::<u64>()),
        device_ids: (0..devices)
            .map(|_| uuid::Builder::from_random_bytes(dice.random()).into_uuid().to_string())
            .collect(),
        street: format!("{street} {}", dice.random_range(1..120)),
        postcode: postcode.to_owned(),
        city: city.to_owned(),
        country: country.to_owned(),
        language: language.to_owned(),
        joined_at: ago(now, joined_days * 86_400 + dice.random_range(0..86_400)),
        star,
        seed,
    }
}

fn names<L: Data + Copy>(locale: L, dice: &mut StdRng) -> (String, String, String) {
    (
        FirstName(locale).fake_with_rng(dice),
        LastName(locale).fake_with_rng(dice),
        StreetName(locale).fake_with_rng(dice),
    )
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now)
}

/// A name as it stands in a mail address: lower-case ASCII letters and digits.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for letter in name.to_lowercase().chars() {
        match letter {
            'a'..='z' | '0'..='9' => plain.push(letter),
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'ß' => plain.push_str("ss"),
            'à' | 'á' | 'â' | 'å' => plain.push('a'),
            'è' | 'é' | 'ê' | 'ë' => plain.push('e'),
            'ì' | 'í' | 'î' | 'ï' => plain.push('i'),
            'ò' | 'ó' | 'ô' => plain.push('o'),
            'ù' | 'ú' | 'û' => plain.push('u'),
            'ç' => plain.push('c'),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-20T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_people() {
        let (few, many) = (generate(7, 5, now()), generate(7, 50, now()));
        for (one, same) in few.iter().zip(&many) {
            assert_eq!((&one.email, &one.device_ids), (&same.email, &same.device_ids));
        }
        assert_ne!(few[0].email, generate(8, 1, now())[0].email);
    }

    #[test]
    fn nobody_shares_an_identifier() {
        let people = generate(1, 2_000, now());
        let mut seen = HashSet::new();
        for person in &people {
            for identifier in [&person.email, &person.customer_id, &person.subscriber_id]
                .into_iter()
                .chain(&person.device_ids)
            {
                assert!(seen.insert(identifier.clone()));
            }
        }
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", generate(1, 1, now())[0]), "Person { .. }");
    }
}
