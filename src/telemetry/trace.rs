//! The W3C trace context: out of the current span, and from a stored or received text into a new one.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::TraceContextExt as _,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// The name of the header, and of the gRPC metadata entry, that carries the trace context (W3C Trace Context, 3.2).
pub const HEADER: &str = "traceparent";

/// The `traceparent` of the current span: what to send along with a call, or to store with a case. Absent outside of
/// any span, and if telemetry was not started.
pub fn current() -> Option<String> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0
}

/// The id of the trace that `span` is in, if that is recorded.
pub(super) fn sampled(span: &Span) -> Option<String> {
    let context = span.context();
    let of = context.span().span_context().clone();
    of.is_sampled().then(|| of.trace_id().to_string())
}

/// Makes `span` a child of the span that `traceparent` names. Has to happen before the span is entered for the first
/// time. A text that is not a valid `traceparent` is ignored, as the standard asks: the span then begins a new trace.
pub fn continue_from(span: &Span, traceparent: &str) {
    let carrier = Carrier(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    if context.span().span_context().is_valid() {
        // Fails if the span is filtered out or already entered: then there is nothing to attach the trace to.
        let _ = span.set_parent(context);
    }
}

/// One header. `tracestate` is left out: it is vendors' private data, and stored cases have no place for it.
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == HEADER {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == HEADER)
    }

    fn keys(&self) -> Vec<&str> {
        vec![HEADER]
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::telemetry::start::{quiet_provider, trace_layer};

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

    fn traced<T>(test: impl FnOnce() -> T) -> T {
        let provider = quiet_provider();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(trace_layer(&provider)), test)
    }

    fn child_of(traceparent: &str) -> String {
        let span = tracing::info_span!("task");
        continue_from(&span, traceparent);
        span.in_scope(current).unwrap()
    }

    #[test]
    fn a_trace_is_continued_with_the_callers_decision() {
        traced(|| {
            for flags in ["00", "01"] {
                let child = child_of(&format!("00-{TRACE}-b7ad6b7169203331-{flags}"));
                assert_eq!(child.len(), 55);
                assert!(child.starts_with(&format!("00-{TRACE}-")), "{child}");
                assert!(child.ends_with(&format!("-{flags}")), "{child}");
                assert!(!child.contains("b7ad6b7169203331"), "a span of its own: {child}");
            }
        });
    }

    #[test]
    fn nonsense_begins_a_new_trace() {
        traced(|| {
            for bad in ["", "nonsense", "00-0-0-00", &format!("00-{TRACE}-0000000000000000-01")] {
                let child = child_of(bad);
                assert!(!child.contains(TRACE), "{bad:?} gave {child}");
            }
        });
    }

    #[test]
    fn without_a_span_there_is_nothing_to_send() {
        assert_eq!(traced(current), None);
    }
}
