//! Logs to standard output, spans, metrics and (if wanted) logs to an OTLP collector, metrics to whoever scrapes them. The only home of
//! OpenTelemetry.
//!
//! The OpenTelemetry layer is always there, with or without a collector: a case's trace context has to reach the
//! downstreams even where rightful itself exports nothing.

pub mod code;
pub mod declared;
mod exemplar;
mod exporters;
mod meters;
pub mod metrics;
mod openmetrics;
mod outage;
pub mod probe;
mod scrape;
mod start;
pub mod trace;
pub mod zero;

pub use exporters::{Otlp, Protocol};
pub use outage::{Outage, chain};
pub use start::{Error, Guard, LogFormat, Settings, start};
