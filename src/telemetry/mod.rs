//! Logs to standard output, spans to an OTLP collector, and what is measured. The only home of OpenTelemetry.
//!
//! The OpenTelemetry layer is always there, with or without a collector: a case's trace context has to reach the
//! downstreams even where rightful itself exports nothing.

pub mod metrics;
mod outage;
mod start;
pub mod trace;

pub use outage::{Outage, chain};
pub use start::{Error, Guard, LogFormat, Settings, start};
