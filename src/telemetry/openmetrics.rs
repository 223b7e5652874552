//! All metrics in the text format of OpenMetrics 1.0, which unlike the older one of Prometheus has a place for exemplars.

use std::fmt;

use prometheus::{
    Registry,
    proto::{Metric, MetricFamily, MetricType},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, text::encode},
    metrics::MetricType as Type,
};

use super::metrics::INSTRUMENTS;

/// The media type that a scraper accepts who understands it.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text";
/// What the answer says of itself.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What OpenMetrics calls the info that it writes as `target_info`.
const TARGET: &str = "target";

/// No exemplar of a counter.
type NoExemplar = [(&'static str, &'static str); 0];

/// All metrics as they are now. Fails only if they cannot be written to memory.
pub(super) fn text(registry: &Registry) -> Result<String, fmt::Error> {
    let mut all = prometheus_client::registry::Registry::default();
    all.register_collector(Box::new(Gathered(registry.clone())));
    let mut text = String::new();
    encode(&mut text, &all)?;
    Ok(text)
}

/// What the SDK has put into its registry, and the exemplars from beside it.
#[derive(Debug)]
struct Gathered(Registry);

impl Collector for Gathered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.gather().iter().try_for_each(|family| one(family, &mut encoder))
    }
}

fn one(family: &MetricFamily, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let name = family.name();
    let (name, kind) = match family.get_field_type() {
        MetricType::COUNTER => (name.strip_suffix("_total").unwrap_or(name), Type::Counter),
        MetricType::GAUGE if name.strip_suffix("_info") == Some(TARGET) => (TARGET, Type::Info),
        MetricType::GAUGE => (name, Type::Gauge),
        MetricType::HISTOGRAM => (name, Type::Histogram),
        // The SDK has no others.
        MetricType::SUMMARY | MetricType::UNTYPED => return Ok(()),
    };
    let mut written = encoder.encode_descriptor(name, family.help(), None, kind)?;
    if let Some(with_exemplars) = INSTRUMENTS.traced().into_iter().find_map(|traced| traced.written(name)) {
        return with_exemplars(written);
    }
    for metric in family.get_metric() {
        let labels: Vec<(&str, &str)> =
            metric.get_label().iter().map(|label| (label.name(), label.value())).collect();
        if kind == Type::Info {
            written.encode_info(&labels)?;
        } else {
            value(metric, kind, &mut written.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn value(metric: &Metric, kind: Type, written: &mut MetricEncoder<'_>) -> fmt::Result {
    match kind {
        Type::Counter => {
            written.encode_counter::<NoExemplar, f64, f64>(&metric.get_counter().get_value(), None)
        }
        Type::Histogram => {
            let histogram = metric.get_histogram();
            let (mut before, mut buckets) = (0, Vec::new());
            for bucket in histogram.get_bucket() {
                buckets.push((bucket.upper_bound(), bucket.cumulative_count().saturating_sub(before)));
                before = bucket.cumulative_count();
            }
            let count = histogram.get_sample_count();
            buckets.push((f64::INFINITY, count.saturating_sub(before)));
            written.encode_histogram::<NoExemplar>(histogram.get_sample_sum(), count, &buckets, None)
        }
        Type::Gauge | Type::Info | Type::Unknown => written.encode_gauge(&metric.get_gauge().get_value()),
    }
}
