//! `docs/metrics.md`, printed from the declarations.

use rightful::telemetry::declared;

use crate::printed;

#[test]
fn the_printed_metrics_are_those_of_the_code() {
    let text = format!(
        "# Metrics\n\nPrinted from `src/telemetry/declared.rs` by `tests/tidy/metrics.rs`; do not edit. To print it again: \
         `RIGHTFUL_WRITE_DOCS=1 cargo test --test tidy`.\n\n\
         They are pushed over OTLP (`telemetry.otlp_endpoint`) and served to Prometheus (`telemetry.metrics_listen`). A label \
         is a name of the configuration or of a closed list: never an id, never anything about a person. In Prometheus a dot \
         of a label is an underscore, and a histogram has `_bucket`, `_sum` and `_count`. `target_info` carries what the \
         process says of itself (`service_version`, `service_instance_id`, and what `OTEL_RESOURCE_ATTRIBUTES` adds).\n\n\
         What is counted every minute or over the whole database (`rightful.cases.open`, `…due_soon`, `…overdue`, \
         `rightful.tasks.*`) is told by each replica alike: take `max`, not `sum`. A metric that has not been measured yet has \
         no series. Exemplars are not written: the SDK (opentelemetry 0.33) has no way to.\n\n{}",
        declared::table()
    );
    printed::compare("docs/metrics.md", &text);
}
