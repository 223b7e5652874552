//! The registered downstreams, by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tonic::transport::Endpoint;

use super::Client;
use crate::{
    domain::{Capabilities, Faults, lane::Rate, subject},
    transport::{self, Connector, Reload},
};

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
    /// Where it is called: `https://billing:50051`.
    pub endpoint: String,
    /// How it is called over TLS, if the endpoint is https.
    pub tls: Option<transport::Client>,
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
    /// Whose certificates and authorities follow their files.
    followed: Vec<Arc<dyn Reload>>,
}

impl Registry {
    /// Checks all settings and prepares a client for each. Nothing is connected yet, so downstreams may be down. Has to
    /// be called inside a tokio runtime. The error lists every fault.
    ///
    /// `now`: whether their certificates are good is asked at this time.
    pub fn new(settings: Vec<Settings>, now: Timestamp) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let mut clients = BTreeMap::new();
        let mut followed: Vec<Arc<dyn Reload>> = Vec::new();
        for (position, settings) in settings.into_iter().enumerate() {
            let path = format!("downstream[{position}]");
            check_numbers(&settings, &path, &mut faults);
            if !subject::is_name(&settings.name) {
                faults.push(format!("{path}.name"), subject::NAME_RULE);
            } else if clients.contains_key(&settings.name) {
                faults.push(format!("{path}.name"), format!("must be unique: {} is taken", settings.name));
            }
            let connector = connector(&settings, now).map_err(|found| faults.extend(found)).ok().flatten();
            match endpoint(&settings) {
                Ok(endpoint) => {
                    let channel = match connector {
                        None => endpoint.connect_lazy(),
                        Some(connector) => {
                            followed.push(Arc::clone(&connector.live) as Arc<dyn Reload>);
                            endpoint.connect_with_connector_lazy(connector)
                        }
                    };
                    let client = Client::new(channel, settings);
                    clients.insert(client.settings().name.clone(), Arc::new(client));
                }
                Err(rule) => faults.push(format!("{path}.endpoint"), rule),
            }
        }
        let registry = Self { clients: Arc::new(clients), manual: Arc::default(), followed };
        faults.or(registry).map_err(Error)
    }

    /// The same, with these manual downstreams besides. Their names are in no settings.
    #[must_use]
    pub fn with_manual(self, manual: BTreeMap<String, Capabilities>) -> Self {
        Self { manual: Arc::new(manual), ..self }
    }

    /// The certificates and authorities that follow their files.
    pub fn followed(&self) -> &[Arc<dyn Reload>] {
        &self.followed
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

/// What begins its connections, if they are under TLS.
fn connector(settings: &Settings, now: Timestamp) -> Result<Option<Connector>, Faults> {
    let Some(tls) = settings.tls.as_ref().filter(|_| settings.endpoint.starts_with("https://")) else {
        return Ok(None);
    };
    let path = format!("downstream.{}.tls", settings.name);
    Connector::new(path.clone(), tls, now).map(Some).map_err(|faults| faults.under(&path))
}

fn endpoint(settings: &Settings) -> Result<Endpoint, &'static str> {
    let rule = "must be a URL such as https://billing:50051";
    let is_https = settings.endpoint.starts_with("https://");
    // Asked of the text, because tonic would also take host names without a scheme, and socket files.
    if !is_https && !settings.endpoint.starts_with("http://") {
        return Err(rule);
    }
    if is_https != settings.tls.is_some() {
        return Err("must be https:// exactly if it is called over TLS");
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
            tls: None,
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
        let registry = Registry::new(
            vec![settings("marketing", "http://localhost:2"), settings("billing", "http://[::1]:1/")],
            Timestamp::UNIX_EPOCH,
        )
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
        let error = Registry::new(
            vec![
                settings("Billing", "localhost:1"),
                settings("a", "https://a:1"),
                settings("b", "http://b:1"),
                settings("b", "unix:/tmp/x"),
                settings("d", "http://"),
                zero,
            ],
            Timestamp::UNIX_EPOCH,
        )
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
