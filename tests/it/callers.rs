//! Callers have names: request ids are theirs alone, and a name that is none is refused.

use rightful::proto::{
    downstream::v1::Right,
    v1::{ListDownstreamsRequest, OpenCaseRequest, OpenCaseResponse},
};
use tonic::{Code, Response, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{ADA, World, assert_refused, called, fields, opening, people_services, run};

async fn open(
    world: &World,
    caller: &'static str,
    request: &OpenCaseRequest,
) -> Result<Response<OpenCaseResponse>, Status> {
    world.cases().open_case(called(caller, request.clone())).await
}

#[tokio::test]
async fn a_request_id_belongs_to_its_caller() {
    let world = World::start(people_services()).await;
    let request = opening(Right::Access, &[ADA]);
    let case =
        |answer: Result<Response<OpenCaseResponse>, Status>| answer.unwrap().into_inner().case.unwrap();
    let desk = case(open(&world, "support-desk", &request).await);
    let settings = case(open(&world, "account.settings", &request).await);
    let nameless = world.open(request.clone()).await;
    assert_eq!((desk.caller.as_str(), settings.caller.as_str()), ("support-desk", "account.settings"));
    assert_eq!(nameless.caller, "local", "who gives no name is local");
    assert!(desk.case_id != settings.case_id && settings.case_id != nameless.case_id);
    let again = case(open(&world, "support-desk", &request).await);
    assert_eq!((again.case_id, again.caller), (desk.case_id.clone(), desk.caller));
    // Of another caller, the same request id may say something else.
    let erasure = OpenCaseRequest { right: Right::Erasure.into(), ..request };
    assert_ne!(case(open(&world, "crm", &erasure).await).case_id, desk.case_id);
    world.finish().await;
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_by_every_service() {
    let world = World::start(people_services()).await;
    for bad in ["", "Support", "1st", "a/b", "a b", "ada@example.org"] {
        let request = opening(Right::Access, &[ADA]);
        let refused = assert_refused(
            open(&world, bad, &request).await,
            Code::InvalidArgument,
            "ERROR_REASON_BAD_REQUEST",
        );
        assert_eq!(fields(&refused), ["metadata.rightful-caller"], "{bad:?}");
        assert!(bad.len() < 4 || !refused.message().contains(bad), "the name is not repeated");
    }
    let mut two = called("a", opening(Right::Access, &[ADA]));
    two.metadata_mut().append("rightful-caller", "b".parse().unwrap());
    let two = world.cases().open_case(two).await;
    assert_eq!(fields(&two.unwrap_err()), ["metadata.rightful-caller"], "two names are no name");
    let list = called("Support", ListDownstreamsRequest::default());
    let refused = world.downstreams().list_downstreams(list).await;
    assert_refused(refused, Code::InvalidArgument, "ERROR_REASON_BAD_REQUEST");
    let mut health = HealthClient::new(world.channel());
    let check = called("Support", HealthCheckRequest::default());
    assert!(health.check(check).await.is_ok(), "a probe is nobody in particular");
    world.finish().await;
}

#[tokio::test]
async fn the_command_line_names_its_caller() {
    let world = World::start(people_services()).await;
    let open = ["case", "open", "--right", "access", "--id", "email=ada@example.org", "--request-id", "r-1"];
    let as_caller = |name: &'static str| -> Vec<&str> {
        ["--output", "json", "--caller", name].iter().chain(&open).copied().collect()
    };
    for name in ["support-desk", "crm"] {
        let opened = run(world.dir(), world.url(), &as_caller(name), "").await.expect(0).json();
        assert_eq!(opened["case"]["caller"], name);
    }
    let refused = run(world.dir(), world.url(), &as_caller("Support"), "").await.expect(2);
    assert!(refused.stderr.contains("--caller"), "{refused:?}");
    world.finish().await;
}
