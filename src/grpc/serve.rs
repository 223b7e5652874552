//! The server: our services, health and reflection on a listener that is bound already.

use std::{future::Future, sync::Arc, time::Duration};

use http::HeaderValue;
use jiff::Timestamp;
use tokio::{net::TcpListener, sync::oneshot};
use tonic::{
    server::NamedService,
    transport::{
        Error, Server,
        server::{Router, TcpIncoming},
    },
};
use tonic_health::{ServingStatus, server::HealthReporter};
use tonic_reflection::server::Builder;
use tower::layer::util::{Identity, Stack};

use super::{
    access_service, admission, browser, case_service,
    denials::Denials,
    downstream_service, hold_service,
    limits::{self, Limits},
    notice_service,
    pace::Pace,
    retention_service, rpc,
};
use crate::{
    engine::{Engine, Health},
    identity::Authenticator,
    proto::{
        self,
        v1::{
            access_service_server::AccessServiceServer, case_service_server::CaseServiceServer,
            downstream_service_server::DownstreamServiceServer, hold_service_server::HoldServiceServer,
            notice_service_server::NoticeServiceServer, retention_service_server::RetentionServiceServer,
        },
    },
    telemetry::probe::{self, State},
    transport,
};

/// Calls that were cancelled before we have taken them up: a caller that has more of them only makes work
/// (CVE-2023-44487).
const RESETS_PENDING_MAX: usize = 20;
/// Streams that we have ended because of their errors, on one connection: a caller that makes so many has no other aim
/// (CVE-2025-8671).
const RESETS_OF_ERRORS_MAX: usize = 1_024;
/// From one look at the database and the storage to the next. Kubernetes asks every 10 s by default.
const HEALTH_EVERY: Duration = Duration::from_secs(3);
/// What a load balancer asks for: whether calls can be answered.
const READINESS: &str = "readiness";
/// What all calls need, each by its own name.
const DATABASE: &str = "database";
/// See [`DATABASE`].
const STORAGE: &str = "storage";

/// Our services.
const SERVICES: [&str; 6] = [
    <AccessServiceServer<access_service::Service> as NamedService>::NAME,
    <CaseServiceServer<case_service::Service> as NamedService>::NAME,
    <DownstreamServiceServer<downstream_service::Service> as NamedService>::NAME,
    <HoldServiceServer<hold_service::Service> as NamedService>::NAME,
    <NoticeServiceServer<notice_service::Service> as NamedService>::NAME,
    <RetentionServiceServer<retention_service::Service> as NamedService>::NAME,
];
/// The others that are served.
const FOREIGN_SERVICES: [&str; 3] = [
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
];

/// Tells the time: requests are checked against it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What holds on every connection. Each is above zero.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How many there may be, and how they have to behave.
    pub limits: transport::Limits,
    /// A peer that vanished without a word is noticed after this and the next …
    pub keepalive_interval: Duration,
    /// … and its streams are dropped.
    pub keepalive_timeout: Duration,
    /// After this a connection takes no further calls, so that its caller connects to whoever is there by then. The calls
    /// on it go on until its lifetime is over.
    pub age: Duration,
    /// Calls at once on one connection. A caller with more opens another connection, or waits.
    pub calls: u32,
    /// Bytes of the headers of a call.
    pub header_bytes: u32,
    /// Bytes of a message.
    pub request_bytes: usize,
}

/// How the server serves.
pub struct Settings {
    /// The time.
    pub now: Now,
    /// How much is let in at once.
    pub limits: limits::Settings,
    /// How long a call may take and stand still.
    pub pace: Pace,
    /// What holds on every connection.
    pub connections: Connections,
    /// What connections are under; absent: they are in clear.
    pub tls: Option<Arc<transport::ServerSide>>,
    /// Tells who calls; absent: callers say it themselves.
    pub auth: Option<Arc<Authenticator>>,
    /// Whose web pages may call, such as `https://console.example.com`.
    pub web_origins: Vec<HeaderValue>,
}

/// Serves until `shutdown` completes. Then health says NOT_SERVING, no call is accepted any more, and those that run
/// have `grace` to finish; downloads and watches can be resumed elsewhere.
///
/// Fails only if the server cannot be started. Connections that fail later are their callers' affair.
pub async fn serve(
    listener: TcpListener,
    engine: Engine,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let Settings { now, limits, pace, connections, tls, auth, web_origins } = settings;
    let grace = limits.grace;
    let health = HealthReporter::new();
    let watched = engine.clone();
    let denials = Arc::new(Denials::default());
    let limits = Arc::new(Limits::new(limits));
    let gate =
        admission::Layer::new((Arc::clone(&limits), pace), auth, Arc::clone(&denials), Arc::clone(&now));
    let layers = (browser::layer(&web_origins), gate);
    let router = router(engine, (now, limits), layers, (&health, connections)).await;
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let incoming = transport::connections(incoming, tls, connections.limits);
    let (announce, draining) = oneshot::channel();
    let signal = async {
        tokio::select! {
            () = shutdown => {}
            () = follow_health(&watched, &health) => {}
            () = denials.keep(&watched) => {}
        }
        health.set_service_status("", ServingStatus::NotServing).await;
        set_health(&health, Health { database: false, storage: false }).await;
        probe::set(State::Stopping);
        // Nobody listens once serving has ended.
        let _ = announce.send(());
    };
    let drained = async {
        if draining.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(grace).await;
    };
    let served = tokio::select! {
        result = router.serve_with_incoming_shutdown(incoming, signal) => result,
        () = drained => {
            tracing::info!("calls were still running when the time to drain was over");
            Ok(())
        }
    };
    denials.write(&watched).await;
    served
}

async fn router(
    engine: Engine,
    (now, limits): (Now, Arc<Limits>),
    (browser, gate): (browser::Layer, admission::Layer),
    (health, connections): (&HealthReporter, Connections),
) -> Router<Stack<admission::Layer, Stack<rpc::Layer, Stack<browser::Layer, Identity>>>> {
    health.set_service_status("", ServingStatus::Serving).await;
    // The app has looked at both before it serves.
    set_health(health, Health { database: true, storage: true }).await;
    let checks = tonic_health::server::HealthService::from_health_reporter(health.clone());
    let access = access_service::Service::new(engine.clone());
    let cases = case_service::Service::new(engine.clone(), now, Arc::clone(&limits));
    let holds = hold_service::Service::new(engine.clone());
    let notices = notice_service::Service::new(engine.clone(), Arc::clone(&limits));
    let retention = retention_service::Service::new(engine.clone());
    let downstreams = downstream_service::Service::new(engine);
    let bytes = connections.request_bytes;
    Server::builder()
        .layer(browser)
        .layer(rpc::Layer)
        .layer(gate)
        .max_concurrent_streams(connections.calls)
        .concurrency_limit_per_connection(usize::try_from(connections.calls).unwrap_or(usize::MAX))
        .http2_max_header_list_size(connections.header_bytes)
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_OF_ERRORS_MAX))
        .http2_keepalive_interval(Some(connections.keepalive_interval))
        .http2_keepalive_timeout(Some(connections.keepalive_timeout))
        // Without its grace: with one, tonic 0.14.9 says no GOAWAY, and cuts the connection at the end of both.
        .max_connection_age(connections.age)
        .add_service(AccessServiceServer::new(access).max_decoding_message_size(bytes))
        .add_service(CaseServiceServer::new(cases).max_decoding_message_size(bytes))
        .add_service(DownstreamServiceServer::new(downstreams).max_decoding_message_size(bytes))
        .add_service(HoldServiceServer::new(holds).max_decoding_message_size(bytes))
        .add_service(NoticeServiceServer::new(notices).max_decoding_message_size(bytes))
        .add_service(RetentionServiceServer::new(retention).max_decoding_message_size(bytes))
        .add_service(tonic_health::pb::health_server::HealthServer::new(checks))
        .add_service(reflection().build_v1().expect("descriptors that are compiled in decode"))
        .add_service(reflection().build_v1alpha().expect("descriptors that are compiled in decode"))
}

/// Looks at what the calls need, for as long as the server runs.
async fn follow_health(engine: &Engine, health: &HealthReporter) {
    loop {
        tokio::time::sleep(HEALTH_EVERY).await;
        set_health(health, engine.health().await).await;
    }
}

/// The services can be used if the database and the storage can. The whole server (the empty name) is alive either way:
/// restarting it would mend nothing.
async fn set_health(health: &HealthReporter, found: Health) {
    let is_ready = found.database && found.storage;
    probe::set(if is_ready { State::Ready } else { State::Failing });
    let status = |is_good| if is_good { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in SERVICES.into_iter().chain([READINESS]) {
        health.set_service_status(service, status(is_ready)).await;
    }
    health.set_service_status(DATABASE, status(found.database)).await;
    health.set_service_status(STORAGE, status(found.storage)).await;
}

/// With the descriptors of health, and of the error details, which clients need to show them. What downstreams serve is
/// described as well, but not listed: it is not served here.
fn reflection() -> Builder<'static> {
    let listed = SERVICES.into_iter().chain(FOREIGN_SERVICES);
    listed
        .fold(Builder::configure(), Builder::with_service_name)
        .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_descriptors_decode() {
        assert!(reflection().build_v1().is_ok() && reflection().build_v1alpha().is_ok());
    }
}
