//! Histograms whose buckets name the trace of something that fell into them: its exemplar (OpenMetrics 1.0, "Exemplars").
//!
//! The SDK (opentelemetry 0.33) keeps none. So what is measured is kept a second time for the scraper who asks for them: the
//! latest of each bucket, which bounds them by the number of series. Whoever is pushed to over OTLP gets none.

use std::{sync::OnceLock, time::Duration};

use opentelemetry::{KeyValue, metrics::Histogram};
use prometheus_client::{
    encoding::{EncodeMetric as _, MetricEncoder},
    metrics::{
        exemplar::HistogramWithExemplars,
        family::{Family, MetricConstructor},
    },
};
use tracing::Span;

use super::trace;

/// Set where somebody may scrape.
static WANTED: OnceLock<()> = OnceLock::new();

/// What an exemplar says: `trace_id`.
type Trace = [(&'static str, String); 1];
/// By what histograms of one name are told apart.
type Labels = Vec<(String, String)>;

/// Exemplars will be asked for. Has to happen before the first measurement.
pub(super) fn want() {
    // That they are wanted twice is no more than that they are wanted.
    let _ = WANTED.set(());
}

/// Makes histograms with these upper bounds of their buckets.
struct Bounds(&'static [f64]);

impl MetricConstructor<HistogramWithExemplars<Trace>> for Bounds {
    fn new_metric(&self) -> HistogramWithExemplars<Trace> {
        HistogramWithExemplars::new(self.0.iter().copied())
    }
}

/// A histogram of durations that happen inside of spans.
pub(super) struct Traced {
    name: String,
    histogram: Histogram<f64>,
    kept: Option<Family<Labels, HistogramWithExemplars<Trace>, Bounds>>,
}

impl Traced {
    /// `name` is that of Prometheus, and `bounds` are those of `histogram`.
    pub(super) fn new(name: String, histogram: Histogram<f64>, bounds: &'static [f64]) -> Self {
        let kept = WANTED.get().map(|()| Family::new_with_constructor(Bounds(bounds)));
        Self { name, histogram, kept }
    }

    /// Something took this long inside of `span`, which is the bucket's exemplar from now on if its trace is recorded.
    pub(super) fn record(&self, took: Duration, labels: &[KeyValue], span: &Span) {
        let took = took.as_secs_f64();
        self.histogram.record(took, labels);
        let Some(kept) = &self.kept else { return };
        let named =
            |label: &KeyValue| (label.key.as_str().replace('.', "_"), label.value.as_str().into_owned());
        let labels: Labels = labels.iter().map(named).collect();
        let trace = trace::sampled(span).map(|id| [("trace_id", id)]);
        #[expect(
            clippy::disallowed_methods,
            reason = "when it was measured, as the SDK stamps its points: nothing of a case hangs on it"
        )]
        let now = std::time::SystemTime::now();
        kept.get_or_create(&labels).observe(took, trace, Some(now));
    }

    /// Writes it down with its exemplars, if it is the one of this name and they are kept.
    pub(super) fn written(&self, name: &str) -> Option<impl Fn(MetricEncoder<'_>) -> std::fmt::Result + '_> {
        let kept = self.kept.as_ref().filter(|_| self.name == name)?;
        Some(move |encoder: MetricEncoder<'_>| kept.encode(encoder))
    }
}
