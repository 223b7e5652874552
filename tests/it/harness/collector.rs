//! An OTLP collector, over gRPC or HTTP: keeps every span, every log line and the name of every metric that it is sent.

use std::collections::BTreeSet;

use axum::{Router, body::Bytes, extract::State, routing::post};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::any_value::Value,
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// What has come.
#[derive(Clone, Default)]
struct Kept {
    spans: watch::Sender<Vec<Span>>,
    metrics: watch::Sender<BTreeSet<String>>,
    logs: watch::Sender<Vec<LogRecord>>,
    /// The keys of what senders say of themselves.
    resources: watch::Sender<BTreeSet<String>>,
}

/// The collector. It stops when it is dropped.
pub struct Collector {
    endpoint: String,
    kept: Kept,
    serving: AbortHandle,
}

impl Collector {
    /// Starts on a free port, over gRPC.
    pub async fn start() -> Self {
        let (kept, listener, endpoint) = prepare().await;
        let server = Server::builder()
            .add_service(TraceServiceServer::new(kept.clone()))
            .add_service(MetricsServiceServer::new(kept.clone()))
            .add_service(LogsServiceServer::new(kept.clone()))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let serving = tokio::spawn(async move { server.await.expect("accepting does not end") });
        Self { endpoint, kept, serving: serving.abort_handle() }
    }

    /// Starts on a free port, over HTTP, below `/otlp`.
    pub async fn start_http() -> Self {
        let (kept, listener, endpoint) = prepare().await;
        let router = Router::new()
            .route(
                "/otlp/v1/traces",
                post(|State(kept): State<Kept>, body: Bytes| async move { kept.spans(decoded(&body)) }),
            )
            .route(
                "/otlp/v1/metrics",
                post(|State(kept): State<Kept>, body: Bytes| async move { kept.metrics(decoded(&body)) }),
            )
            .route(
                "/otlp/v1/logs",
                post(|State(kept): State<Kept>, body: Bytes| async move { kept.logs(decoded(&body)) }),
            )
            .with_state(kept.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { endpoint: format!("{endpoint}/otlp"), kept, serving: serving.abort_handle() }
    }

    /// `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Waits until the spans are as wanted, and answers all of them.
    pub async fn spans(&self, what: &str, are_so: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let mut spans = self.kept.spans.subscribe();
        let seen = super::soon(what, spans.wait_for(|spans| are_so(spans))).await;
        seen.expect("the collector is there").clone()
    }

    /// The names of the metrics so far.
    pub fn metrics(&self) -> BTreeSet<String> {
        self.kept.metrics.borrow().clone()
    }

    /// The log lines so far.
    pub fn logs(&self) -> Vec<LogRecord> {
        self.kept.logs.borrow().clone()
    }

    /// All spans and log lines, as a text to be searched.
    pub fn everything(&self) -> String {
        format!("{:?} {:?}", self.kept.spans.borrow(), self.kept.logs.borrow())
    }

    /// The keys of what senders say of themselves.
    pub fn resources(&self) -> BTreeSet<String> {
        self.kept.resources.borrow().clone()
    }
}

async fn prepare() -> (Kept, TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it has an address"));
    (Kept::default(), listener, endpoint)
}

fn decoded<T: Message + Default>(body: &[u8]) -> T {
    T::decode(body).expect("it is the signal's message")
}

impl Kept {
    fn spans(&self, request: ExportTraceServiceRequest) {
        for sent in request.resource_spans {
            self.resource(sent.resource);
            self.spans.send_modify(|spans| {
                spans.extend(sent.scope_spans.into_iter().flat_map(|scope| scope.spans));
            });
        }
    }

    fn metrics(&self, request: ExportMetricsServiceRequest) {
        for sent in request.resource_metrics {
            self.resource(sent.resource);
            let metrics = sent.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.metrics.send_modify(|names| names.extend(metrics.map(|metric| metric.name)));
        }
    }

    fn logs(&self, request: ExportLogsServiceRequest) {
        for sent in request.resource_logs {
            self.resource(sent.resource);
            let records = sent.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            self.logs.send_modify(|logs| logs.extend(records));
        }
    }

    fn resource(&self, resource: Option<Resource>) {
        let keys = resource.unwrap_or_default().attributes.into_iter().map(|attribute| attribute.key);
        self.resources.send_modify(|resources| resources.extend(keys));
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The text of a span's attribute; empty if it has none.
pub fn attribute<'a>(span: &'a Span, key: &str) -> &'a str {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.spans(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.logs(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}
