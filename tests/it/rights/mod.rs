//! Rectification, restriction, objection and consent withdrawal: done, proven or stated, and said in the receipt.

mod disturbed;
mod objection;
mod rectification;
mod restriction;
mod withdrawal;

use rightful::proto::{
    downstream::v1::{Category, CategoryOutcome, LegalBasis, Recipient, Right, Use},
    v1::{Case, CaseState, Correction, OpenCaseRequest, TaskKind},
};
use serde_json::{Value, json};

use crate::{
    harness::{ADA, World, ada, opening},
    puppet::{Method, Person, Profile, category},
};

/// The rights of this room, with what they ask of a downstream.
const RIGHTS: [(Right, TaskKind, Method); 4] = [
    (Right::Rectification, TaskKind::Rectify, Method::Rectify),
    (Right::Restriction, TaskKind::Restrict, Method::Restrict),
    (Right::Objection, TaskKind::Object, Method::Object),
    (Right::ConsentWithdrawal, TaskKind::WithdrawConsent, Method::WithdrawConsent),
];

/// The value that is wrong, and the one that is right. They must be nowhere but in records.
const WRONG: &str = "Eda Lovelace zq1";
const RIGHT_NAME: &str = "Ada Lovelace zq2";

/// A CRM that knows the customer id, a shop that needs it, and a newsletter that rests on consent.
fn services() -> [Profile; 3] {
    let mut contacts = category("contacts");
    contacts.recipients.push(Recipient { name: "Call Centre Ltd".into(), ..Recipient::default() });
    let crm = Profile::new("crm", &["email"])
        .provides(&["customer_id"])
        .category(contacts.clone())
        .category(category("orders"))
        .person(
            ada(&[("customer_id", "C-1815")])
                .record("contacts", &json!({ "name": WRONG, "city": "London" }))
                .record("contacts", &json!({ "name": WRONG, "nick": "a" }))
                .record("contacts", &json!({ "name": "Somebody else" }))
                .records("orders", 3),
        );
    let shop = Profile::new("shop", &["customer_id"]).category(contacts).person(
        Person::new(&[("customer_id", "C-1815")])
            .record("contacts", &json!({ "name": WRONG }))
            .record("contacts", &json!({ "name": WRONG, "fixed": true })),
    );
    let news = Profile::new("news", &["email"])
        .category(consented("subscriptions", &["newsletter", "offers"]))
        .category(consented("clicks", &["offers"]))
        .category(category("invoices"))
        .person(ada(&[]).records("subscriptions", 1).records("clicks", 5).records("invoices", 2));
    [crm, shop, news]
}

/// A category that rests on consent.
fn consented(name: &str, purposes: &[&str]) -> Category {
    Category {
        legal_basis: LegalBasis::Consent.into(),
        purposes: purposes.iter().map(|&purpose| purpose.into()).collect(),
        ..category(name)
    }
}

/// "This name is wrong."
fn rename(old: &str) -> Correction {
    Correction {
        category: "contacts".into(),
        field: "/name".into(),
        old_json: if old.is_empty() { String::new() } else { json!(old).to_string() },
        new_json: json!(RIGHT_NAME).to_string(),
        ..Correction::default()
    }
}

/// A good request for the right.
fn asking(right: Right) -> OpenCaseRequest {
    let mut request = opening(right, &[ADA]);
    match right {
        Right::Rectification => request.corrections = vec![rename(WRONG)],
        Right::Objection => request.uses = vec![Use::Profiling.into()],
        _ => {}
    }
    request
}

/// An outcome that says that so many records of a category were put right.
fn rectified(category: &str, rectified: u64) -> CategoryOutcome {
    CategoryOutcome { category: category.into(), rectified, ..CategoryOutcome::default() }
}

/// Opens a case and waits until it is settled.
async fn run(world: &World, request: OpenCaseRequest) -> Case {
    let case = world.open(request).await;
    let case = world.settled(&case.case_id).await;
    assert_eq!(case.state(), CaseState::Completed, "{case:#?}");
    case
}

/// What the receipt says of a downstream.
fn of<'a>(receipt: &'a Value, downstream: &str) -> &'a Value {
    let all = receipt["downstreams"].as_array().expect("the receipt lists the downstreams");
    all.iter().find(|one| one["name"] == downstream).expect("it names every downstream")
}

/// What it says of a category there.
fn category_of<'a>(receipt: &'a Value, downstream: &str, category: &str) -> &'a Value {
    let all = of(receipt, downstream)["categories"].as_array().expect("it lists the categories");
    all.iter().find(|one| one["name"] == category).expect("it names every category")
}

/// The records of a category at a downstream.
fn records(world: &World, downstream: &str, category: &str) -> Vec<Value> {
    let people = world.puppet(downstream).people();
    let of = people.into_iter().flat_map(|person| person.records).filter(|(of, _)| of == category);
    of.map(|(_, json)| serde_json::from_slice(&json).expect("tests write JSON")).collect()
}
