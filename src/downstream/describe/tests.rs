//! A Describe that keeps the contract, and each field broken once.

use bytes::Bytes;

use super::*;

fn good() -> v1::DescribeResponse {
    v1::DescribeResponse {
        processor_for: String::new(),
        title: "Billing".into(),
        understands: vec!["email".into(), "customer_id".into()],
        provides: vec!["customer_id".into()],
        rights: vec![v1::Right::Access.into(), v1::Right::Erasure.into(), 99],
        categories: vec![invoices(), v1::Category { name: "payments".into(), ..v1::Category::default() }],
        supports_dry_run: true,
        supports_retention_sweep: true,
        backup_horizon: Some(prost_types::Duration { seconds: 86_400, nanos: 1 }),
        limits: Some(v1::Limits { parallel_calls: 4 }),
    }
}

fn invoices() -> v1::Category {
    v1::Category {
        name: "invoices".into(),
        title: "Invoices".into(),
        dpv_term: "https://w3id.org/dpv/pd#Transactional".into(),
        purposes: vec!["bookkeeping".into()],
        legal_basis: v1::LegalBasis::Contract.into(),
        retention: Some(v1::Retention {
            period: "P7Y".into(),
            runs_from: "end of the year".into(),
            ground: Some(v1::Ground {
                code: v1::GroundCode::LegalObligation.into(),
                source: "HGB § 257".into(),
                note: String::new(),
            }),
        }),
        recipients: vec![v1::Recipient {
            name: "Tax adviser".into(),
            country: "DE".into(),
            ..v1::Recipient::default()
        }],
        json_schema: Bytes::from_static(br#"{"type":"object"}"#),
        ..v1::Category::default()
    }
}

#[test]
fn a_good_answer_comes_through() {
    let capabilities = capabilities("billing", good()).unwrap();
    assert_eq!(capabilities.title, "Billing");
    assert_eq!(capabilities.rights, [Right::Access, Right::Erasure].into());
    assert_eq!(capabilities.backup_horizon_seconds, Some(86_401));
    assert_eq!(capabilities.parallel_calls, 4);
    assert_eq!(capabilities.understands.len(), 2);

    let [invoices, payments] = capabilities.categories.as_slice() else { panic!("two categories") };
    assert_eq!(invoices.retention.period.as_ref().unwrap().as_str(), "P7Y");
    assert!(invoices.retention.ground.is_some());
    assert_eq!(invoices.legal_basis, Some(LegalBasis::Contract));
    assert_eq!(invoices.json_schema, r#"{"type":"object"}"#);
    // What is left empty is filled or absent, not a fault.
    assert_eq!((payments.title.as_str(), payments.legal_basis), ("payments", None));
    assert_eq!(payments.retention, Retention::default());
}

#[test]
fn a_service_without_a_title_is_called_by_its_name() {
    let response = v1::DescribeResponse { title: String::new(), ..good() };
    assert_eq!(capabilities("billing", response).unwrap().title, "billing");
}

/// What Describe's failure says after `change`.
fn broken(change: impl FnOnce(&mut v1::DescribeResponse)) -> String {
    let mut response = good();
    change(&mut response);
    let failure = capabilities("billing", response).unwrap_err();
    assert_eq!(failure.reason, crate::domain::TaskReason::ContractViolation);
    failure.message.strip_prefix("Describe breaks the contract: ").unwrap().to_owned()
}

#[test]
fn bad_lists_are_named() {
    assert_eq!(broken(|r| r.title = "x".repeat(1025)), "title: must have at most 1024 bytes");
    assert!(broken(|r| r.understands.push("E Mail".into())).starts_with("understands[2]: must be 1 to 63"));
    assert_eq!(broken(|r| r.provides.push("customer_id".into())), "provides[1]: must come once");
    assert_eq!(broken(|r| r.provides = vec!["a".into(); 33]), "provides: must be at most 32");
    assert_eq!(broken(|r| r.rights.push(0)), "rights: must not be unspecified");
    assert_eq!(broken(|r| r.categories = vec![invoices(); 65]), "categories: must be at most 64");
    assert_eq!(broken(|r| r.categories.push(invoices())), "categories[2].name: must be unique");
    let two = broken(|r| {
        r.title = "\n".into();
        r.rights.push(0);
    });
    assert_eq!(two, "title: must not have control characters; rights: must not be unspecified");
}

#[test]
fn bad_horizons_are_named() {
    for (seconds, nanos) in [(-1, 0), (i64::MAX, 0), (0, -1), (0, 1_000_000_000)] {
        let message = broken(|r| r.backup_horizon = Some(prost_types::Duration { seconds, nanos }));
        assert_eq!(message, "backup_horizon: must be between zero and a hundred years");
    }
}

/// A change of one category, and what is said of it.
type Case = (fn(&mut v1::Category), &'static str);

#[test]
fn bad_categories_are_named() {
    let cases: [Case; 15] = [
        (
            |c| c.name = "In voices".into(),
            "name: must be 1 to 63 lower-case letters, digits and underscores, starting with a letter",
        ),
        (|c| c.title = "x".repeat(1025), "title: must have at most 1024 bytes"),
        (|c| c.dpv_term = "javascript:alert(1)".into(), "dpv_term: must be an http or https IRI, or empty"),
        (|c| c.dpv_term = "https://".into(), "dpv_term: must be an http or https IRI, or empty"),
        (
            |c| c.dpv_term = "https://x.org/\" onclick=".into(),
            "dpv_term: must be an http or https IRI, or empty",
        ),
        (|c| c.purposes = vec![String::new(); 65], "purposes: must be at most 64"),
        (|c| c.legal_basis = 99, "legal_basis: must be a known legal basis"),
        (
            |c| retention_of(c).period = "7 years".into(),
            "retention.period: must be an ISO 8601 calendar duration such as P7Y, P24M or P30D",
        ),
        (|c| retention_of(c).period = "P".repeat(33), "retention.period: must have at most 32 bytes"),
        (
            |c| retention_of(c).ground = Some(v1::Ground::default()),
            "retention.ground.code: must be a known ground",
        ),
        (
            |c| c.recipients[0].country = "Germany".into(),
            "recipients[0].country: must be an ISO 3166-1 alpha-2 code such as DE, or empty",
        ),
        (|c| c.recipients = vec![v1::Recipient::default(); 257], "recipients: must be at most 256"),
        (|c| c.origin = "\u{7}".into(), "origin: must not have control characters"),
        (|c| c.json_schema = Bytes::from_static(b"{"), "json_schema: is not valid JSON"),
        (
            |c| c.json_schema = vec![b' '; (256 << 10) + 1].into(),
            "json_schema: has 262145 bytes, the limit is 262144",
        ),
    ];
    for (change, why) in cases {
        assert_eq!(broken(|r| change(&mut r.categories[0])), format!("categories[0].{why}"));
    }
}

fn retention_of(category: &mut v1::Category) -> &mut v1::Retention {
    category.retention.as_mut().unwrap()
}
