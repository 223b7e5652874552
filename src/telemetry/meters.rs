//! Where the instruments of [`super::metrics`] lead: to the OTLP collector, to whoever scrapes, or nowhere.

use opentelemetry::global;
use opentelemetry_sdk::{Resource, metrics::SdkMeterProvider};

use super::{
    exporters,
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
    let mut builder = SdkMeterProvider::builder().with_resource(resource);
    if let Some(otlp) = &settings.otlp {
        builder = builder.with_periodic_exporter(exporters::metrics(otlp)?);
    }
    let mut scrape = None;
    if let Some(address) = settings.metrics_listen {
        let registry = prometheus::Registry::new();
        let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build()?;
        builder = builder.with_reader(exporter);
        let listening = Scrape::start(address, registry);
        scrape = Some(listening.map_err(|source| Error::Listen { address, source })?);
    }
    let provider = builder.build();
    global::set_meter_provider(provider.clone());
    Ok(Some(Meters { provider, scrape }))
}
