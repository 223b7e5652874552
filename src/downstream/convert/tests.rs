//! Grounds, identifiers and outcomes, there and back.

use super::*;
use crate::domain::{DirectiveSource, Period, TaskReason};

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

fn outcome(categories: Vec<v1::CategoryOutcome>) -> v1::EraseResponse {
    v1::EraseResponse { answer: Some(v1::erase_response::Answer::Outcome(v1::Outcome { categories })) }
}

fn of(category: &str) -> v1::CategoryOutcome {
    v1::CategoryOutcome { category: category.into(), ..v1::CategoryOutcome::default() }
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

#[test]
fn outcomes_are_about_the_directives() {
    let asked = [directive("invoices"), directive("payments")];
    let kept = v1::Retained {
        count: 2,
        ground: Some(law()),
        release_time: Some(prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 }),
    };
    let good =
        outcome(vec![v1::CategoryOutcome { erased: 5, retained: vec![kept.clone()], ..of("invoices") }]);
    let Ok(Answer::Done(done)) = erase_answer(good, &asked) else { panic!("not done") };
    assert_eq!((done.len(), done[0].erased, done[0].may_remain()), (1, 5, 2));
    assert_eq!(done[0].retained[0].release_at.unwrap().to_string(), "2100-01-01T00:00:00Z");

    let with = |retained| outcome(vec![v1::CategoryOutcome { retained: vec![retained], ..of("invoices") }]);
    let at = |seconds, nanos| v1::Retained {
        release_time: Some(prost_types::Timestamp { seconds, nanos }),
        ..kept.clone()
    };
    let prefix = "Erase breaks the contract: outcome.categories";
    let cases = [
        (outcome(vec![of("canary")]), "[0].category: must be one of the directives' categories"),
        (outcome(vec![of("payments"), of("payments")]), "[1].category: must come once: payments comes again"),
        (with(at(i64::MAX, 0)), "[0].retained[0].release_time: must be a moment of the years 1 to 9999"),
        (with(at(0, i32::MIN)), "[0].retained[0].release_time: must be a moment of the years 1 to 9999"),
        (with(v1::Retained { ground: None, ..kept.clone() }), "[0].retained[0].ground: must be set"),
        (
            outcome(vec![v1::CategoryOutcome { retained: vec![kept.clone(); 4097], ..of("invoices") }]),
            "[0].retained: must be at most 4096",
        ),
    ];
    for (bad, why) in cases {
        let failure = erase_answer(bad, &asked).unwrap_err();
        assert_eq!(
            (failure.reason, failure.message),
            (TaskReason::ContractViolation, format!("{prefix}{why}"))
        );
    }
    assert!(erase_answer(v1::EraseResponse { answer: None }, &asked).is_err());
    assert!(task_answer(v1::GetTaskResponse { answer: None }, &asked).is_err());
}

#[test]
fn polls_are_neither_a_busy_loop_nor_for_ever() {
    let wait =
        |seconds, nanos| working(&v1::Working { poll_after: Some(prost_types::Duration { seconds, nanos }) });
    let answer = |poll_after| Answer::Working { poll_after };
    assert_eq!(working(&v1::Working { poll_after: None }), answer(POLL_AFTER_MIN));
    assert_eq!(wait(-5, 0), answer(POLL_AFTER_MIN));
    assert_eq!(wait(1, 500_000_000), answer(SignedDuration::from_millis(1_500)));
    assert_eq!(wait(i64::MAX, i32::MAX), answer(POLL_AFTER_MAX));
    assert_eq!(wait(i64::MIN, i32::MIN), answer(POLL_AFTER_MIN));
}

#[test]
fn a_refusal_has_a_ground() {
    use v1::erase_response::Answer as A;
    let refusal = |ground| v1::EraseResponse { answer: Some(A::Refusal(v1::Refusal { ground })) };
    let Ok(Answer::Refused(ground)) = erase_answer(refusal(Some(law())), &[]) else { panic!("not refused") };
    assert_eq!(ground.code, GroundCode::LegalObligation);
    let failure = erase_answer(refusal(None), &[]).unwrap_err();
    assert_eq!(failure.message, "Erase breaks the contract: refusal.ground: must be set");
}
