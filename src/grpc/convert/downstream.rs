//! Registered downstreams, for the eyes of a caller.

use super::{category, choice, time};
use crate::{
    engine::{Check, DownstreamView},
    proto::v1,
};

/// A downstream with all that it described.
pub(crate) fn downstream(mut view: DownstreamView) -> v1::Downstream {
    let capabilities = view.capabilities.take().unwrap_or_default();
    v1::Downstream {
        name: view.name,
        title: capabilities.title,
        endpoint: view.endpoint,
        understands: capabilities.understands.iter().map(ToString::to_string).collect(),
        provides: capabilities.provides.iter().map(ToString::to_string).collect(),
        rights: capabilities.rights.into_iter().map(|right| choice::right(right).into()).collect(),
        categories: capabilities.categories.into_iter().map(category::category).collect(),
        supports_dry_run: capabilities.supports_dry_run,
        supports_retention_sweep: capabilities.supports_sweep,
        backup_horizon: capabilities.backup_horizon_seconds.map(|seconds| prost_types::Duration {
            seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        parallel_calls: view.parallel_calls,
        describe_time: view.described_at.map(time::time),
        backlog: view.backlog,
        last_error: view.last_error.unwrap_or_default(),
        pause: view
            .lane
            .pause
            .map(|pause| v1::Pause { pause_time: Some(time::time(pause.at)), note: pause.note }),
        breaker: choice::breaker(view.lane.breaker.state).into(),
        breaker_retry_time: view.lane.breaker.until.map(time::time),
        calls_under_way: view.under_way,
        held_until_time: view.lane.held_until.map(time::time),
        manual: view.manual,
        processor_for: capabilities.processor_for.unwrap_or_default(),
    }
}

/// The same without its categories, as lists show it.
pub(crate) fn downstream_in_brief(view: DownstreamView) -> v1::Downstream {
    v1::Downstream { categories: Vec::new(), ..downstream(view) }
}

/// How a check went.
pub(crate) fn check(check: Check) -> v1::CheckDownstreamResponse {
    v1::CheckDownstreamResponse {
        downstream: Some(downstream(check.downstream)),
        healthy: check.error.is_none(),
        error: check.error.unwrap_or_default(),
        latency: Some(time::duration(check.latency)),
    }
}
