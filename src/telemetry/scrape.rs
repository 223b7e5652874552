//! `GET /metrics` for a Prometheus server, `GET /livez` and `GET /readyz` for Kubernetes. The only home of axum.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::State,
    http::{
        HeaderMap, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
    serve::Listener,
};
use prometheus::{Registry, TEXT_FORMAT, TextEncoder};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::task::AbortOnDropHandle;

use super::{openmetrics, probe};

/// Connections at once: a scraper needs one, and so does the kubelet. Others wait in the kernel's queue, and take no memory of ours.
const CONNECTIONS_MAX: usize = 16;

/// The endpoint. It stops when it is dropped.
#[derive(Debug)]
pub(super) struct Scrape {
    address: SocketAddr,
    _serving: AbortOnDropHandle<()>,
}

impl Scrape {
    /// Serves what is in the registry. Has to be called inside a tokio runtime.
    pub(super) fn start(address: SocketAddr, registry: Registry) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = Bounded {
            listener: TcpListener::from_std(listener)?,
            slots: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        };
        let router = Router::new()
            .route("/metrics", get(answer))
            // Whoever gets an answer knows that the process is alive; restarting it would mend nothing else.
            .route("/livez", get(async || "alive\n"))
            .route("/readyz", get(ready))
            .with_state(registry);
        let serving = tokio::spawn(async move {
            // Never ends by itself: failed accepts are tried again.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { address, _serving: AbortOnDropHandle::new(serving) })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// 200 if calls can be answered, and why not otherwise.
async fn ready() -> (StatusCode, String) {
    let state = probe::get();
    let code = if state == probe::State::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, format!("{}\n", state.as_str()))
}

/// All metrics as they are now: with exemplars for whoever accepts OpenMetrics, in the older text format for others.
async fn answer(State(registry): State<Registry>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let written = if accepted.into_iter().any(|value| value.contains(openmetrics::MEDIA_TYPE)) {
        openmetrics::text(&registry)
            .map(|text| (openmetrics::CONTENT_TYPE, text))
            .map_err(|error| error.to_string())
    } else {
        let text = TextEncoder::new().encode_to_string(&registry.gather());
        text.map(|text| (TEXT_FORMAT, text)).map_err(|error| error.to_string())
    };
    match written {
        Ok((format, text)) => ([(CONTENT_TYPE, format)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written down");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Takes so many connections at once and no more.
struct Bounded {
    listener: TcpListener,
    slots: Arc<Semaphore>,
}

impl Listener for Bounded {
    type Io = Slot;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Slot, SocketAddr) {
        let slot = Arc::clone(&self.slots).acquire_owned().await.expect("the semaphore is never closed");
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Slot { stream, _slot: slot }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that counts until it is closed.
struct Slot {
    stream: TcpStream,
    _slot: OwnedSemaphorePermit,
}

impl AsyncRead for Slot {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Slot {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
