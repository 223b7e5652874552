//! Outcomes: only what was asked for, and bounded.

use super::*;
use crate::domain::{Action, CategoryPurposes, Directive, DirectiveSource, GroundCode, TaskReason};

fn erase(categories: &[&str]) -> Ask {
    let directive = |category: &&str| Directive {
        category: (*category).into(),
        action: Action::Erase,
        ground: None,
        period: None,
        source: DirectiveSource::Default,
    };
    Ask::Erase { directives: categories.iter().map(directive).collect() }
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
fn outcomes_are_about_the_directives() {
    let asked = erase(&["invoices", "payments"]);
    let kept = v1::Retained {
        count: 2,
        ground: Some(law()),
        release_time: Some(prost_types::Timestamp { seconds: 4_102_444_800, nanos: 0 }),
    };
    let good =
        outcome(vec![v1::CategoryOutcome { erased: 5, retained: vec![kept.clone()], ..of("invoices") }]);
    let Ok(Answer::Done(done)) = read(good, &asked) else { panic!("not done") };
    assert_eq!((done.len(), done[0].erased, done[0].may_remain()), (1, 5, 2));
    assert_eq!(done[0].retained[0].release_at.unwrap().to_string(), "2100-01-01T00:00:00Z");

    let with = |retained| outcome(vec![v1::CategoryOutcome { retained: vec![retained], ..of("invoices") }]);
    let at = |seconds, nanos| v1::Retained {
        release_time: Some(prost_types::Timestamp { seconds, nanos }),
        ..kept.clone()
    };
    let prefix = "Erase breaks the contract: outcome.categories";
    let cases = [
        (outcome(vec![of("canary")]), "[0].category: must be one of the categories that were asked for"),
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
        let failure = read(bad, &asked).unwrap_err();
        assert_eq!(
            (failure.reason, failure.message),
            (TaskReason::ContractViolation, format!("{prefix}{why}"))
        );
    }
    assert!(read(v1::EraseResponse { answer: None }, &asked).is_err());
    assert!(read(v1::GetTaskResponse { answer: None }, &asked).is_err());
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
    let Ok(Answer::Refused(ground)) = read(refusal(Some(law())), &erase(&[])) else { panic!("not refused") };
    assert_eq!(ground.code, GroundCode::LegalObligation);
    let failure = read(refusal(None), &erase(&[])).unwrap_err();
    assert_eq!(failure.message, "Erase breaks the contract: refusal.ground: must be set");
}

#[test]
fn counts_that_were_not_asked_for_are_a_breach() {
    let things = || vec!["things".to_owned()];
    let restrict = |lift| Ask::Restrict { categories: things(), lift };
    let object = Ask::Object { categories: things(), uses: vec![] };
    let good: [(&Ask, v1::CategoryOutcome); 4] = [
        (
            &erase(&["things"]),
            v1::CategoryOutcome { erased: 1, anonymised: 1, restricted: 1, ..of("things") },
        ),
        (&restrict(false), v1::CategoryOutcome { restricted: 1, ..of("things") }),
        (&restrict(true), v1::CategoryOutcome { unrestricted: 1, ..of("things") }),
        (&object, v1::CategoryOutcome { stopped: 1, told: vec!["Parcel Ltd".into()], ..of("things") }),
    ];
    for (position, (ask, outcome_of)) in good.iter().enumerate() {
        assert!(read(outcome(vec![outcome_of.clone()]), ask).is_ok(), "{position}");
        for (other, (_, foreign)) in good.iter().enumerate() {
            let failure = read(outcome(vec![foreign.clone()]), ask);
            assert_eq!(
                failure.is_err(),
                other != position && !(position == 0 && other == 1),
                "{position} {other}"
            );
        }
    }
}

#[test]
fn told_recipients_and_stopped_purposes_are_bounded() {
    let category = CategoryPurposes { category: "things".into(), purposes: vec!["news".into()] };
    let ask = Ask::WithdrawConsent { categories: vec![category] };
    let said = |purposes: &[&str], told: Vec<String>| {
        let stopped_purposes = purposes.iter().map(|&purpose| purpose.into()).collect();
        read(outcome(vec![v1::CategoryOutcome { stopped_purposes, told, ..of("things") }]), &ask)
    };
    assert!(said(&["news"], vec!["x".repeat(1_024); 256]).is_ok());
    for bad in [
        said(&["other"], vec![]),
        said(&["news", "news"], vec![]),
        said(&[], vec!["x".into(); 257]),
        said(&[], vec!["x".repeat(1_025)]),
        said(&[], vec!["\u{1b}[2J".into()]),
    ] {
        assert_eq!(bad.unwrap_err().reason, TaskReason::ContractViolation);
    }
}
