//! Who was turned away is told: once in the log, counted, and in a list that an auditor reads.

use rightful::proto::v1::{
    Denial, GetCaseRequest, ListCasesRequest, ListDenialsRequest, PauseDownstreamRequest,
    access_service_client::AccessServiceClient, downstream_service_client::DownstreamServiceClient,
};

use super::{Guarded, by};
use crate::harness::{run, soon};

async fn list(guarded: &Guarded, request: ListDenialsRequest) -> (Vec<Denial>, String) {
    let auditor = guarded.token("audit", &["audit"]);
    let mut access = AccessServiceClient::new(guarded.bare());
    let listed = access.list_denials(by(&auditor, request)).await.expect("it may").into_inner();
    (listed.denials, listed.next_page_token)
}

#[tokio::test]
async fn denials_are_counted_and_listed_without_the_tokens() {
    let guarded = Guarded::start().await;
    let desk = guarded.token("desk", &["desk"]);
    for _ in 0..3 {
        let request = by(&desk, PauseDownstreamRequest { name: "billing".into(), note: String::new() });
        DownstreamServiceClient::new(guarded.bare()).pause_downstream(request).await.unwrap_err();
    }
    let bad = format!("{desk}canary");
    guarded.cases().list_cases(by(&bad, ListCasesRequest::default())).await.unwrap_err();
    guarded.cases().get_case(GetCaseRequest { case_id: "x".into() }).await.unwrap_err();
    let denials = soon("the denials", async {
        loop {
            let (denials, _) = list(&guarded, ListDenialsRequest::default()).await;
            if denials.iter().map(|denial| denial.count).sum::<u64>() >= 5 {
                return denials;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let of = |rpc: &str, reason: &str| -> u64 {
        let fits = |denial: &&Denial| denial.rpc.ends_with(rpc) && denial.reason == reason;
        denials.iter().filter(fits).map(|denial| denial.count).sum()
    };
    assert_eq!(of("DownstreamService/PauseDownstream", "role"), 3);
    assert_eq!(of("CaseService/ListCases", "bad_signature"), 1);
    assert_eq!(of("CaseService/GetCase", "missing"), 1);
    assert!(denials.iter().all(|denial| denial.address == "127.0.0.1"), "{denials:?}");
    let known = denials.iter().find(|denial| denial.reason == "role").unwrap();
    assert_eq!(known.caller, "desk");
    for row in guarded.world.database().rows().await {
        assert!(!row.1.contains(&desk) && !row.1.contains("canary"), "a token is kept in {}", row.0);
    }

    let first = ListDenialsRequest { page_size: 1, ..ListDenialsRequest::default() };
    let (page, next) = list(&guarded, first.clone()).await;
    assert_eq!(page, denials[..1]);
    let (page, _) = list(&guarded, ListDenialsRequest { page_token: next, ..first }).await;
    assert_eq!(page, denials[1..2]);
    std::fs::write(guarded.world.dir().join("token"), guarded.token("audit", &["audit"])).unwrap();
    let ca = guarded.authority.file().display().to_string();
    let arguments = ["access", "denials", "--ca", &ca, "--token-file", "token"];
    let shown = run(guarded.world.dir(), guarded.world.url(), &arguments, "").await.expect(0);
    assert!(shown.stdout.contains("PauseDownstream") && shown.stdout.contains("desk"), "{shown:?}");
    guarded.world.finish().await;
}
