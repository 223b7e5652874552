//! Retention sweeps: what has outlived its period goes, after a report, and never while a legal hold is in force.

use std::sync::Arc;

use jiff::SignedDuration;
use rightful::{
    clock::ManualClock,
    proto::{
        downstream::v1::{Action, GroundCode},
        v1::{
            DiscardSweepRequest, GetSweepRequest, ListSweepsRequest, PlanSweepRequest, RunSweepRequest,
            Sweep, SweepEvent, SweepState, TaskReason,
        },
    },
};
use serde_json::json;
use tonic::Code;

use crate::{
    harness::{ADA, Builder, PATIENCE, World, ada, assert_refused, fields, run, soon},
    puppet::{Fault, Method, Person, Profile, category, ground},
};

const RULES: &str = r#"[
    { downstream = "shop", category = "accounts", action = "erase", period = "P24M", outlived = "anonymise" },
    { category = "visits", action = "erase", period = "P2Y" },
    { category = "invoices", action = "erase", period = "P3Y" },
]"#;

/// Two people; one has not been seen for three years.
fn shop(clock: &Arc<ManualClock>) -> Profile {
    let mut invoices = category("invoices");
    if let Some(retention) = &mut invoices.retention {
        retention.period = String::from("P7Y");
        retention.ground = Some(ground(GroundCode::LegalObligation, "HGB § 257"));
    }
    let old = "2023-01-01T00:00:00Z";
    Profile::new("shop", &["email"])
        .clock(clock.clone())
        .sweeps()
        .category(category("accounts"))
        .category(category("visits"))
        .category(invoices)
        .category(category("notes"))
        .person(
            ada(&[])
                .record("accounts", &json!({ "seen": old }))
                .record("visits", &json!({ "seen": old }))
                .record("visits", &json!({ "seen": old }))
                .record("invoices", &json!({ "seen": old }))
                .record("notes", &json!({ "seen": old })),
        )
        .person(
            Person::new(&[("email", "babbage@example.org")])
                .record("accounts", &json!({ "seen": "2025-12-01T00:00:00Z" }))
                .record("visits", &json!({ "seen": "2024-06-01T00:00:00Z" })),
        )
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new("2026-01-10T08:00:00Z".parse().expect("it is there")))
}

fn builder(clock: &Arc<ManualClock>) -> Builder {
    let rules = RULES.replace('\n', " ");
    Builder::new([shop(clock)]).clock(clock.clone()).set("retention.rule", &rules)
}

impl World {
    async fn plan(&self, downstream: &str) -> Sweep {
        let request = PlanSweepRequest { downstream: downstream.into() };
        self.retention()
            .plan_sweep(request)
            .await
            .expect("it can be planned")
            .into_inner()
            .sweep
            .expect("it is there")
    }

    async fn sweep(&self, id: &str) -> Sweep {
        let request = GetSweepRequest { sweep_id: id.into() };
        self.retention()
            .get_sweep(request)
            .await
            .expect("it is there")
            .into_inner()
            .sweep
            .expect("it is there")
    }

    /// The sweep once it is so.
    async fn swept(&self, id: &str, is_so: impl Fn(&Sweep) -> bool) -> Sweep {
        let seen = async {
            loop {
                let sweep = self.sweep(id).await;
                if is_so(&sweep) {
                    return sweep;
                }
                tokio::task::yield_now().await;
            }
        };
        soon("a sweep to go on", seen).await
    }

    /// Every sweep, newest first.
    pub(crate) async fn sweeps(&self) -> Vec<Sweep> {
        self.retention().list_sweeps(ListSweepsRequest::default()).await.expect("a list").into_inner().sweeps
    }

    async fn run_sweep(&self, id: &str, despite_holds: bool) -> Result<Sweep, tonic::Status> {
        let request = RunSweepRequest { sweep_id: id.into(), despite_holds };
        Ok(self.retention().run_sweep(request).await?.into_inner().sweep.expect("it is there"))
    }
}

fn is(state: SweepState) -> impl Fn(&Sweep) -> bool {
    move |sweep| sweep.state() == state
}

/// Erased and anonymised by category.
fn counts(outcome: Option<&rightful::proto::downstream::v1::Outcome>) -> Vec<(&str, u64, u64)> {
    let categories = &outcome.expect("there is one").categories;
    categories.iter().map(|one| (one.category.as_str(), one.erased, one.anonymised)).collect()
}

#[tokio::test]
async fn a_sweep_reports_first_and_takes_away_what_has_outlived_its_period_when_it_is_run() {
    let clock = clock();
    let world = builder(&clock).start().await;
    let planned = world.plan("shop").await;
    let asked: Vec<(&str, Action, &str)> =
        planned.directives.iter().map(|d| (d.category.as_str(), d.action(), d.period.as_str())).collect();
    assert_eq!(
        asked,
        [
            ("accounts", Action::Anonymise, "P24M"),
            ("visits", Action::Erase, "P2Y"),
            ("invoices", Action::Erase, "P7Y"),
        ],
        "the downstream's own duty is longer than the rule"
    );
    let report = world.swept(&planned.sweep_id, is(SweepState::Planned)).await;
    let expected = vec![("accounts", 0, 1), ("visits", 2, 0), ("invoices", 0, 0)];
    assert_eq!(counts(report.report.as_ref()), expected);
    assert_eq!((world.held(), report.outcome), (7, None), "a report changes nothing");

    world.run_sweep(&planned.sweep_id, false).await.unwrap();
    let done = world.swept(&planned.sweep_id, is(SweepState::Done)).await;
    assert_eq!((counts(done.outcome.as_ref()), world.held()), (expected, 4));
    let steps: Vec<(SweepEvent, &str)> =
        done.steps.iter().map(|step| (step.event(), step.caller.as_str())).collect();
    assert_eq!(
        steps,
        [(SweepEvent::Report, "rightful"), (SweepEvent::Run, "local"), (SweepEvent::Finish, "rightful")]
    );
    let calls = world.puppet("shop").calls(Method::Sweep);
    assert_eq!(calls.iter().map(|call| call.dry_run).collect::<Vec<_>>(), [true, false]);
    assert_ne!(calls[0].task_id, calls[1].task_id, "a dry run has a key of its own");
    assert!(calls.iter().all(|call| call.identifiers.is_empty()), "nobody is named");
    world.puppet("shop").assert_each_effect_once([done.sweep_id.as_str()]);
    let again = world.run_sweep(&planned.sweep_id, false).await;
    assert_refused(again, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_has_one_open_sweep_and_a_discarded_one_makes_room() {
    let clock = clock();
    let world = builder(&clock).start().await;
    let first = world.plan("shop").await;
    let request = PlanSweepRequest { downstream: "shop".into() };
    let again = world.retention().plan_sweep(request).await.unwrap().into_inner();
    assert_eq!((again.existed, again.sweep.unwrap().sweep_id), (true, first.sweep_id.clone()));
    world.swept(&first.sweep_id, is(SweepState::Planned)).await;
    let request = DiscardSweepRequest { sweep_id: first.sweep_id.clone() };
    world.retention().discard_sweep(request).await.unwrap();
    clock.advance(SignedDuration::from_secs(1));
    let second = world.plan("shop").await;
    assert_ne!(second.sweep_id, first.sweep_id);
    let listed: Vec<String> = world.sweeps().await.into_iter().map(|sweep| sweep.sweep_id).collect();
    assert_eq!(listed, [second.sweep_id, first.sweep_id]);
    world.finish().await;
}

#[tokio::test]
async fn no_sweep_runs_while_a_hold_is_in_force_unless_a_person_says_so() {
    let clock = clock();
    let world = builder(&clock).start().await;
    let placed = world.place(&[ADA]).await;
    let planned = world.plan("shop").await;
    world.swept(&planned.sweep_id, is(SweepState::Planned)).await;
    let refused = world.run_sweep(&planned.sweep_id, false).await;
    assert_refused(refused, Code::FailedPrecondition, "ERROR_REASON_ILLEGAL_STATE");
    assert_eq!(world.held(), 7);
    world.run_sweep(&planned.sweep_id, true).await.unwrap();
    world.swept(&planned.sweep_id, is(SweepState::Done)).await;
    world.release(&placed.hold.unwrap().hold_id).await;
    world.finish().await;
}

#[tokio::test]
async fn the_schedule_plans_and_an_automatic_sweep_waits_for_holds() {
    let clock = clock();
    let mut world = builder(&clock)
        .set("retention.sweep_every", "\"P1M\"")
        .set("retention.run", "\"automatic\"")
        .start()
        .await;
    // It has described itself by now.
    clock.advance(SignedDuration::from_secs(1));
    let first = async {
        loop {
            match world.sweeps().await.first() {
                Some(sweep) if sweep.state() == SweepState::Done => return sweep.clone(),
                _ => tokio::task::yield_now().await,
            }
        }
    };
    let first = soon("the first sweep", first).await;
    assert_eq!((first.plan_caller.as_str(), world.held()), ("rightful", 4));

    let placed = world.place(&[ADA]).await;
    world.restart().await;
    assert_eq!(world.sweeps().await.len(), 1, "a restart plans none");
    clock.advance(SignedDuration::from_hours(24 * 31));
    let waiting = async {
        loop {
            let newest = world.sweeps().await.remove(0);
            if newest.reason() == TaskReason::LegalHold {
                return newest;
            }
            tokio::task::yield_now().await;
        }
    };
    let waiting = tokio::time::timeout(PATIENCE, waiting).await;
    let Ok(waiting) = waiting else { panic!("no sweep waits: {:#?}", world.sweeps().await) };
    assert_eq!(waiting.state(), SweepState::Planned);
    world.release(&placed.hold.unwrap().hold_id).await;
    clock.advance(SignedDuration::from_hours(7));
    world.swept(&waiting.sweep_id, is(SweepState::Done)).await;
    world.finish().await;
}

#[tokio::test]
async fn faults_are_retried_a_crash_repeats_nothing_and_a_refusal_is_stated() {
    let clock = clock();
    let mut world = builder(&clock).start().await;
    let shop = world.puppet("shop");
    shop.next(Method::Sweep, Fault::Work(1));
    shop.next(Method::Sweep, Fault::LoseResponse);
    let planned = world.plan("shop").await;
    // Accepted: it is polled a little later.
    world.swept(&planned.sweep_id, |sweep| sweep.next_attempt_time != sweep.plan_time).await;
    clock.advance(SignedDuration::from_secs(1));
    world.swept(&planned.sweep_id, is(SweepState::Planned)).await;
    world.run_sweep(&planned.sweep_id, false).await.unwrap();
    world.swept(&planned.sweep_id, |sweep| sweep.attempts > 0 || sweep.state() == SweepState::Done).await;
    world.restart().await;
    clock.advance(SignedDuration::from_secs(5));
    let done = world.swept(&planned.sweep_id, is(SweepState::Done)).await;
    world.puppet("shop").assert_each_effect_once([done.sweep_id.as_str()]);

    let no = ground(GroundCode::LegalClaims, "GDPR 17(3)(e)");
    world.puppet("shop").next(Method::Sweep, Fault::Refuse(no.clone()));
    let refused = world.plan("shop").await;
    let refused = world.swept(&refused.sweep_id, is(SweepState::Refused)).await;
    assert_eq!(refused.refusal, Some(no));
    world.puppet("shop").next(Method::Sweep, Fault::Fail(Code::InvalidArgument));
    let failed = world.plan("shop").await;
    let failed = world.swept(&failed.sweep_id, is(SweepState::Failed)).await;
    assert_eq!(failed.reason(), TaskReason::Rejected);
    world.finish().await;
}

#[tokio::test]
async fn only_what_can_be_swept_is() {
    let clock = clock();
    let crm = Profile::new("crm", &["email"]).category(category("visits"));
    let empty = Profile::new("empty", &["email"]).sweeps().category(category("notes"));
    let rules = RULES.replace('\n', " ");
    let world = Builder::new([crm, empty]).clock(clock.clone()).set("retention.rule", &rules).start().await;
    for name in ["crm", "empty", "Nobody"] {
        let refused = world.retention().plan_sweep(PlanSweepRequest { downstream: name.into() }).await;
        assert_eq!(fields(&refused.unwrap_err()), ["downstream"], "{name}");
    }
    let refused = world.retention().plan_sweep(PlanSweepRequest { downstream: "nobody".into() }).await;
    assert_refused(refused, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    world.finish().await;
}

#[tokio::test]
async fn the_command_line_plans_shows_and_runs_sweeps() {
    let clock = clock();
    let world = builder(&clock).start().await;
    let cli = async |arguments: &[&str]| run(world.dir(), world.url(), arguments, "").await;
    let sweep = ["retention", "sweep"];
    let planned = cli(&[&sweep[..], &["plan", "shop", "-o", "json"]].concat()).await.expect(0).json();
    let id = planned["sweep"]["sweepId"].as_str().unwrap().to_owned();
    world.swept(&id, is(SweepState::Planned)).await;
    let report = cli(&[&sweep[..], &["get", &id]].concat()).await.expect(0).stdout;
    assert!(report.contains("erase 2") && report.contains("anonymise 1"), "{report}");
    cli(&[&sweep[..], &["run", &id]].concat()).await.expect(0);
    world.swept(&id, is(SweepState::Done)).await;
    assert!(cli(&[&sweep[..], &["list"]].concat()).await.expect(0).stdout.contains("done"));
    cli(&[&sweep[..], &["run", &id]].concat()).await.expect(4);
    cli(&[&sweep[..], &["plan", "nobody"]].concat()).await.expect(3);
    world.finish().await;
}
