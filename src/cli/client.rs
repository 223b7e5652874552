//! The connection to a server.

use std::time::Duration;

use tonic::{
    Request, Status,
    metadata::AsciiMetadataValue,
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use tonic_health::pb::health_client::HealthClient;

use super::{
    Global,
    exit::{Exit, Failure, came_from_transport},
    tls::Tls,
};
use crate::{
    domain::caller::{CALLER_RULE, METADATA_KEY, is_caller},
    proto::v1::{
        access_service_client::AccessServiceClient, case_service_client::CaseServiceClient,
        downstream_service_client::DownstreamServiceClient, hold_service_client::HoldServiceClient,
        notice_service_client::NoticeServiceClient, retention_service_client::RetentionServiceClient,
    },
    transport,
};

/// A person waits for it: a server that is up accepts a connection at once.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Previews and checks wait for downstreams, which have 30 s each by default.
const CALL_TIMEOUT: Duration = Duration::from_mins(2);
/// A receipt has a few hundred bytes for each category of each downstream; 64 MiB is far beyond the largest.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Enough in flight that a download is not slowed by the way to the server and back.
const WINDOW_BYTES: u32 = 4 << 20;
/// A silent network fault is noticed within this time, also while a watch has nothing to say.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// How often a broken stream is taken up again without anything having arrived.
pub(super) const RECONNECTS_MAX: u32 = 8;

/// Puts beside every call who calls: its name, or its token.
#[derive(Clone, Default)]
pub(super) struct Caller {
    name: Option<AsciiMetadataValue>,
    token: Option<AsciiMetadataValue>,
}

impl Interceptor for Caller {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(name) = &self.name {
            request.metadata_mut().insert(METADATA_KEY, name.clone());
        }
        if let Some(token) = &self.token {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A connection with the caller's name on it.
type Connection = InterceptedService<Channel, Caller>;

/// The services of one server.
#[derive(Clone)]
pub(super) struct Client {
    /// Whether it can answer.
    pub(super) health: HealthClient<Connection>,
    /// Who calls, and who was turned away.
    pub(super) access: AccessServiceClient<Connection>,
    /// Cases, exports and receipts.
    pub(super) cases: CaseServiceClient<Connection>,
    /// Downstreams.
    pub(super) downstreams: DownstreamServiceClient<Connection>,
    /// Legal holds.
    pub(super) holds: HoldServiceClient<Connection>,
    /// Notices and webhooks.
    pub(super) notices: NoticeServiceClient<Connection>,
    /// Retention sweeps.
    pub(super) retention: RetentionServiceClient<Connection>,
}

impl Client {
    /// Connects as `--server` and `--caller` say, or says why that is not possible.
    pub(super) async fn connect(global: &Global) -> Result<Self, Failure> {
        let name = global.caller.as_deref().map(entry).transpose()?;
        let token = global.token_file.as_deref().map(bearer).transpose()?;
        Self::of(&global.server, Caller { name, token }, &global.tls).await
    }

    /// Connects to this server, as this caller.
    pub(super) async fn of(server: &str, caller: Caller, tls: &Tls) -> Result<Self, Failure> {
        let is_https = server.starts_with("https://");
        let endpoint = Endpoint::from_shared(server.to_owned())
            .ok()
            .filter(|_| is_https || server.starts_with("http://"))
            .ok_or_else(|| Failure::usage("--server: must be a URL such as https://rightful:7443"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .tcp_nodelay(true);
        let connected = match tls.connector(is_https)? {
            Some(connector) => endpoint.connect_with_connector(connector).await,
            None => endpoint.connect().await,
        };
        let channel = connected.map_err(|error| {
            let cause = transport::why(&error).unwrap_or_else(|| innermost(&error));
            Failure::new(Exit::Unreachable, format!("cannot reach {server}: {cause}"))
                .detail("is `rightful serve` running there? --server or RIGHTFUL_SERVER names another one")
        })?;
        Ok(Self {
            health: HealthClient::with_interceptor(channel.clone(), caller.clone()),
            access: AccessServiceClient::with_interceptor(channel.clone(), caller.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            cases: CaseServiceClient::with_interceptor(channel.clone(), caller.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            downstreams: DownstreamServiceClient::with_interceptor(channel.clone(), caller.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            holds: HoldServiceClient::with_interceptor(channel.clone(), caller.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            notices: NoticeServiceClient::with_interceptor(channel.clone(), caller.clone())
                .max_decoding_message_size(ANSWER_BYTES_MAX),
            retention: RetentionServiceClient::with_interceptor(channel, caller)
                .max_decoding_message_size(ANSWER_BYTES_MAX),
        })
    }
}

fn entry(name: &str) -> Result<AsciiMetadataValue, Failure> {
    let value = if is_caller(name) { name.parse().ok() } else { None };
    value.ok_or_else(|| Failure::usage(format!("--caller: {CALLER_RULE}")))
}

/// What a file with a token comes to. The token is no part of any error.
fn bearer(file: &std::path::Path) -> Result<AsciiMetadataValue, Failure> {
    let read = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(format!("--token-file: {} cannot be read: {error}", file.display()))
    })?;
    let value = format!("Bearer {}", read.trim()).parse::<AsciiMetadataValue>();
    let mut value =
        value.map_err(|_| Failure::usage("--token-file: must hold one token, and nothing else"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// A request that is not waited for without end. Streams are sent without this: they may take hours.
pub(super) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

/// Why a stream broke.
pub(super) enum Lost {
    /// The server went away, restarts or is overloaded: the same call can succeed a little later.
    ForNow(Failure),
    /// Trying again would not help.
    ForGood(Failure),
}

impl Lost {
    /// The server ended a stream in order, but before its time.
    pub(super) fn too_early() -> Self {
        Self::ForNow(Failure::new(Exit::Unreachable, "the server ended the stream too early"))
    }
}

impl From<Status> for Lost {
    fn from(status: Status) -> Self {
        use tonic::Code::{DeadlineExceeded, ResourceExhausted, Unavailable};
        let code_may_pass = matches!(status.code(), Unavailable | ResourceExhausted | DeadlineExceeded);
        if came_from_transport(&status) || code_may_pass {
            Self::ForNow(status.into())
        } else {
            Self::ForGood(status.into())
        }
    }
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Self::ForGood(failure)
    }
}

/// Waits before the next attempt: 250 ms, 500 ms, … up to 8 s.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(250 << attempt.min(5))).await;
}

fn innermost(error: &tonic::transport::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string().to_lowercase()
}
