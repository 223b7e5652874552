//! Grounds, directives and identifiers, there and back.

use super::*;
use crate::domain::{DirectiveSource, Period};

fn directive(category: &str) -> Directive {
    Directive {
        category: category.into(),
        action: Action::Erase,
        ground: None,
        period: None,
        source: DirectiveSource::Default,
    }
}

fn law() -> v1::Ground {
    v1::Ground {
        code: v1::GroundCode::LegalObligation.into(),
        source: "HGB § 257".into(),
        note: "Invoices are kept.".into(),
    }
}

#[test]
fn every_ground_comes_back_as_it_went() {
    for code in GroundCode::ALL {
        let there = Ground { code: *code, source: "a law".into(), note: String::new() };
        assert_eq!(ground(Some(ground_message(&there))), Ok(there));
    }
}

#[test]
fn bad_grounds_are_named() {
    let cases = [
        (None, "x: must be set"),
        (Some(v1::Ground::default()), "x.code: must be a known ground"),
        (Some(v1::Ground { source: "x".repeat(257), ..law() }), "x.source: must have at most 256 bytes"),
        (Some(v1::Ground { note: "x".repeat(1025), ..law() }), "x.note: must have at most 1024 bytes"),
        (Some(v1::Ground { note: "\u{1b}[2J".into(), ..law() }), "x.note: must not have control characters"),
    ];
    for (bad, why) in cases {
        assert_eq!(ground(bad).unwrap_err().under("x").to_string(), why);
    }
}

#[test]
fn directives_say_why_and_for_how_long() {
    let retain = Directive {
        category: "invoices".into(),
        action: Action::Retain,
        ground: ground(Some(law())).ok(),
        period: Period::new("P7Y").ok(),
        source: DirectiveSource::Described,
    };
    let sent = directives(&[retain, directive("payments")]);
    assert_eq!((sent[0].action(), sent[0].period.as_str()), (v1::Action::Retain, "P7Y"));
    assert_eq!(sent[0].ground, Some(law()));
    assert_eq!((sent[1].action(), sent[1].period.as_str()), (v1::Action::Erase, ""));
}

#[test]
fn resolved_identifiers_are_normalised_and_checked() {
    let wanted = [IdentifierKind::new("email").unwrap(), IdentifierKind::new("customer_id").unwrap()];
    let of = |pairs: &[(&str, &str)]| v1::ResolveIdentifiersResponse {
        identifiers: pairs
            .iter()
            .map(|(kind, value)| v1::Identifier { kind: (*kind).into(), value: (*value).into() })
            .collect(),
    };
    let found = identifiers(of(&[("email", "a@X.org"), ("customer_id", "7"), ("email", "a@x.org")]), &wanted);
    let found = found.unwrap();
    assert_eq!(found.iter().map(Identifier::expose).collect::<Vec<_>>(), ["7", "a@x.org"]);
    assert_eq!(identifiers(of(&[]), &wanted), Ok(vec![]));

    let many: Vec<(&str, &str)> = vec![("customer_id", "7"); 65];
    for (bad, why) in [
        (of(&[("device_id", "canary")]), "identifiers[0].kind: must be one of the kinds that were asked for"),
        (
            of(&[("customer_id", "7"), ("email", "canary")]),
            "identifiers[1].value: must be an email address: local@domain",
        ),
        (of(&many), "identifiers: must be at most 64"),
    ] {
        let failure = identifiers(bad, &wanted).unwrap_err();
        assert_eq!(failure.message, format!("ResolveIdentifiers breaks the contract: {why}"));
    }
}
