//! A caller of rightful: opens, waits, downloads.

use std::{ops::Range, time::Duration};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use rightful::proto::{
    downstream::v1::{Identifier, Right, Subject},
    v1::{
        Case, CaseState, CheckDownstreamRequest, DownloadExportRequest, GetCaseRequest, ListCasesRequest,
        OpenCaseRequest, WatchCaseRequest, case_service_client::CaseServiceClient,
        download_export_response::Item, downstream_service_client::DownstreamServiceClient,
    },
};
use tonic::transport::{Channel, Endpoint};

/// What may be under way unread: a download is not to wait for window updates.
const WINDOW_BYTES: u32 = 4 << 20;
/// How often it is asked whether anything is left to do: often enough for figures of seconds.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Callers at once where many are wanted.
const CALLERS: usize = 64;

/// The client of the cases.
pub type Stub = CaseServiceClient<Channel>;

/// One connection.
pub async fn channel(endpoint: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?
        .tcp_nodelay(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    Ok(endpoint.connect().await?)
}

/// A connection to a rightful that has heard of each of these downstreams what it holds.
pub async fn connect(endpoint: &str, downstreams: &[(String, String)]) -> anyhow::Result<Stub> {
    let channel = channel(endpoint).await?;
    let mut service = DownstreamServiceClient::new(channel.clone());
    for (name, _) in downstreams {
        let check =
            service.check_downstream(CheckDownstreamRequest { name: name.clone() }).await?.into_inner();
        anyhow::ensure!(check.healthy, "{name} is not healthy: {}", check.error);
    }
    Ok(Stub::new(channel))
}

/// Asks for a right of person number `number`. Each number is a case of its own.
pub async fn open(stub: &mut Stub, right: Right, number: u64) -> anyhow::Result<Case> {
    let email = Identifier { kind: "email".to_owned(), value: format!("person{number}@example.org") };
    let request = OpenCaseRequest {
        request_id: format!("bench-{number}"),
        right: right.into(),
        subject: Some(Subject { identifiers: vec![email] }),
        ..OpenCaseRequest::default()
    };
    stub.open_case(request).await?.into_inner().case.context("an answer without a case")
}

/// Asks for the rights of all these persons, 64 at a time, and answers the cases' ids in no order.
pub async fn open_many(
    stub: &Stub,
    right: fn(u64) -> Right,
    numbers: Range<u64>,
) -> anyhow::Result<Vec<String>> {
    let opening = stream::iter(numbers).map(|number| {
        let mut stub = stub.clone();
        async move { open(&mut stub, right(number), number).await.map(|case| case.case_id) }
    });
    opening.buffer_unordered(CALLERS).try_collect().await
}

/// The case once `is_it` holds.
pub async fn watch(
    stub: &mut Stub,
    case: &Case,
    mut is_it: impl FnMut(&Case) -> bool,
) -> anyhow::Result<Case> {
    let request = WatchCaseRequest { case_id: case.case_id.clone() };
    let mut stream = stub.watch_case(request).await?.into_inner();
    while let Some(answer) = stream.message().await? {
        let case = answer.case.context("an answer without a case")?;
        if is_it(&case) {
            return Ok(case);
        }
    }
    anyhow::bail!("the case ended otherwise")
}

/// The case once it is completed.
pub async fn completed(stub: &mut Stub, case: &Case) -> anyhow::Result<Case> {
    watch(stub, case, |case| case.state() == CaseState::Completed).await
}

/// The case as it is.
pub async fn get(stub: &mut Stub, case_id: &str) -> anyhow::Result<Case> {
    let request = GetCaseRequest { case_id: case_id.to_owned() };
    stub.get_case(request).await?.into_inner().case.context("an answer without a case")
}

/// Waits until no case is in progress.
pub async fn all_settled(stub: &mut Stub) -> anyhow::Result<()> {
    let states = vec![CaseState::InProgress.into()];
    let request = ListCasesRequest { page_size: 1, states, ..ListCasesRequest::default() };
    while !stub.list_cases(request.clone()).await?.into_inner().cases.is_empty() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Downloads the export and throws it away: how many bytes came, and in how many chunks.
pub async fn download(stub: &mut Stub, case: &Case) -> anyhow::Result<(u64, u64)> {
    let request = DownloadExportRequest { case_id: case.case_id.clone(), offset: 0 };
    let mut stream = stub.download_export(request).await?.into_inner();
    let (mut bytes, mut chunks, mut size) = (0, 0, 0);
    while let Some(answer) = stream.message().await? {
        match answer.item {
            Some(Item::Chunk(chunk)) => {
                bytes += chunk.len() as u64;
                chunks += 1;
            }
            Some(Item::Info(info)) => size = info.size_bytes,
            None => {}
        }
    }
    anyhow::ensure!(bytes == size, "{bytes} bytes came of {size}");
    Ok((bytes, chunks))
}
