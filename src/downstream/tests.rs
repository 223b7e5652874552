//! The client against a scripted downstream on a loopback socket.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt as _, future, stream, stream::BoxStream};
use jiff::SignedDuration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::Instrument as _;
use uuid::Uuid;

use super::*;
use crate::{
    domain::{Action, Ask, Directive, DirectiveSource, Identifier, Subject, TaskReason},
    proto::downstream::v1::{
        self,
        subject_data_service_server::{SubjectDataService, SubjectDataServiceServer},
    },
    telemetry,
};

/// Long enough for a loopback call on a busy machine.
const PATIENT: Duration = Duration::from_secs(20);
/// Short enough to wait for.
const IMPATIENT: Duration = Duration::from_millis(100);

const CALL: Uuid = Uuid::from_u128(7);

/// A downstream that does as it is told.
#[derive(Default)]
struct Fake {
    /// Answers this to everything.
    status: Option<Status>,
    /// Never answers.
    hangs: bool,
    /// What Collect sends.
    stream: Vec<Result<v1::CollectResponse, Status>>,
    /// Collect never ends.
    stream_hangs: bool,
    /// `task_id` and `traceparent` of the last Erase.
    seen: Arc<Mutex<Option<(String, String)>>>,
}

impl Fake {
    async fn gate(&self) -> Result<(), Status> {
        if self.hangs {
            future::pending::<()>().await;
        }
        self.status.clone().map_or(Ok(()), Err)
    }
}

#[tonic::async_trait]
impl SubjectDataService for Fake {
    type CollectStream = BoxStream<'static, Result<v1::CollectResponse, Status>>;

    async fn describe(
        &self,
        _: Request<v1::DescribeRequest>,
    ) -> Result<Response<v1::DescribeResponse>, Status> {
        self.gate().await?;
        Ok(Response::new(v1::DescribeResponse::default()))
    }

    async fn resolve_identifiers(
        &self,
        request: Request<v1::ResolveIdentifiersRequest>,
    ) -> Result<Response<v1::ResolveIdentifiersResponse>, Status> {
        self.gate().await?;
        // An echo: the identifiers that were sent, with their values as they were.
        let identifiers = request.into_inner().subject.unwrap_or_default().identifiers;
        Ok(Response::new(v1::ResolveIdentifiersResponse { identifiers }))
    }

    async fn collect(&self, _: Request<v1::CollectRequest>) -> Result<Response<Self::CollectStream>, Status> {
        self.gate().await?;
        let sent = stream::iter(self.stream.clone());
        Ok(Response::new(if self.stream_hangs {
            sent.chain(stream::pending()).boxed()
        } else {
            sent.boxed()
        }))
    }

    async fn erase(&self, request: Request<v1::EraseRequest>) -> Result<Response<v1::EraseResponse>, Status> {
        self.gate().await?;
        let trace = request.metadata().get("traceparent").and_then(|value| value.to_str().ok());
        let trace = trace.unwrap_or_default().to_owned();
        *self.seen.lock().unwrap() = Some((request.into_inner().task_id, trace));
        let working = v1::Working { poll_after: Some(prost_types::Duration { seconds: 2, nanos: 0 }) };
        Ok(Response::new(v1::EraseResponse { answer: Some(v1::erase_response::Answer::Working(working)) }))
    }

    async fn rectify(&self, _: Request<v1::RectifyRequest>) -> Result<Response<v1::RectifyResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn restrict(
        &self,
        _: Request<v1::RestrictRequest>,
    ) -> Result<Response<v1::RestrictResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn object(&self, _: Request<v1::ObjectRequest>) -> Result<Response<v1::ObjectResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn withdraw_consent(
        &self,
        _: Request<v1::WithdrawConsentRequest>,
    ) -> Result<Response<v1::WithdrawConsentResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn get_task(
        &self,
        _: Request<v1::GetTaskRequest>,
    ) -> Result<Response<v1::GetTaskResponse>, Status> {
        self.gate().await?;
        let outcome = v1::Outcome { categories: vec![] };
        Ok(Response::new(v1::GetTaskResponse {
            answer: Some(v1::get_task_response::Answer::Outcome(outcome)),
        }))
    }

    async fn sweep_retention(
        &self,
        _: Request<v1::SweepRetentionRequest>,
    ) -> Result<Response<v1::SweepRetentionResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

fn client_of(endpoint: String, patience: Duration) -> Arc<Client> {
    let settings = Settings {
        name: "fake".into(),
        endpoint,
        tls: None,
        parallel_calls: 1,
        rate: None,
        connect_timeout: PATIENT,
        call_timeout: patience,
        idle_timeout: patience,
        collect_timeout: PATIENT,
    };
    Registry::new(vec![settings], jiff::Timestamp::UNIX_EPOCH).unwrap().get("fake").unwrap()
}

async fn serve(fake: Fake, patience: Duration) -> Arc<Client> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let service = SubjectDataServiceServer::new(fake).max_encoding_message_size(usize::MAX);
    let server = tonic::transport::Server::builder().add_service(service);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    client_of(endpoint, patience)
}

fn subject() -> Subject {
    [Identifier::new("email", "canary@example.org").unwrap()].into_iter().collect()
}

async fn collect(client: &Client) -> Result<Vec<Item>, Failure> {
    let mut collection = client
        .collect(Collect {
            call_id: CALL,
            subject: &subject(),
            categories: &["notes".into()],
            resume_token: Bytes::new(),
            so_far: Counts::default(),
        })
        .await?;
    let mut items = Vec::new();
    while let Some(item) = collection.next().await? {
        items.push(item);
    }
    Ok(items)
}

fn record(bytes: usize) -> v1::CollectResponse {
    let json = format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)).into();
    v1::CollectResponse {
        item: Some(v1::collect_response::Item::Record(v1::Record { category: "notes".into(), json })),
    }
}

fn summary(records: u64) -> v1::CollectResponse {
    let count = v1::CategoryCount { category: "notes".into(), records, ..v1::CategoryCount::default() };
    v1::CollectResponse {
        item: Some(v1::collect_response::Item::Summary(v1::Summary { categories: vec![count] })),
    }
}

#[tokio::test]
async fn a_collection_comes_through() {
    let stream = vec![Ok(record(1)), Ok(record(1 << 19)), Ok(summary(2))];
    let client = serve(Fake { stream, ..Fake::default() }, PATIENT).await;
    // Spawned, as the engine does: the calls have to be fit for any thread.
    let items = tokio::spawn(async move { collect(&client).await }).await.unwrap();
    assert_eq!(items.unwrap().len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_tried_again() {
    for (last, why) in [
        (None, "the stream ended without a summary"),
        (Some(Status::unavailable("")), "the downstream answered UNAVAILABLE"),
        (Some(Status::internal("")), "the downstream answered INTERNAL"),
    ] {
        let mut stream = vec![Ok(record(1))];
        stream.extend(last.map(Err));
        let client = serve(Fake { stream, ..Fake::default() }, PATIENT).await;
        assert_eq!(collect(&client).await, Err(Failure::unavailable(why)));
    }
    // A good summary does not heal a bad end.
    let stream = vec![Ok(summary(0)), Err(Status::data_loss(""))];
    let client = serve(Fake { stream, ..Fake::default() }, PATIENT).await;
    assert_eq!(collect(&client).await.unwrap_err().reason, TaskReason::Rejected);
}

#[tokio::test]
async fn records_that_are_too_large_are_violations() {
    for (bytes, why) in [(2 << 20, "the limit is 1048576"), (5 << 20, "larger than 4 MiB")] {
        let client = serve(Fake { stream: vec![Ok(record(bytes))], ..Fake::default() }, PATIENT).await;
        let failure = collect(&client).await.unwrap_err();
        assert_eq!(failure.reason, TaskReason::ContractViolation, "{failure}");
        assert!(failure.message.contains(why), "{failure}");
    }
}

#[tokio::test]
async fn silence_ends_in_a_timeout() {
    let client = serve(Fake { hangs: true, ..Fake::default() }, IMPATIENT).await;
    assert_eq!(client.describe().await, Err(Failure::unavailable("no answer within 100ms")));
    assert_eq!(collect(&client).await, Err(Failure::unavailable("the stream did not open within 100ms")));

    let fake = Fake { stream: vec![Ok(record(1))], stream_hangs: true, ..Fake::default() };
    let client = serve(fake, IMPATIENT).await;
    assert_eq!(collect(&client).await, Err(Failure::unavailable("the stream was silent for 100ms")));
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = client_of(endpoint, PATIENT).describe().await.unwrap_err();
    assert_eq!(failure, Failure::unavailable("the connection failed (UNAVAILABLE)"));
}

#[tokio::test]
async fn a_peer_that_is_no_grpc_server_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.writable().await.unwrap();
            socket.try_write(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        }
    });
    let failure = client_of(endpoint, PATIENT).describe().await.unwrap_err();
    assert_eq!(failure.reason, TaskReason::Unavailable);
    assert!(failure.message.starts_with("the connection failed"), "{failure}");
}

#[tokio::test]
async fn codes_mean_what_the_contract_says() {
    let again = [
        Code::Unavailable,
        Code::DeadlineExceeded,
        Code::ResourceExhausted,
        Code::Aborted,
        Code::Internal,
        Code::Unknown,
        Code::Cancelled,
    ];
    for code in (1..=16).map(Code::from_i32) {
        let fake = Fake { status: Some(Status::new(code, "canary@example.org")), ..Fake::default() };
        let client = serve(fake, PATIENT).await;
        let failure = client.describe().await.unwrap_err();
        let expected = if again.contains(&code) { TaskReason::Unavailable } else { TaskReason::Rejected };
        assert_eq!(failure.reason, expected, "{code:?}");
        assert!(failure.message.starts_with("the downstream answered "), "{failure}");
        assert!(!failure.message.contains("canary"), "{failure}");
        assert_eq!(failure.retry_after, None);
    }
}

#[tokio::test]
async fn retry_info_is_handed_on() {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(2_500)));
    let status = Status::with_error_details(Code::ResourceExhausted, "", details);
    let client = serve(Fake { status: Some(status), ..Fake::default() }, PATIENT).await;
    let failure = client.describe().await.unwrap_err();
    assert_eq!(failure.retry_after, Some(SignedDuration::from_millis(2_500)));
}

#[tokio::test]
async fn an_erasure_carries_its_key_and_its_trace() {
    let _guard = telemetry::start(&telemetry::Settings {
        log_format: telemetry::LogFormat::Text,
        log_filter: "off".into(),
        otlp: None,
        sample_ratio: 1.0,
        metrics_listen: None,
        service_name: "test".into(),
        instance: "one".into(),
    })
    .unwrap();
    let fake = Fake::default();
    let seen = fake.seen.clone();
    let client = serve(fake, PATIENT).await;
    let directives = vec![Directive {
        category: "notes".into(),
        action: Action::Erase,
        ground: None,
        period: None,
        source: DirectiveSource::Default,
    }];
    let (subject, ask) = (subject(), Ask::Erase { directives });
    let change = Change { call_id: CALL, subject: &subject, ask: &ask, corrections: &[], dry_run: false };
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let span = tracing::info_span!("task");
    telemetry::trace::continue_from(&span, &format!("00-{trace}-b7ad6b7169203331-01"));

    let answer = client.change(change).instrument(span).await.unwrap();

    assert_eq!(answer, Answer::Working { poll_after: SignedDuration::from_secs(2) });
    let (task_id, traceparent) = seen.lock().unwrap().take().unwrap();
    assert_eq!(task_id, CALL.to_string());
    assert!(traceparent.contains(trace), "{traceparent}");
    assert_eq!(client.poll(CALL, &ask).await, Ok(Some(Answer::Done(vec![]))));
}

#[tokio::test]
async fn a_forgotten_task_is_not_a_failure() {
    let client = serve(Fake { status: Some(Status::not_found("")), ..Fake::default() }, PATIENT).await;
    assert_eq!(client.poll(CALL, &Ask::Erase { directives: vec![] }).await, Ok(None));
    assert_eq!(client.describe().await.unwrap_err().reason, TaskReason::Rejected);
}

#[tokio::test]
async fn resolving_and_describing_come_through() {
    let client = serve(Fake::default(), PATIENT).await;
    assert_eq!(client.describe().await.unwrap().title, "fake");
    let email = Identifier::new("email", "canary@example.org").unwrap();
    let found = client.resolve(CALL, &subject(), &[email.kind().clone()]).await.unwrap();
    assert_eq!(found, [email]);
}

#[tokio::test]
async fn asking_for_nothing_is_our_own_fault() {
    let client = serve(Fake::default(), PATIENT).await;
    let ask = Collect {
        call_id: CALL,
        subject: &subject(),
        categories: &[],
        resume_token: Bytes::new(),
        so_far: Counts::default(),
    };
    assert_eq!(client.collect(ask).await.err().unwrap().reason, TaskReason::Internal);
}
