//! Where the instruments of [`super::metrics`] lead: to the OTLP collector, to whoever scrapes, or nowhere.

use opentelemetry::global;
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};

use super::{
    exemplar, exporters,
    scrape::Scrape,
    start::{Error, Settings},
};

/// What collects the measurements.
pub(super) struct Meters {
    pub(super) provider: SdkMeterProvider,
    pub(super) scrape: Option<Scrape>,
}

/// Sets the provider of the whole process, if metrics are wanted anywhere. Has to happen before the first of them is
/// counted.
pub(super) fn start(settings: &Settings, resource: Resource) -> Result<Option<Meters>, Error> {
    if settings.otlp.is_none() && settings.metrics_listen.is_none() {
        return Ok(None);
    }
    if settings.metrics_listen.is_some() {
        exemplar::want();
    }
    let mut builder = SdkMeterProvider::builder().with_resource(resource);
    if let Some(otlp) = &settings.otlp {
        builder = builder.with_periodic_exporter(exporters::metrics(otlp)?);
    }
    let registry = prometheus::Registry::new();
    if settings.metrics_listen.is_some() {
        // All is of one scope, which would be one more label of each series that says nothing.
        let exporter = opentelemetry_prometheus::exporter().scope_info_enabled(false);
        builder = builder.with_reader(exporter.with_registry(registry.clone()).build()?);
    }
    let provider = builder.build();
    global::set_meter_provider(provider.clone());
    // The provider has to be there before somebody scrapes: whoever comes first makes the instruments.
    let listening = settings
        .metrics_listen
        .map(|address| Scrape::start(address, registry).map_err(|source| Error::Listen { address, source }));
    let scrape = listening.transpose()?;
    Ok(Some(Meters { provider, scrape }))
}
