//! Makes up what people bought at a small outdoor shop in Vienna.

use fake::rand::{RngExt as _, rngs::StdRng};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sea_orm::DatabaseTransaction;
use serde_json::json;

use super::{customer, invoice, payment, payment_method};
use crate::demo::{Error, database, moment, people::Person};

/// This service's dice.
const PURPOSE: u64 = 1;

/// What may become of a payment.
pub(super) const RESULTS: [&str; 2] = ["settled", "refunded"];

/// Article and price without tax, in cents.
const ARTICLES: [(&str, i64); 12] = [
    ("Hiking boots Hochalm", 15_825),
    ("Rain jacket Wetterstein", 20_742),
    ("Rope 9.5 mm, 60 m", 13_325),
    ("Climbing harness Grat", 5_792),
    ("Carabiner set, 6 pieces", 4_158),
    ("Trekking poles, carbon", 8_325),
    ("Headlamp 400 lm", 3_742),
    ("Sleeping bag -5 °C", 16_658),
    ("Tent for two, 1.9 kg", 29_075),
    ("Gas stove Brise", 4_575),
    ("Merino shirt", 5_408),
    ("Hut map, Hohe Tauern", 1_242),
];

/// The star orders every quarter or so.
const STAR_PAUSE_DAYS: i64 = 91;

/// The rows of some people, and the numbers that the next rows get.
#[derive(Default)]
struct Rows {
    customers: Vec<customer::Model>,
    invoices: Vec<invoice::Model>,
    payments: Vec<payment::Model>,
    methods: Vec<payment_method::Model>,
    next: [i64; 4],
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
        database::insert(tx, std::mem::take(&mut rows.customers)).await?;
        database::insert(tx, std::mem::take(&mut rows.invoices)).await?;
        database::insert(tx, std::mem::take(&mut rows.payments)).await?;
        database::insert(tx, std::mem::take(&mut rows.methods)).await?;
    }
    Ok(())
}

fn add(rows: &mut Rows, person: &Person, now: Timestamp) {
    let mut dice = person.dice(PURPOSE);
    let account = customer::Model {
        id: rows.number(0),
        customer_id: person.customer_id.clone(),
        email: person.email.clone(),
        restricted: false,
        name: person.name.clone(),
        phone: person.phone.clone(),
        street: person.street.clone(),
        postcode: person.postcode.clone(),
        city: person.city.clone(),
        country: person.country.clone(),
        language: person.language.clone(),
        joined_at: moment::text(person.joined_at),
    };
    rows.customers.push(account);

    let card = add_methods(rows, person, now, &mut dice);
    let pause_days = if person.star { STAR_PAUSE_DAYS } else { dice.random_range(120..500) };
    let mut issued = person.joined_at;
    let mut latest = None;
    while issued < now {
        latest = Some(rows.invoices.len());
        add_purchase(rows, person, issued, &card, &mut dice);
        issued = after(issued, pause_days + dice.random_range(-20..20));
    }
    if let Some(invoice) = latest.and_then(|index| rows.invoices.get_mut(index)) {
        invoice.document = Some(print(invoice));
    }
}

/// Adds the person's cards; answers how the preferred one is called on a payment.
fn add_methods(rows: &mut Rows, person: &Person, now: Timestamp, dice: &mut StdRng) -> String {
    let mut preferred = String::new();
    for place in 0..if person.star { 2 } else { dice.random_range(1..=2) } {
        let (brand, first) = [("Visa", 4), ("Mastercard", 5)][dice.random_range(0..2)];
        let card_number = format!("{first}{:015}", dice.random_range(0..1_000_000_000_000_000_u64));
        if place == 0 {
            preferred = format!("{brand} ending in {}", &card_number[12..]);
        }
        let expires = after(now, dice.random_range(60..1_200)).to_zoned(TimeZone::UTC);
        let method = payment_method::Model {
            id: rows.number(3),
            customer_id: person.customer_id.clone(),
            restricted: false,
            brand: brand.to_owned(),
            card_number,
            holder: person.name.to_uppercase(),
            expires: format!("{:04}-{:02}", expires.year(), expires.month()),
            preferred: place == 0,
            added_at: moment::text(after(person.joined_at, place * 20)),
        };
        rows.methods.push(method);
    }
    preferred
}

/// Adds an invoice and its payment.
fn add_purchase(rows: &mut Rows, person: &Person, issued: Timestamp, card: &str, dice: &mut StdRng) {
    let (mut lines, mut net_cents) = (Vec::new(), 0);
    for _ in 0..dice.random_range(1..=3) {
        let (article, unit_cents) = ARTICLES[dice.random_range(0..ARTICLES.len())];
        let quantity = if unit_cents < 6_000 { dice.random_range(1..=3) } else { 1 };
        net_cents += quantity * unit_cents;
        lines.push(json!({ "article": article, "quantity": quantity, "unit_cents": unit_cents }));
    }
    let tax_cents = net_cents / 5;
    let id = rows.number(1);
    let number = format!("{}-{id:06}", issued.to_zoned(TimeZone::UTC).year());
    let address = format!("{}, {} {}, {}", person.street, person.postcode, person.city, person.country);
    rows.invoices.push(invoice::Model {
        id,
        customer_id: person.customer_id.clone(),
        billed_email: person.email.clone(),
        restricted: false,
        number: number.clone(),
        issued_at: moment::text(issued),
        billed_name: person.name.clone(),
        billed_address: address,
        lines: json!(lines).to_string(),
        currency: "EUR".to_owned(),
        net_cents,
        tax_cents,
        total_cents: net_cents + tax_cents,
        document: None,
    });
    let payment = payment::Model {
        id: rows.number(2),
        customer_id: person.customer_id.clone(),
        restricted: false,
        invoice_number: number,
        // Minutes, not days: a payment never slips into the year after its invoice's by much.
        paid_at: moment::text(
            issued.checked_add(SignedDuration::from_mins(dice.random_range(1..30))).unwrap_or(issued),
        ),
        method: card.to_owned(),
        currency: "EUR".to_owned(),
        amount_cents: net_cents + tax_cents,
        reference: format!("fj_{:012x}", dice.random_range(0..1_u64 << 48)),
        result: RESULTS[usize::from(dice.random_range(0..40) == 0)].to_owned(),
    };
    rows.payments.push(payment);
}

/// The invoice as it went out by mail.
fn print(invoice: &invoice::Model) -> String {
    format!(
        "Alpenweg Ausrüstung GmbH, Neubaugasse 12, 1070 Wien\n\n\
         INVOICE {}\nissued {}\n\nTo\n  {}\n  {}\n\nNet    {} {}\nVAT    {} {}\nTotal  {} {}\n\n\
         Paid by card. Thank you, and good weather!\n",
        invoice.number,
        invoice.issued_at,
        invoice.billed_name,
        invoice.billed_address,
        euros(invoice.net_cents),
        invoice.currency,
        euros(invoice.tax_cents),
        invoice.currency,
        euros(invoice.total_cents),
        invoice.currency,
    )
}

fn euros(cents: i64) -> String {
    format!("{:>7}.{:02}", cents / 100, cents % 100)
}

fn after(moment: Timestamp, days: i64) -> Timestamp {
    moment.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(moment)
}
