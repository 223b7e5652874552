//! Starting and stopping telemetry.

use std::{
    io::{self, IsTerminal as _},
    net::SocketAddr,
    time::Duration,
};

use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::SdkLoggerProvider,
    trace::{Sampler, SdkTracerProvider},
};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    EnvFilter, Layer, filter::Targets, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use super::{
    exporters::{self, Otlp},
    meters::{self, Meters},
};

/// How long the last flush may take: well under the 30 s that Kubernetes gives a pod to end.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Crates whose spans stay out of the traces. The exporter itself runs on them: it would trace its own calls for ever.
const UNTRACED: [&str; 6] = ["hyper", "h2", "tower", "tonic", "reqwest", "opentelemetry"];

/// What libraries say below this is detail: they report each try that fails, while rightful says an outage once, and
/// each migration at each start. A filter that names them has the last word.
const QUIET: &str = "object_store=warn,sea_orm_migration=warn,sqlx=error,sqlx_core=error,sqlx_postgres=error";

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for programs.
    Json,
}

/// What to log and where to send traces.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How log lines look.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`: `info`, `rightful=debug,warn`.
    pub log_filter: String,
    /// The OTLP collector. Absent: nothing is exported there.
    pub otlp: Option<Otlp>,
    /// The share of traces that is recorded, 0 to 1. A caller that traces has decided already.
    pub sample_ratio: f64,
    /// Where `GET /metrics` is served for Prometheus; port 0 takes a free one. Absent: nowhere.
    pub metrics_listen: Option<SocketAddr>,
    /// `service.name` of what is exported.
    pub service_name: String,
    /// `service.instance.id`: tells replicas apart, and one run from the next.
    pub instance: String,
}

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not parse.
    #[error("the log filter is not understood: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// The OTLP endpoint cannot be used.
    #[error("the OTLP endpoint cannot be used: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The metrics cannot be collected for a scraper.
    #[error("metrics cannot be collected: {0}")]
    Metrics(#[from] OTelSdkError),
    /// The address of the metrics cannot be listened on.
    #[error("cannot serve metrics on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Keeps the exporters; [`Guard::shutdown`] sends what is still held back.
#[must_use = "what is not yet exported is lost without `shutdown`"]
pub struct Guard {
    provider: SdkTracerProvider,
    logs: Option<SdkLoggerProvider>,
    meters: Option<Meters>,
}

impl Guard {
    /// Where metrics can be scraped.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        Some(self.meters.as_ref()?.scrape.as_ref()?.address())
    }

    /// Sends the remaining spans, metrics and logs and stops the exporters. Takes at most 15 s. Off-thread, because the
    /// flush blocks and would starve a runtime with one worker, on which the exporters' own connections live.
    pub async fn shutdown(self) {
        let flush = tokio::task::spawn_blocking(move || {
            say(self.provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT), "the last spans were not exported");
            if let Some(meters) = self.meters {
                say(
                    meters.provider.shutdown_with_timeout(SHUTDOWN_TIMEOUT),
                    "the last metrics were not exported",
                );
            }
            if let Some(logs) = self.logs {
                say(logs.shutdown_with_timeout(SHUTDOWN_TIMEOUT), "the last logs were not exported");
            }
        });
        if let Err(error) = flush.await {
            tracing::warn!(%error, "the last of telemetry was not exported");
        }
    }
}

fn say(flushed: OTelSdkResult, consequence: &str) {
    if let Err(error) = flushed {
        tracing::warn!(%error, "{consequence}");
    }
}

/// Starts logs, traces and metrics for the whole process. With an OTLP endpoint or an address for metrics it has to be
/// called inside a tokio runtime; the collector need not be there yet.
///
/// A second call in the same process (as tests make) changes nothing; its guard has nothing to flush.
pub fn start(settings: &Settings) -> Result<Guard, Error> {
    let filter = || EnvFilter::try_new(format!("{QUIET},{}", settings.log_filter));
    let provider = provider(settings)?;
    let meters = meters::start(settings, resource(settings))?;
    let logs = loggers(settings)?;
    let sent = logs.as_ref().map(|logs| {
        let wanted = Targets::new().with_default(LevelFilter::TRACE).with_targets(untraced());
        Ok::<_, Error>(OpenTelemetryTracingBridge::new(logs).with_filter(filter()?).with_filter(wanted))
    });
    let subscriber = tracing_subscriber::registry()
        .with(log_layer(settings.log_format).with_filter(filter()?))
        .with(trace_layer(&provider))
        .with(sent.transpose()?);
    // The only failure is that a subscriber is there already, which is what the second call means.
    let _ = subscriber.try_init();
    Ok(Guard { provider, logs, meters })
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stdout);
    match format {
        LogFormat::Text => layer.with_ansi(std::io::stdout().is_terminal()).boxed(),
        // The list of spans carries the ids of case and task, whichever of them the event is logged in.
        LogFormat::Json => layer.json().flatten_event(true).with_current_span(false).boxed(),
    }
}

/// Who the spans, metrics and logs are of. The builder has read `OTEL_RESOURCE_ATTRIBUTES` already, where a platform says
/// what it knows (OpenTelemetry, "Environment Variable Specification"): the pod, the cluster, the environment.
fn resource(settings: &Settings) -> Resource {
    Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", settings.instance.clone()),
        ])
        .build()
}

fn provider(settings: &Settings) -> Result<SdkTracerProvider, Error> {
    let builder = SdkTracerProvider::builder().with_resource(resource(settings));
    let Some(otlp) = &settings.otlp else {
        // Ids are made and handed on, nothing is recorded; a caller's decision to sample is passed to the downstreams.
        return Ok(builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))).build());
    };
    let own = Sampler::TraceIdRatioBased(settings.sample_ratio);
    Ok(builder
        .with_sampler(Sampler::ParentBased(Box::new(own)))
        .with_batch_exporter(exporters::spans(otlp)?)
        .build())
}

fn loggers(settings: &Settings) -> Result<Option<SdkLoggerProvider>, Error> {
    let Some(otlp) = settings.otlp.as_ref().filter(|otlp| otlp.logs) else { return Ok(None) };
    let builder = SdkLoggerProvider::builder().with_resource(resource(settings));
    Ok(Some(builder.with_batch_exporter(exporters::logs(otlp)?).build()))
}

fn untraced() -> [(&'static str, LevelFilter); UNTRACED.len()] {
    UNTRACED.map(|target| (target, LevelFilter::OFF))
}

/// The layer that turns spans into OpenTelemetry spans. It ignores the log filter: quiet logs are no reason to break
/// a trace.
pub(super) fn trace_layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let wanted = Targets::new().with_default(LevelFilter::INFO).with_targets(untraced());
    tracing_opentelemetry::layer().with_tracer(provider.tracer("rightful")).with_filter(wanted)
}

#[cfg(test)]
pub(super) fn quiet_provider() -> SdkTracerProvider {
    provider(&quiet()).expect("nothing to connect to")
}

#[cfg(test)]
fn quiet() -> Settings {
    Settings {
        log_format: LogFormat::Json,
        log_filter: "off".into(),
        otlp: None,
        sample_ratio: 1.0,
        metrics_listen: None,
        service_name: "test".into(),
        instance: "one".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Protocol, *};

    #[tokio::test]
    async fn starting_twice_is_harmless() {
        start(&quiet()).unwrap().shutdown().await;
        start(&quiet()).unwrap().shutdown().await;
    }

    #[tokio::test]
    async fn bad_settings_are_errors() {
        let filtered = Settings { log_filter: "a=b=c".into(), ..quiet() };
        assert!(matches!(start(&filtered), Err(Error::Filter(_))));
        for protocol in [Protocol::Grpc, Protocol::Http] {
            let otlp = Otlp { endpoint: "not a url".into(), protocol, logs: true };
            let result = start(&Settings { otlp: Some(otlp), ..quiet() });
            assert!(matches!(result, Err(Error::Exporter(_))));
        }
    }

    #[test]
    fn spans_of_the_exporter_itself_are_not_traced() {
        let provider = quiet_provider();
        tracing::subscriber::with_default(
            tracing_subscriber::registry().with(trace_layer(&provider)),
            || {
                let own = tracing::info_span!("case").in_scope(crate::telemetry::trace::current);
                assert!(own.is_some());
                for span in [
                    tracing::info_span!(target: "h2::proto", "x"),
                    tracing::info_span!(target: "hyper_util", "x"),
                ] {
                    assert_eq!(span.in_scope(crate::telemetry::trace::current), None);
                }
            },
        );
    }
}
