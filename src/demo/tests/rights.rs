//! Rectification, restriction, objection and consent withdrawal at the sample services.

use serde_json::json;
use tonic::Code;

use super::{
    Demo,
    client::{subject, uuid},
    known_as,
};
use crate::proto::downstream::v1::{
    CategoryPurposes, Correction, ObjectRequest, RectifyRequest, RestrictRequest, Use, WithdrawConsentRequest,
};

fn correction(category: &str, field: &str, old: &str, new: &str) -> Correction {
    Correction {
        category: category.to_owned(),
        field: field.to_owned(),
        old_json: if old.is_empty() { String::new() } else { json!(old).to_string() },
        new_json: json!(new).to_string(),
    }
}

#[tokio::test]
async fn billing_puts_the_account_right_and_leaves_vouchers_as_they_were() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    let by_email = [known_as("billing", star)];
    let mut billing = demo.downstream("billing").await;
    let before = billing.collect(&by_email, &[]).await;
    let mut request = RectifyRequest {
        task_id: uuid(11),
        subject: Some(subject(&by_email)),
        corrections: vec![
            correction("customers", "/name", &star.name, "Ada New"),
            correction("customers", "/address/city", "Elsewhere", "Wien"),
            correction("invoices", "/billed_to/name", &star.name, "Ada New"),
        ],
        dry_run: true,
    };
    let would_be = billing.rectify(request.clone()).await.unwrap();
    assert_eq!(billing.collect(&by_email, &[]).await.items, before.items, "a dry run changes nothing");
    (request.task_id, request.dry_run) = (uuid(12), false);
    let outcome = billing.rectify(request.clone()).await.unwrap();
    assert_eq!(outcome, would_be);
    assert_eq!((outcome[0].category.as_str(), outcome[0].rectified), ("customers", 1));
    assert_eq!(outcome[0].told, ["Fjordpay AB"], "GDPR 19");
    let invoices = before.count("invoices").records;
    assert_eq!((outcome[1].rectified, outcome[1].retained[0].count), (0, invoices));
    assert!(outcome[1].retained[0].ground.as_ref().unwrap().source.contains("BAO"));
    let after = billing.collect(&by_email, &["customers"]).await;
    assert!(after.text().contains("Ada New") && after.text().contains(&star.city), "only what was wrong");
    after.count("customers");
    assert_eq!(billing.rectify(request.clone()).await.unwrap(), outcome, "one effect, one answer");

    request.task_id = uuid(13);
    request.corrections = vec![correction("horoscopes", "/sign", "", "leo")];
    assert_eq!(billing.rectify(request.clone()).await.unwrap_err().code(), Code::InvalidArgument);
    request.corrections =
        vec![Correction { new_json: "no JSON".to_owned(), ..correction("customers", "/name", "", "") }];
    assert_eq!(billing.rectify(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_restriction_keeps_everything_and_is_lifted() {
    let demo = Demo::start().await;
    let star = [known_as("analytics", demo.fleet.star())];
    let mut analytics = demo.downstream("analytics").await;
    let before = analytics.collect(&star, &[]).await;
    let categories = vec!["sessions".to_owned(), "devices".to_owned()];
    let mut request = RestrictRequest {
        task_id: uuid(21),
        subject: Some(subject(&star)),
        categories,
        ..RestrictRequest::default()
    };
    let outcome = analytics.restrict(request.clone()).await.unwrap();
    let sessions = before.count("sessions").records;
    assert_eq!(
        (outcome[0].restricted, outcome[0].told.len()),
        (sessions, 0),
        "it has no way to tell anybody"
    );
    request.task_id = uuid(22);
    request.lift = true;
    let lifted = analytics.restrict(request.clone()).await.unwrap();
    assert_eq!((lifted[0].unrestricted, lifted[0].restricted), (sessions, 0));
    request.task_id = uuid(23);
    assert_eq!(analytics.restrict(request).await.unwrap()[0].unrestricted, 0, "it was lifted already");
    assert_eq!(analytics.collect(&star, &[]).await.items, before.items);
}

#[tokio::test]
async fn uses_and_consents_stop_where_there_are_any_and_are_forgotten_with_the_rows() {
    let demo = Demo::start().await;
    let star = demo.fleet.star();
    let by_email = [known_as("marketing", star)];
    let mut marketing = demo.downstream("marketing").await;
    let all = marketing.collect(&by_email, &[]).await;
    let count = |category: &str| all.count(category).records;
    let names = ["contacts", "consents", "campaign_events"].map(str::to_owned).to_vec();
    let objected = marketing
        .object(ObjectRequest {
            task_id: uuid(31),
            subject: Some(subject(&by_email)),
            categories: names,
            uses: vec![Use::DirectMarketing.into()],
            dry_run: false,
        })
        .await
        .unwrap();
    let stopped: Vec<u64> = objected.iter().map(|outcome| outcome.stopped).collect();
    assert_eq!(stopped, [count("contacts"), 0, count("campaign_events")], "proof of consent is not used so");
    let purpose = "Sending the newsletter that you asked for".to_owned();
    let withdrawn = marketing
        .withdraw(WithdrawConsentRequest {
            task_id: uuid(32),
            subject: Some(subject(&by_email)),
            categories: vec![CategoryPurposes {
                category: "contacts".into(),
                purposes: vec![purpose.clone()],
            }],
            dry_run: false,
        })
        .await
        .unwrap();
    assert_eq!((withdrawn[0].stopped, &withdrawn[0].stopped_purposes), (count("contacts"), &vec![purpose]));
    assert_eq!(marketing.collect(&by_email, &[]).await.items, all.items, "nothing is deleted");
    let rows = |counts: Vec<(&str, String, u64)>| {
        counts.into_iter().find(|(_, table, rows)| table == "stopped_use" && *rows > 0).map(|(.., rows)| rows)
    };
    assert_eq!(rows(demo.fleet.count_of(star).await.unwrap()), Some(3));
    let directives = marketing.erase_all().await;
    marketing.erase_now(&by_email, directives).await;
    assert_eq!(demo.traces("marketing", star).await, 0);
}

#[tokio::test]
async fn two_rights_need_ids_of_their_own() {
    let demo = Demo::start().await;
    let star = [known_as("billing", demo.fleet.star())];
    let mut billing = demo.downstream("billing").await;
    let restrict = RestrictRequest {
        task_id: uuid(41),
        subject: Some(subject(&star)),
        categories: vec!["customers".to_owned()],
        ..RestrictRequest::default()
    };
    billing.restrict(restrict).await.unwrap();
    let rectify = RectifyRequest {
        task_id: uuid(41),
        subject: Some(subject(&star)),
        corrections: vec![correction("customers", "/name", "", "x")],
        dry_run: false,
    };
    assert_eq!(billing.rectify(rectify).await.unwrap_err().code(), Code::InvalidArgument);
}
