//! What can be counted with this configuration, from the start.

use std::sync::Arc;

use crate::{
    config::Config,
    domain::{clock::ClockKind, right::Right},
    telemetry::zero::{self, Known},
    transport::Reload,
};

/// Tells each series that the configuration lets us know beforehand.
pub(super) fn begin(config: &Config, followed: &[Arc<dyn Reload>]) {
    zero::begin(&Known {
        rights: Right::ALL.iter().map(|right| right.as_str()).collect(),
        regimes: config.handling.table.regimes.keys().map(String::as_str).collect(),
        clocks: ClockKind::ALL.iter().map(|kind| kind.as_str()).collect(),
        downstreams: config.downstreams.iter().map(|downstream| downstream.name.as_str()).collect(),
        webhooks: config.webhooks.iter().map(|webhook| webhook.name.as_str()).collect(),
        certificates: followed.iter().map(|one| one.name()).collect(),
        has_tokens: config.auth.as_ref().is_some_and(|auth| auth.tokens.is_some()),
    });
}
