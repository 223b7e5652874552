//! The registered downstreams, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tonic::transport::Endpoint;

use super::Client;
use crate::domain::{Capabilities, Faults, lane::Rate, subject};

/// Pings are no more frequent than this: a dead connection is noticed soon enough, and an idle one costs nothing.
const PING_INTERVAL_MIN: Duration = Duration::from_secs(20);

/// How long the answer to a ping may take. Ten round trips around the world.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What may be under way unread on one stream: one whole record, so that a far downstream is not slowed to a window a
/// round trip, and a slow reader costs at most this.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;

/// The same for all streams of a downstream together.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// What the law gives a whole case: a single call that takes longer is a slip of the pen.
const TIMEOUT_MAX: Duration = Duration::from_hours(30 * 24);

/// One downstream, as it was configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[a-z][a-z0-9_]{0,62}`, unique.
    pub name: String,
    /// Where it is called: `http://billing:50051`.
    pub endpoint: String,
    /// Calls at once at the most, at least 1. The engine keeps to it.
    pub parallel_calls: u32,
    /// How often it is called at the most. Absent: as often as there is work. The engine keeps to it.
    pub rate: Option<Rate>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long a unary call may take.
    pub call_timeout: Duration,
    /// How long a stream may be silent.
    pub idle_timeout: Duration,
    /// How long a whole collection may take.
    pub collect_timeout: Duration,
}

/// The downstreams cannot be registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the downstreams are not well configured: {0}")]
pub struct Error(pub Faults);

/// All registered downstreams, in order of their names. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    clients: Arc<BTreeMap<String, Arc<Client>>>,
    /// Those that people answer for, with what the configuration says of them.
    manual: Arc<BTreeMap<String, Capabilities>>,
}

impl Registry {
    /// Checks all settings and prepares a client for each. Nothing is connected yet, so downstreams may be down. Has to
    /// be called inside a tokio runtime. The error lists every fault.
    pub fn new(settings: Vec<Settings>) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let mut clients = BTreeMap::new();
        for (position, settings) in settings.into_iter().enumerate() {
            let path = format!("downstream[{position}]");
            check_numbers(&settings, &path, &mut faults);
            if !subject::is_name(&settings.name) {
                faults.push(format!("{path}.name"), subject::NAME_RULE);
            } else if clients.contains_key(&settings.name) {
                faults.push(format!("{path}.name"), format!("must be unique: {} is taken", settings.name));
            }
            match endpoint(&settings) {
                Ok(endpoint) => {
                    let client = Client::new(endpoint.connect_lazy(), settings);
                    clients.insert(client.settings().name.clone(), Arc::new(client));
                }
                Err(rule) => faults.push(format!("{path}.endpoint"), rule),
            }
        }
        faults.or(Self { clients: Arc::new(clients), manual: Arc::default() }).map_err(Error)
    }

    /// The same, with these manual downstreams besides. Their names are in no settings.
    #[must_use]
    pub fn with_manual(self, manual: BTreeMap<String, Capabilities>) -> Self {
        Self { manual: Arc::new(manual), ..self }
    }

    /// What the configuration says of this downstream, if people answer for it.
    pub fn manual(&self, name: &str) -> Option<&Capabilities> {
        self.manual.get(name)
    }

    /// Whether there is such a downstream.
    pub fn knows(&self, name: &str) -> bool {
        self.clients.contains_key(name) || self.manual.contains_key(name)
    }

    /// The client of this downstream; a manual one has none.
    pub fn get(&self, name: &str) -> Option<Arc<Client>> {
        self.clients.get(name).cloned()
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let names: BTreeSet<&str> =
            self.clients.keys().chain(self.manual.keys()).map(String::as_str).collect();
        names.into_iter()
    }
}

fn check_numbers(settings: &Settings, path: &str, faults: &mut Faults) {
    if settings.parallel_calls == 0 {
        faults.push(format!("{path}.parallel_calls"), "must be at least 1");
    }
    for (name, timeout) in [
        ("connect_timeout", settings.connect_timeout),
        ("call_timeout", settings.call_timeout),
        ("idle_timeout", settings.idle_timeout),
        ("collect_timeout", settings.collect_timeout),
    ] {
        if timeout.is_zero() || timeout > TIMEOUT_MAX {
            faults.push(format!("{path}.{name}"), "must be longer than zero and at most 30 days");
        }
    }
}

fn endpoint(settings: &Settings) -> Result<Endpoint, &'static str> {
    let rule = "must be a URL such as http://billing:50051";
    if settings.endpoint.starts_with("https://") {
        return Err("must begin with http://: TLS to downstreams is not there yet");
    }
    // Asked of the text, because tonic would also take host names without a scheme, and socket files.
    if !settings.endpoint.starts_with("http://") {
        return Err(rule);
    }
    let endpoint = Endpoint::from_shared(settings.endpoint.clone()).map_err(|_| rule)?;
    // Pings notice a peer that vanished without a word. gRPC servers hang up on the third ping that comes while they
    // are silent themselves, so at most two fit into the longest silence that we bear.
    let silence = settings.call_timeout.max(settings.idle_timeout);
    endpoint.user_agent(concat!("rightful/", env!("CARGO_PKG_VERSION"))).map_err(|_| rule).map(|endpoint| {
        endpoint
            .connect_timeout(settings.connect_timeout)
            .http2_keep_alive_interval(PING_INTERVAL_MIN.max(silence / 2))
            .keep_alive_timeout(PING_TIMEOUT)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(name: &str, endpoint: &str) -> Settings {
        Settings {
            name: name.into(),
            endpoint: endpoint.into(),
            parallel_calls: 1,
            rate: None,
            connect_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_mins(1),
            collect_timeout: Duration::from_mins(10),
        }
    }

    #[tokio::test]
    async fn names_are_sorted() {
        let registry = Registry::new(vec![
            settings("marketing", "http://localhost:2"),
            settings("billing", "http://[::1]:1/"),
        ])
        .unwrap();
        assert_eq!(registry.names().collect::<Vec<_>>(), ["billing", "marketing"]);
        assert_eq!(registry.get("billing").unwrap().settings().endpoint, "http://[::1]:1/");
        assert!(registry.get("analytics").is_none());
    }

    #[tokio::test]
    async fn every_fault_is_listed() {
        let mut zero = settings("c", "http://c:1");
        zero.parallel_calls = 0;
        zero.idle_timeout = Duration::ZERO;
        zero.collect_timeout = Duration::MAX;
        let error = Registry::new(vec![
            settings("Billing", "localhost:1"),
            settings("a", "https://a:1"),
            settings("b", "http://b:1"),
            settings("b", "unix:/tmp/x"),
            settings("d", "http://"),
            zero,
        ])
        .err()
        .unwrap();
        let fields: Vec<&str> = error.0.as_slice().iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(
            fields,
            [
                "downstream[0].name",
                "downstream[0].endpoint",
                "downstream[1].endpoint",
                "downstream[3].name",
                "downstream[3].endpoint",
                "downstream[4].endpoint",
                "downstream[5].parallel_calls",
                "downstream[5].idle_timeout",
                "downstream[5].collect_timeout",
            ]
        );
    }
}
