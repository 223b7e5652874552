//! The people and services that most tests are about.

use rightful::proto::downstream::v1::GroundCode;
use serde_json::json;

use crate::puppet::{Person, Profile, category, ground};

/// How Ada is known to whoever opens a case.
pub const ADA: (&str, &str) = ("email", "ada@example.org");

/// A person with the identifier that everybody has of Ada.
pub fn ada(more: &[(&str, &str)]) -> Person {
    let mut identifiers = vec![ADA];
    identifiers.extend(more);
    Person::new(&identifiers)
}

/// Billing turns her email into a customer id; marketing knows her email; analytics knows the customer id only.
pub fn people_services() -> [Profile; 3] {
    let mut invoices = category("invoices");
    invoices.provided_by_subject = false;
    if let Some(retention) = &mut invoices.retention {
        retention.period = String::from("P7Y");
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    let mut payment_methods = category("payment_methods");
    payment_methods.may_contain_credentials = true;
    let billing = Profile::new("billing", &["email", "customer_id"])
        .provides(&["customer_id"])
        .category(invoices)
        .category(payment_methods)
        .person(
            ada(&[("customer_id", "C-1815")])
                .record("invoices", &json!({ "number": 9_007_199_254_740_993_u64, "keep": true }))
                .record("invoices", &json!({ "number": 2, "total": "12.50" }))
                .record("payment_methods", &json!({ "kind": "card" }))
                .file("invoices", "invoice-1.pdf", vec![0x25_u8; 100_000])
                .withheld("payment_methods", "card number", 1, ground(GroundCode::Credentials, "GDPR 15(4)")),
        );
    let marketing = Profile::new("marketing", &["email"])
        .provides(&["subscriber_id"])
        .category(category("consents"))
        .person(ada(&[("subscriber_id", "S-9")]).record("consents", &json!({ "newsletter": true })));
    let mut events = category("page_events");
    events.provided_by_subject = false;
    let analytics = Profile::new("analytics", &["customer_id", "device_id"])
        .category(events)
        .person(Person::new(&[("customer_id", "C-1815")]).records("page_events", 300));
    [billing, marketing, analytics]
}
