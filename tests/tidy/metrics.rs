//! `docs/metrics.md`, printed from the declarations.

use std::fs;

use rightful::telemetry::declared;

use crate::{printed, report, source};

/// Every way to measure is called somewhere: one that is not measures nothing, whatever is declared.
#[test]
fn what_is_declared_is_measured() {
    let metrics = fs::read_to_string(source::top().join("src/telemetry/metrics.rs")).expect("it is there");
    let names = metrics.lines().filter_map(|line| line.strip_prefix("pub fn ")?.split('(').next());
    let mut code = String::new();
    let mut folders = vec![source::top().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the folder is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                code += &fs::read_to_string(path).expect("it can be read");
            }
        }
    }
    let unused = names.filter(|name| !code.contains(&format!("metrics::{name}(")));
    report(&unused.map(|name| format!("metrics::{name} is called nowhere")).collect::<Vec<_>>());
}

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
         `rightful.tasks.*`) is told by each replica alike: take `max`, not `sum`. Counters whose \
         labels are known beforehand begin at 0, so that an alert sees their first event; what else has not been measured yet \
         has no series.\n\n\
         A scraper that accepts `application/openmetrics-text`, as Prometheus does, gets OpenMetrics 1.0, where the buckets of \
         `rpc.server.call.duration`, `rpc.client.call.duration` and `rightful.task.attempt.duration` name the trace of the latest \
         that fell into them, if it is recorded (`telemetry.sample_percent`, or its caller wanted it): their exemplar. Prometheus \
         keeps them with `--enable-feature=exemplar-storage`, and the dashboard asks for them. Whoever accepts no OpenMetrics \
         gets the older text format, and whoever is pushed to over OTLP the same metrics, both without exemplars.\n\n{}",
        declared::table()
    );
    printed::compare("docs/metrics.md", &text);
}
