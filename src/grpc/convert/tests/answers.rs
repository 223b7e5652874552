//! Previews and downstreams as messages.

use super::*;

#[test]
fn a_preview_shows_its_dry_run_or_why_there_is_none() {
    let task = |dry_run| PreviewTask {
        downstream: "billing".into(),
        ask: Ask::Erase { directives: vec![] },
        state: TaskState::Pending,
        reason: None,
        ground: None,
        waits_for: vec![0, 1],
        dry_run,
    };
    let tasks = vec![task(Some(Ok(vec![outcome()]))), task(Some(Err("has none".into()))), task(None)];
    let shown = preview(Preview {
        tasks,
        due_at: now(),
        clocks: Clocks::default(),
        verification_needed: Assurance::Low,
        approval_needed: true,
        start_at: None,
        holds: Vec::new(),
    });
    assert_eq!(shown.tasks[0].dry_run.as_ref().unwrap().categories[0].erased, 1);
    assert_eq!((shown.tasks[1].dry_run.as_ref(), shown.tasks[1].dry_run_note.as_str()), (None, "has none"));
    assert_eq!((shown.tasks[2].dry_run.as_ref(), shown.tasks[2].dry_run_note.as_str()), (None, ""));
    assert_eq!(shown.tasks[0].waits_for, [0, 1]);
}

#[test]
fn a_downstream_is_shown_with_what_it_described() {
    let category = Category {
        name: "invoices".into(),
        title: "Invoices".into(),
        dpv_term: String::new(),
        purposes: vec!["billing".into()],
        legal_basis: Some(crate::domain::LegalBasis::Contract),
        retention: Retention {
            period: Some(Period::new("P7Y").unwrap()),
            runs_from: "end of the year".into(),
            ground: Some(ground()),
        },
        recipients: vec![],
        origin: String::new(),
        json_schema: "{}".into(),
        provided_by_subject: true,
        may_contain_credentials: false,
        may_contain_third_party_data: false,
    };
    let capabilities = Capabilities {
        title: "Billing".into(),
        rights: [Right::Access].into(),
        categories: vec![category],
        backup_horizon_seconds: Some(60),
        ..Default::default()
    };
    let view = DownstreamView {
        manual: false,
        name: "billing".into(),
        endpoint: "http://127.0.0.1:7001".into(),
        capabilities: Some(capabilities),
        described_at: Some(now()),
        parallel_calls: 8,
        backlog: 1,
        under_way: 2,
        lane: crate::domain::Lane::default(),
        last_error: None,
    };
    let shown = check(Check {
        downstream: view.clone(),
        error: Some("UNAVAILABLE".into()),
        latency: jiff::SignedDuration::from_millis(1_500),
    });
    assert!(!shown.healthy);
    assert_eq!(shown.latency, Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 }));
    let whole = shown.downstream.unwrap();
    let retention = whole.categories[0].retention.as_ref().unwrap();
    assert_eq!((retention.period.as_str(), whole.categories[0].json_schema.as_ref()), ("P7Y", &b"{}"[..]));
    assert_eq!(
        (whole.backup_horizon.unwrap().seconds, whole.describe_time),
        (60, Some(at("2026-11-21T12:00:00Z")))
    );
    let brief = downstream_in_brief(view);
    assert_eq!(brief, v1::Downstream { categories: vec![], ..whole });
}
