//! The receipt: says what was done, and contradictions are noticed.

use super::super::{Error, receipt};
use super::*;
use crate::domain::outcome::Tally;
use crate::domain::statement::Proof;
use crate::domain::{CategoryOutcome, FieldResult, Retained, Sighting};

fn erased() -> Facts {
    let tally = |records| Tally { records, files: 0, digest: "00".repeat(32) };
    let outcome = CategoryOutcome {
        category: "invoices".to_owned(),
        erased: 3,
        anonymised: 1,
        restricted: 0,
        retained: vec![Retained {
            count: 2,
            ground: ground(),
            release_at: Some("2033-12-31T00:00:00Z".parse().unwrap()),
        }],
        told: vec!["Bank".to_owned()],
        ..CategoryOutcome::default()
    };
    let result = CategoryResult {
        found: tally(6),
        outcome: Some(outcome),
        remaining: Some(tally(2)),
        ..CategoryResult::new("invoices")
    };
    let mut facts = facts(vec![result]);
    facts.case.right = Right::Erasure;
    facts.statements[0].standing = Standing::Erased;
    facts.statements[0].proof = Some(Proof::Verified);
    facts.statements[1].standing = Standing::NothingHeld;
    facts.statements[1].reason = None;
    facts
}

#[test]
fn it_says_what_was_done() {
    let bytes = receipt::render(&erased());
    assert_eq!(bytes, receipt::render(&erased()));
    assert_eq!(bytes.last(), Some(&b'\n'));
    let verified = receipt::verify(&bytes).unwrap();
    assert!(verified.complete && verified.notes.is_empty());
    assert_eq!((verified.erased, verified.retained), (3, 2));
    let text = String::from_utf8(bytes).unwrap();
    for said in
        ["2033-12-31T00:00:00Z", "\"backup_horizon_seconds\": 86400", "\"subject_pseudonym\": \"00ff\""]
    {
        assert!(text.contains(said), "{said} is not in {text}");
    }
}

#[test]
fn sums_that_do_not_agree_are_noted() {
    let mut facts = erased();
    facts.statements[0].results[0].found.records = 7;
    let verified = receipt::verify(&receipt::render(&facts)).unwrap();
    assert_eq!(verified.notes, ["billing, invoices: 7 found, but 6 accounted for"]);
}

#[test]
fn more_left_than_declared_is_no_erasure() {
    let mut facts = erased();
    facts.statements[0].results[0].remaining.as_mut().unwrap().records = 3;
    assert!(matches!(receipt::verify(&receipt::render(&facts)), Err(Error::Corrupt(_))));
    facts.statements[0].standing = Standing::Unconfirmed;
    let verified = receipt::verify(&receipt::render(&facts)).unwrap();
    assert!(!verified.complete);
    assert_eq!(verified.notes.len(), 1);
}

#[test]
fn a_field_that_is_still_wrong_is_not_rectified() {
    let mut facts = erased();
    facts.case.right = Right::Rectification;
    facts.statements[0].standing = Standing::Rectified;
    let result = &mut facts.statements[0].results[0];
    let sighting = |old| Sighting { present: 6, old, new: 6 - old };
    let outcome = result.outcome.as_mut().unwrap();
    (outcome.erased, outcome.anonymised, outcome.rectified) = (0, 0, 4);
    result.fields = vec![FieldResult {
        field: "/name".to_owned(),
        before: sighting(6),
        after: Some(sighting(2)),
        ..FieldResult::default()
    }];
    let verified = receipt::verify(&receipt::render(&facts)).unwrap();
    assert_eq!((verified.changed, verified.erased, verified.notes.len()), (4, 0, 0));
    facts.statements[0].results[0].fields[0].after = Some(sighting(3));
    assert!(matches!(receipt::verify(&receipt::render(&facts)), Err(Error::Corrupt(_))));
}

#[test]
fn every_recipient_is_listed_as_told_or_not() {
    let mut facts = erased();
    let text =
        |facts: &Facts| String::from_utf8(receipt::render(facts)).unwrap().replace(char::is_whitespace, "");
    assert!(text(&facts).contains(r#""recipients":[{"name":"Bank","told":true}]"#));
    facts.statements[0].results[0].outcome.as_mut().unwrap().told = vec!["Press".to_owned()];
    assert!(
        text(&facts)
            .contains(r#"[{"name":"Bank","told":false},{"name":"Press","told":true,"described":false}]"#)
    );
    facts.case.right = Right::ConsentWithdrawal;
    assert!(!text(&facts).contains("recipients"), "GDPR 19 is about erasure, rectification and restriction");
}

#[test]
fn other_documents_are_not_receipts() {
    for bytes in [&b""[..], b"{}", b"[]"] {
        assert!(receipt::verify(bytes).is_err());
    }
    let text = String::from_utf8(receipt::render(&erased())).unwrap();
    assert!(receipt::verify(text.replace("\"version\": 1", "\"version\": 2").as_bytes()).is_err());
    assert!(receipt::verify(text.replace("\"erased\": 3", "\"erased\": -3").as_bytes()).is_err());
    assert!(receipt::verify(text.replace("\"policy_version\"", "\"other\"").as_bytes()).is_err());
}
