//! Serves a sample downstream on a socket, with health and reflection, until it is told to stop.

use std::{net::SocketAddr, path::Path, time::Duration};

use jiff::Timestamp;
use sea_orm::DatabaseConnection;
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::server::TcpIncoming;
use tracing::Span;

use super::{
    Error, background, database,
    service::{Service, Source},
    task,
};
use crate::{
    proto::{FILE_DESCRIPTOR_SET, downstream::v1::subject_data_service_server::SubjectDataServiceServer},
    telemetry::trace,
};

/// How long open streams may still run when the server stops: the demo's longest takes a second.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// A running sample service. Dropping it stops it without waiting.
pub struct Server {
    name: &'static str,
    address: SocketAddr,
    db: DatabaseConnection,
    serving: JoinHandle<Result<(), tonic::transport::Error>>,
    working: Option<JoinHandle<()>>,
    stop: DropGuard,
}

impl Server {
    /// The service's name: `billing`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Where it listens: `http://127.0.0.1:50061`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn db(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Stops accepting, lets open calls end for at most five seconds, finishes background work that has begun, and
    /// closes the database.
    pub async fn stop(self) -> Result<(), Error> {
        let Self { db, mut serving, working, stop, .. } = self;
        stop.disarm().cancel();
        if let Ok(served) = timeout(DRAIN_MAX, &mut serving).await {
            served.map_err(|_| Error::Stop)??;
        } else {
            serving.abort();
        }
        if let Some(working) = working {
            working.await.map_err(|_| Error::Stop)?;
        }
        db.close().await?;
        Ok(())
    }
}

/// Serves `S` from the database at `path`, which is created empty if it is not there.
pub(super) async fn serve<S: Source>(
    listener: TcpListener,
    path: &Path,
    now: Timestamp,
) -> Result<Server, Error> {
    let db = database::open(path, &S::holdings()).await?;
    task::forget_old(&db, now).await?;
    let service = Service::<S>::new(db.clone(), now);
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter.set_serving::<SubjectDataServiceServer<Service<S>>>().await;

    let stop = CancellationToken::new();
    let address = listener.local_addr()?;
    let working = S::IN_BACKGROUND.then(|| tokio::spawn(background::run(service.clone(), stop.clone())));
    let router = tonic::transport::Server::builder()
        .trace_fn(span)
        .add_service(SubjectDataServiceServer::new(service))
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let stopped = stop.clone().cancelled_owned();
    // Small answers must not wait for the caller's delayed acknowledgement.
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let serving = tokio::spawn(router.serve_with_incoming_shutdown(incoming, stopped));
    Ok(Server { name: S::NAME, address, db, serving, working, stop: stop.drop_guard() })
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    // Without the health service's own descriptors reflection would not list it.
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("rightful.downstream.v1.SubjectDataService")
        .with_service_name("grpc.health.v1.Health")
}

/// The span of a call, in the trace of the case that it belongs to.
fn span(request: &http::Request<()>) -> Span {
    let span = tracing::info_span!("downstream.serve", rpc = request.uri().path());
    if let Some(parent) = request.headers().get(trace::HEADER).and_then(|value| value.to_str().ok()) {
        trace::continue_from(&span, parent);
    }
    span
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use tokio_stream::StreamExt as _;
    use tonic_health::pb::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    };
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    use crate::demo::marketing;

    #[tokio::test]
    async fn says_that_it_is_well_and_what_it_serves() {
        let dir = tempfile::tempdir().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let now = "2026-11-20T12:00:00Z".parse().unwrap();
        let server =
            Box::pin(marketing::serve(listener, &dir.path().join("empty.sqlite"), now)).await.unwrap();
        let service = "rightful.downstream.v1.SubjectDataService".to_owned();

        let endpoint = tonic::transport::Endpoint::from_shared(server.endpoint()).unwrap();
        let channel = endpoint.connect().await.unwrap();

        let mut health = HealthClient::new(channel.clone());
        let state = health.check(HealthCheckRequest { service: service.clone() }).await.unwrap().into_inner();
        assert_eq!(state.status(), ServingStatus::Serving);

        let mut reflection = ServerReflectionClient::new(channel);
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers =
            reflection.server_reflection_info(tokio_stream::once(list)).await.unwrap().into_inner();
        let answer = answers.next().await.unwrap().unwrap().message_response;
        let Some(MessageResponse::ListServicesResponse(list)) = answer else {
            panic!("a list was asked for")
        };
        let names: BTreeSet<String> = list.service.into_iter().map(|service| service.name).collect();
        assert_eq!(names, BTreeSet::from([service, "grpc.health.v1.Health".to_owned()]));
        server.stop().await.unwrap();
    }
}
