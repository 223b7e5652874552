//! What may come between: nobody known, a refusal, work in the background, lost answers, crashes.

use rightful::proto::{
    downstream::v1::{GroundCode, Outcome, Right},
    v1::{Case, CaseReason, TaskReason, TaskState},
};
use serde_json::json;
use tonic::Code;

use super::{RIGHTS, asking, of, run, services};
use crate::{
    harness::{Builder, World, subject, task},
    puppet::{Fault, Method, ground},
};

/// A downstream that is asked in a case of the right, and holds something for it.
const fn place(right: Right) -> &'static str {
    if matches!(right, Right::Rectification) { "crm" } else { "news" }
}

#[tokio::test]
async fn of_somebody_unknown_nothing_is_held() {
    let world = World::start(services()).await;
    for (right, ..) in RIGHTS {
        let mut request = asking(right);
        request.subject = Some(subject(&[("email", "nobody@example.org")]));
        let case = run(&world, request).await;
        assert_eq!(case.reason(), CaseReason::NothingHeld, "{right:?}: {case:#?}");
        let receipt = world.receipt(&case.case_id).await;
        assert_eq!(of(&receipt, place(right))["standing"], "nothing_held", "{right:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_refusal_is_stated_with_its_ground() {
    let world = World::start(services()).await;
    let refusal = ground(GroundCode::LegalClaims, "GDPR 21(1)");
    for (right, kind, method) in RIGHTS {
        world.puppet(place(right)).next(method, Fault::Refuse(refusal.clone()));
        let case = run(&world, asking(right)).await;
        assert_eq!(case.reason(), CaseReason::PartiallyFulfilled, "{right:?}");
        let refused = task(&case, place(right), kind);
        assert_eq!((refused.state(), refused.refusal.as_ref()), (TaskState::Refused, Some(&refusal)));
        let receipt = world.receipt(&case.case_id).await;
        let said = of(&receipt, place(right));
        assert_eq!((&said["standing"], &said["ground"]["code"]), (&json!("refused"), &json!("legal_claims")));
    }
    world.finish().await;
}

#[tokio::test]
async fn what_goes_on_in_the_background_is_polled_and_sent_again_if_it_was_forgotten() {
    let world = World::start(services()).await;
    for (right, kind, method) in RIGHTS {
        let puppet = world.puppet(place(right));
        let before = puppet.calls(Method::GetTask).len();
        puppet.next(method, Fault::Work(2));
        let case = run(&world, asking(right)).await;
        assert_eq!(case.reason(), CaseReason::Fulfilled, "{right:?}: {case:#?}");
        assert_eq!(puppet.calls(Method::GetTask).len(), before + 2, "{right:?}");
        puppet.next(method, Fault::Work(2));
        puppet.next(Method::GetTask, Fault::Forget);
        let again = run(&world, asking(right)).await;
        assert_eq!(task(&again, place(right), kind).state(), TaskState::Done, "{right:?}");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_is_asked_for_again() {
    let world = World::start(services()).await;
    for (right, kind, method) in RIGHTS {
        let unknown = Outcome { categories: vec![super::rectified("horoscopes", 0)] };
        world.puppet(place(right)).always(method, Fault::Claim(unknown));
        let case = run(&world, asking(right)).await;
        let broken = task(&case, place(right), kind);
        assert_eq!(
            (broken.state(), broken.reason()),
            (TaskState::NeedsAttention, TaskReason::ContractViolation)
        );
        assert_eq!(world.puppet(place(right)).calls(method).len(), 2, "as often as is configured");
        world.puppet(place(right)).heal();
        world.puppet(place(right)).next(method, Fault::Fail(Code::Unimplemented));
        let case = run(&world, asking(right)).await;
        assert_eq!(task(&case, place(right), kind).reason(), TaskReason::Rejected, "{right:?}");
    }
    world.finish().await;
}

fn assert_one_effect(world: &World, case: &Case, right: Right) {
    let (_, kind, method) = RIGHTS.into_iter().find(|(of, ..)| *of == right).expect("it is one of them");
    assert_eq!(case.reason(), CaseReason::Fulfilled, "{right:?}: {case:#?}");
    let puppet = world.puppet(place(right));
    assert!(puppet.calls(method).len() >= 2, "it was asked again");
    puppet.assert_each_effect_once([task(case, place(right), kind).call_id.as_str()]);
}

#[tokio::test]
async fn a_lost_answer_has_one_effect() {
    for (right, _, method) in RIGHTS {
        let world = World::start(services()).await;
        world.puppet(place(right)).next(method, Fault::LoseResponse);
        let case = run(&world, asking(right)).await;
        assert_one_effect(&world, &case, right);
        world.finish().await;
    }
}

#[tokio::test]
async fn killed_between_the_effect_and_its_record_it_has_one_effect() {
    for (right, _, method) in RIGHTS {
        let mut world = Builder::new(services()).set("engine.lease", "\"1s\"").start().await;
        world.puppet(place(right)).always(method, Fault::Mute);
        let opened = world.open(asking(right)).await;
        world.puppet(place(right)).affected().await;
        world.kill().await;
        world.puppet(place(right)).heal();
        world.start_server().await;
        let case = world.settled(&opened.case_id).await;
        assert_one_effect(&world, &case, right);
        world.finish().await;
    }
}
