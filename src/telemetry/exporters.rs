//! What sends spans, metrics and logs to an OTLP collector, over gRPC or HTTP.

use std::time::Duration;

use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig as _,
};

/// How long one batch may take to be sent. A collector that is slower loses it; cases do not wait for it.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the collector is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Otlp {
    /// `http://localhost:4317`; over HTTP also `https://` and with a path, to which `/v1/traces` and so on are added.
    pub endpoint: String,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Whether log lines are sent as well.
    pub logs: bool,
}

/// How a collector is spoken to (OTLP 1.5, "Protocol Details").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// OTLP/gRPC, without TLS.
    Grpc,
    /// OTLP/HTTP with binary Protobuf.
    Http,
}

/// One exporter; the three builders share their methods and no trait.
macro_rules! exporter {
    ($Exporter:ident, $otlp:expr, $path:literal) => {
        match $otlp.protocol {
            Protocol::Grpc => {
                let builder = $Exporter::builder().with_tonic().with_endpoint(&$otlp.endpoint);
                builder.with_timeout(EXPORT_TIMEOUT).build()
            }
            Protocol::Http => {
                let url = format!("{}{}", $otlp.endpoint.trim_end_matches('/'), $path);
                $Exporter::builder().with_http().with_endpoint(url).with_timeout(EXPORT_TIMEOUT).build()
            }
        }
    };
}

pub(super) fn spans(otlp: &Otlp) -> Result<SpanExporter, ExporterBuildError> {
    exporter!(SpanExporter, otlp, "/v1/traces")
}

pub(super) fn metrics(otlp: &Otlp) -> Result<MetricExporter, ExporterBuildError> {
    exporter!(MetricExporter, otlp, "/v1/metrics")
}

pub(super) fn logs(otlp: &Otlp) -> Result<LogExporter, ExporterBuildError> {
    exporter!(LogExporter, otlp, "/v1/logs")
}
