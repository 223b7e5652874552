//! The server: our services, health and reflection on a listener that is bound already.

use std::{future::Future, sync::Arc, time::Duration};

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
    access_service, admission, case_service,
    denials::Denials,
    downstream_service, hold_service,
    limits::{self, Limits},
    notice_service, retention_service, rpc,
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
    transport,
};

/// Requests are small: the largest holds 32 identifiers, 16 labels and a scope.
const REQUEST_BYTES_MAX: usize = 1024 * 1024;
/// A record, or a piece of a file, that a person hands in has 1 MiB itself.
const HANDED_IN_BYTES_MAX: usize = REQUEST_BYTES_MAX + 4 * 1024;
/// Calls at once on one connection. A caller with more opens another connection, or waits.
const CALLS_PER_CONNECTION_MAX: u32 = 256;
/// A caller that vanished without a word is noticed after this and the next …
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// … and its streams are dropped.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
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

/// How the server serves.
pub struct Settings {
    /// The time.
    pub now: Now,
    /// How much is let in at once.
    pub limits: limits::Settings,
    /// What connections are under; absent: they are in clear.
    pub tls: Option<Arc<transport::ServerSide>>,
    /// Tells who calls; absent: callers say it themselves.
    pub auth: Option<Arc<Authenticator>>,
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
    let Settings { now, limits, tls, auth } = settings;
    let grace = limits.grace;
    let health = HealthReporter::new();
    let watched = engine.clone();
    let denials = Arc::new(Denials::default());
    let limits = Arc::new(Limits::new(limits));
    let gate = admission::Layer::new(Arc::clone(&limits), auth, Arc::clone(&denials), Arc::clone(&now));
    let router = router(engine, (now, limits), gate, &health).await;
    let incoming = transport::connections(TcpIncoming::from(listener).with_nodelay(Some(true)), tls);
    let (announce, draining) = oneshot::channel();
    let signal = async {
        tokio::select! {
            () = shutdown => {}
            () = follow_health(&watched, &health) => {}
            () = denials.keep(&watched) => {}
        }
        health.set_service_status("", ServingStatus::NotServing).await;
        set_health(&health, Health { database: false, storage: false }).await;
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
    gate: admission::Layer,
    health: &HealthReporter,
) -> Router<Stack<admission::Layer, Stack<rpc::Layer, Identity>>> {
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
    Server::builder()
        .layer(rpc::Layer)
        .layer(gate)
        .max_concurrent_streams(CALLS_PER_CONNECTION_MAX)
        .concurrency_limit_per_connection(CALLS_PER_CONNECTION_MAX as usize)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .add_service(AccessServiceServer::new(access).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(CaseServiceServer::new(cases).max_decoding_message_size(HANDED_IN_BYTES_MAX))
        .add_service(DownstreamServiceServer::new(downstreams).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(HoldServiceServer::new(holds).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(NoticeServiceServer::new(notices).max_decoding_message_size(REQUEST_BYTES_MAX))
        .add_service(RetentionServiceServer::new(retention).max_decoding_message_size(REQUEST_BYTES_MAX))
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
    let status = |is_good| if is_good { ServingStatus::Serving } else { ServingStatus::NotServing };
    for service in SERVICES.into_iter().chain([READINESS]) {
        health.set_service_status(service, status(found.database && found.storage)).await;
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
