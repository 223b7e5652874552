//! Properties of every plan, and the three plans that the documentation tells of.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::{Category, Particulars, Scope, TaskKind, task::Field};

fn kinds(names: &[&str]) -> Kinds {
    names.iter().map(|name| IdentifierKind::new(name).unwrap()).collect()
}

fn capabilities(understands: &[&str], provides: &[&str]) -> Capabilities {
    let category = Category {
        name: "things".into(),
        title: "Things".into(),
        dpv_term: String::new(),
        purposes: Vec::new(),
        legal_basis: None,
        retention: crate::domain::Retention::default(),
        recipients: Vec::new(),
        origin: String::new(),
        json_schema: String::new(),
        provided_by_subject: true,
        may_contain_credentials: false,
        may_contain_third_party_data: false,
    };
    Capabilities {
        understands: kinds(understands),
        provides: kinds(provides),
        rights: BTreeSet::from([Right::Access, Right::Erasure]),
        categories: vec![category],
        ..Capabilities::default()
    }
}

fn plan_of(right: Right, known: &[&str], registered: &[(&str, Option<Capabilities>)]) -> Vec<Planned> {
    let registered: Vec<Registered<'_>> = registered
        .iter()
        .map(|(name, capabilities)| Registered {
            name,
            capabilities: capabilities.as_ref(),
            controller: None,
        })
        .collect();
    let (known, particulars, scope) = (kinds(known), Particulars::default(), Scope::default());
    plan(&Wish { right, particulars: &particulars, scope: &scope, known: &known }, &registered)
}

fn sketch(plan: &[Planned]) -> Vec<String> {
    plan.iter()
        .map(|task| format!("{} {} {} {:?}", task.ask.kind(), task.downstream, task.state, task.waits_for))
        .collect()
}

fn company() -> [(&'static str, Option<Capabilities>); 3] {
    [
        ("analytics", Some(capabilities(&["customer_id", "device_id"], &["device_id"]))),
        ("billing", Some(capabilities(&["email", "customer_id"], &["email", "customer_id"]))),
        ("marketing", Some(capabilities(&["email"], &["subscriber_id"]))),
    ]
}

#[test]
fn an_access_case_resolves_what_others_need() {
    assert_eq!(
        sketch(&plan_of(Right::Access, &["email"], &company())),
        [
            "resolve billing pending []",
            "resolve analytics blocked [0]",
            "collect analytics blocked [0, 1]",
            "collect billing blocked [0]",
            "collect marketing pending []",
        ]
    );
}

#[test]
fn an_erasure_case_erases_providers_last() {
    assert_eq!(
        sketch(&plan_of(Right::Erasure, &["email"], &company())),
        [
            "resolve billing pending []",
            "resolve analytics blocked [0]",
            "erase marketing pending []",
            "erase analytics blocked [0, 1]",
            "erase billing blocked [0, 3]",
        ]
    );
}

#[test]
fn whoever_cannot_be_asked_is_still_in_the_plan() {
    let mut company = company().to_vec();
    company.push(("archive", None));
    company[1].1 = None;
    assert_eq!(
        sketch(&plan_of(Right::Access, &["email"], &company)),
        [
            "collect analytics skipped []",
            "collect billing needs_attention []",
            "collect marketing pending []",
            "collect archive needs_attention []",
        ]
    );
}

#[test]
fn whoever_holds_data_for_another_controller_is_not_asked_anything() {
    let company = company();
    let mut registered: Vec<Registered<'_>> = company
        .iter()
        .map(|(name, c)| Registered { name, capabilities: c.as_ref(), controller: None })
        .collect();
    registered[1].controller = Some("Acme GmbH");
    let (known, particulars, scope) = (kinds(&["email"]), Particulars::default(), Scope::default());
    let wish = Wish { right: Right::Erasure, particulars: &particulars, scope: &scope, known: &known };
    let planned = plan(&wish, &registered);
    assert_eq!(
        sketch(&planned),
        ["erase analytics skipped []", "erase billing skipped []", "erase marketing pending []"],
        "nor is it asked for identifiers"
    );
    let billing = &planned[1];
    assert_eq!(billing.reason, Some(TaskReason::HeldForAnother));
    assert_eq!(billing.ground, Some(processor::ground("Acme GmbH")));
    let elsewhere = Scope { downstreams: ["marketing".to_owned()].into(), ..Scope::default() };
    let narrow = plan(&Wish { scope: &elsewhere, ..wish }, &registered);
    assert_eq!(narrow[1].reason, Some(TaskReason::OutOfScope), "what nobody asks about is not forwarded");
}

#[test]
fn whoever_has_nothing_that_is_to_change_need_not_support_the_right() {
    use crate::domain::{CorrectionRef, LegalBasis};
    let mut company = company();
    for (name, capabilities) in &mut company {
        let capabilities = capabilities.as_mut().unwrap();
        capabilities.categories[0].name = format!("{name}_things");
        capabilities.categories[0].purposes = vec!["news".into(), "offers".into()];
        if *name != "analytics" {
            capabilities.categories[0].legal_basis = Some(LegalBasis::Consent);
        }
    }
    company[2].1.as_mut().unwrap().rights.extend([Right::Rectification, Right::ConsentWithdrawal]);
    let registered: Vec<Registered<'_>> = company
        .iter()
        .map(|(name, c)| Registered { name, capabilities: c.as_ref(), controller: None })
        .collect();
    let (known, scope) = (kinds(&["email"]), Scope::default());
    let planned = |right, particulars: &Particulars| {
        let wish = Wish { right, particulars, scope: &scope, known: &known };
        let tasks = plan(&wish, &registered);
        let said = |task: Planned| (task.downstream, task.reason, task.ask);
        tasks.into_iter().filter(|task| task.ask.kind() != TaskKind::Resolve).map(said).collect::<Vec<_>>()
    };
    let of = |category: &str| CorrectionRef {
        downstream: String::new(),
        category: category.into(),
        field: "/name".into(),
    };
    let corrections = vec![of("analytics_things"), of("marketing_things")];
    let tasks = planned(Right::Rectification, &Particulars { corrections, ..Particulars::default() });
    let reasons: Vec<_> = tasks.iter().map(|(_, reason, _)| *reason).collect();
    assert_eq!(reasons, [Some(TaskReason::RightNotSupported), Some(TaskReason::OutOfScope), None]);
    let field = Field { correction: 1, category: "marketing_things".into(), field: "/name".into() };
    assert_eq!(tasks[2].2, Ask::Rectify { fields: vec![field] });

    let purposes = vec!["offers".to_owned()];
    let tasks = planned(Right::ConsentWithdrawal, &Particulars { purposes, ..Particulars::default() });
    let reasons: Vec<_> = tasks.iter().map(|(_, reason, _)| *reason).collect();
    assert_eq!(reasons, [Some(TaskReason::OutOfScope), Some(TaskReason::RightNotSupported), None]);
    let Ask::WithdrawConsent { categories } = &tasks[2].2 else { panic!("{:?}", tasks[2].2) };
    assert_eq!(categories[0].purposes, ["offers"]);
}

const KINDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const NAMES: [&str; 6] = ["p", "q", "r", "s", "t", "u"];

fn any_kinds() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(KINDS.to_vec(), 0..=3)
}

fn any_company() -> impl Strategy<Value = Vec<(&'static str, Option<Capabilities>)>> {
    let one = prop::option::weighted(0.9, (any_kinds(), any_kinds()));
    prop::collection::vec(one, 1..=NAMES.len()).prop_map(|company| {
        let described = company.into_iter().map(|kinds| kinds.map(|(u, p)| capabilities(&u, &p)));
        NAMES.into_iter().zip(described).collect()
    })
}

/// All kinds that can be known in the end, by brute force.
fn reachable(known: &[&str], company: &[(&str, Option<Capabilities>)]) -> Kinds {
    let mut reachable = kinds(known);
    for _ in 0..=KINDS.len() * NAMES.len() {
        for capabilities in company.iter().filter_map(|(_, capabilities)| capabilities.as_ref()) {
            if !capabilities.understands.is_disjoint(&reachable) {
                reachable.extend(capabilities.provides.iter().cloned());
            }
        }
    }
    reachable
}

proptest! {
    #[test]
    fn every_plan_can_be_walked_and_leaves_nobody_out(
        erasure: bool, known in any_kinds(), company in any_company()
    ) {
        let right = if erasure { Right::Erasure } else { Right::Access };
        let plan = plan_of(right, &known, &company);
        for (position, task) in plan.iter().enumerate() {
            prop_assert!(task.waits_for.iter().all(|before| *before < position), "waits point backwards");
            prop_assert_eq!(task.state == TaskState::Blocked, !task.waits_for.is_empty());
        }
        let reachable = reachable(&known, &company);
        for (name, capabilities) in &company {
            let own: Vec<&Planned> = plan.iter().filter(|task| task.downstream == *name).collect();
            let targets = own.iter().filter(|task| task.ask.kind() != TaskKind::Resolve).count();
            prop_assert_eq!(targets, 1, "one target task each");
            prop_assert!(own.len() <= 2);
            let Some(capabilities) = capabilities else { continue };
            let skipped = own.iter().any(|task| task.reason == Some(TaskReason::NoKnownIdentifier));
            prop_assert_eq!(skipped, capabilities.understands.is_disjoint(&reachable), "asked if it can be");
        }
    }

    #[test]
    fn providers_are_erased_after_those_who_need_them(known in any_kinds(), company in any_company()) {
        let plan = plan_of(Right::Erasure, &known, &company);
        let resolver = |name: &str| plan.iter().position(|t| t.downstream == name && t.ask.kind() == TaskKind::Resolve);
        let erase = |name: &str| plan.iter().position(|t| t.downstream == name && t.ask.kind() == TaskKind::Erase);
        for task in plan.iter().filter(|task| task.ask.kind() == TaskKind::Erase) {
            for provider in task.waits_for.iter().filter(|p| plan[**p].ask.kind() == TaskKind::Resolve) {
                let provider = &plan[*provider].downstream;
                let (own, other) = (erase(&task.downstream), erase(provider));
                if *provider == task.downstream || plan[other.unwrap()].state == TaskState::Skipped {
                    continue;
                }
                let waits = plan[other.unwrap()].waits_for.contains(&own.unwrap());
                let reversed = task.waits_for.contains(&other.unwrap());
                prop_assert!(waits || resolver(&task.downstream).is_some(), "the provider waits");
                prop_assert!(waits || reversed || own > other, "or is the later resolver of two");
            }
        }
    }
}
