//! Looking at the registered downstreams.

use rightful::proto::downstream::v1::Right;
use rightful::proto::v1::{
    CheckDownstreamRequest, CheckDownstreamResponse, DescribeDownstreamRequest, Downstream,
    ListDownstreamsRequest,
};
use tonic::Code;

use crate::{
    harness::{ADA, Builder, World, assert_refused, fields, metadata, opening, people_services, soon},
    puppet::{Fault, Method},
};

async fn describe(world: &World, name: &str) -> Downstream {
    let request = DescribeDownstreamRequest { name: name.into() };
    let answer = world.downstreams().describe_downstream(request).await.expect("it is registered");
    answer.into_inner().downstream.expect("the answer has a downstream")
}

async fn check(world: &World, name: &str) -> CheckDownstreamResponse {
    let request = CheckDownstreamRequest { name: name.into() };
    world.downstreams().check_downstream(request).await.expect("it is registered").into_inner()
}

#[tokio::test]
async fn downstreams_are_listed_by_name_and_page_by_page() {
    let world = World::start(people_services()).await;
    let mut names = Vec::new();
    let mut request = ListDownstreamsRequest { page_size: 2, page_token: String::new() };
    loop {
        let page = world.downstreams().list_downstreams(request.clone()).await.unwrap().into_inner();
        assert!(page.downstreams.len() <= 2);
        assert!(page.downstreams.iter().all(|downstream| downstream.categories.is_empty()));
        names.extend(page.downstreams.into_iter().map(|downstream| downstream.name));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(names, ["analytics", "billing", "marketing"]);
    request.page_token = "garbage".into();
    let refused = world.downstreams().list_downstreams(request).await.unwrap_err();
    assert_eq!(fields(&refused), ["page_token"]);
    world.finish().await;
}

#[tokio::test]
async fn a_downstream_is_shown_with_all_that_it_described() {
    let world = World::start(people_services()).await;
    let billing = describe(&world, "billing").await;
    assert_eq!(
        (billing.title.as_str(), billing.endpoint),
        ("The billing service", world.puppet("billing").endpoint())
    );
    assert_eq!(
        (billing.understands, billing.provides),
        (vec!["customer_id".into(), "email".into()], vec!["customer_id".into()])
    );
    let categories: Vec<&str> = billing.categories.iter().map(|category| category.name.as_str()).collect();
    assert_eq!(categories, ["invoices", "payment_methods"]);
    assert_eq!(billing.categories[0].retention.as_ref().unwrap().period, "P7Y");
    assert!(billing.supports_dry_run && billing.describe_time.is_some());
    assert_eq!(billing.backup_horizon.unwrap().seconds, 30 * 24 * 3_600);
    assert_eq!((billing.backlog, billing.last_error.as_str()), (0, ""));
    world.finish().await;
}

#[tokio::test]
async fn an_unknown_downstream_is_not_found() {
    let world = World::start(people_services()).await;
    let answer =
        world.downstreams().describe_downstream(DescribeDownstreamRequest { name: "nobody".into() }).await;
    let error = assert_refused(answer, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    assert_eq!(
        (metadata(&error)["resource"].as_str(), metadata(&error)["id"].as_str()),
        ("downstream", "nobody")
    );
    let answer = world.downstreams().check_downstream(CheckDownstreamRequest { name: "nobody".into() }).await;
    assert_refused(answer, Code::NotFound, "ERROR_REASON_NOT_FOUND");
    let answer =
        world.downstreams().check_downstream(CheckDownstreamRequest { name: "No Name".into() }).await;
    assert_eq!(fields(&answer.unwrap_err()), ["name"]);
    world.finish().await;
}

#[tokio::test]
async fn a_check_says_what_is_wrong() {
    let world = World::start(people_services()).await;
    let good = check(&world, "billing").await;
    assert!(good.healthy && good.error.is_empty() && good.latency.is_some());

    world.puppet("billing").always(Method::Describe, Fault::Fail(Code::Internal));
    let bad = check(&world, "billing").await;
    assert!(!bad.healthy && bad.error.contains("INTERNAL"), "{bad:?}");
    assert!(!bad.error.contains("leaky-canary"), "a downstream's own words are not repeated");
    let shown = bad.downstream.unwrap();
    assert_eq!(
        (shown.last_error, shown.title.as_str()),
        (bad.error, "The billing service"),
        "what it said before is kept"
    );

    world.puppet("billing").always(Method::Describe, Fault::Hang);
    assert!(!check(&world, "billing").await.healthy);
    world.puppet("billing").heal();
    world.puppet("billing").go_down();
    assert!(!check(&world, "billing").await.healthy);
    world.puppet("billing").come_up();
    assert!(check(&world, "billing").await.healthy);
    assert_eq!(describe(&world, "billing").await.last_error, "");

    world.puppet("billing").redescribe(|d| d.categories[0].name = "Not A Name".into());
    let bad = check(&world, "billing").await;
    assert!(!bad.healthy && bad.error.contains("categories[0].name"), "{}", bad.error);
    world.finish().await;
}

#[tokio::test]
async fn the_backlog_counts_what_waits() {
    let world = World::start(people_services()).await;
    world.puppet("marketing").always(Method::Collect, Fault::Hang);
    let case = world.open(opening(Right::Access, &[ADA])).await;
    world.puppet("marketing").called(Method::Collect, 1).await;
    assert_eq!(describe(&world, "marketing").await.backlog, 1);
    world.puppet("marketing").heal();
    world.settled(&case.case_id).await;
    assert_eq!(describe(&world, "marketing").await.backlog, 0);
    world.finish().await;
}

#[tokio::test]
async fn no_more_calls_are_made_at_once_than_the_downstream_wants() {
    let mut profiles = people_services();
    profiles[1].description.limits = Some(rightful::proto::downstream::v1::Limits { parallel_calls: 2 });
    let world = Builder::new(profiles).patience("30s").start().await;
    let marketing = world.puppet("marketing");
    marketing.always(Method::Collect, Fault::Hang);
    let mut ids = Vec::new();
    for _ in 0..6 {
        let mut request = opening(Right::Access, &[ADA]);
        request.scope =
            Some(rightful::proto::v1::Scope { downstreams: vec!["marketing".into()], categories: vec![] });
        ids.push(world.open(request).await.case_id);
    }
    marketing.called(Method::Collect, 2).await;
    // Another lane does its work while this one is full.
    world.check("billing").await;
    assert_eq!(marketing.calls(Method::Collect).len(), 2);
    marketing.heal();
    for id in ids {
        soon("all to end", world.settled(&id)).await;
    }
    world.finish().await;
}
