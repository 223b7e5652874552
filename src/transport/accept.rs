//! Connections that begin at our side: TLS, if we serve it, within its time, and who is at the other end.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

use super::{ServerSide, peer, words::Refused};
use crate::{domain::Peer, telemetry::metrics};

/// Handshakes under way at once. Each takes some 40 KiB; beyond, callers wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 1_024;

/// Who is at the other end of a connection. Every call that comes over it has this among its extensions.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Its address; absent if it was gone before it could be asked for.
    pub address: Option<SocketAddr>,
    /// What its certificate says; nothing without one.
    pub peer: Arc<Peer>,
}

/// A connection, in clear or under TLS.
pub struct Connection {
    io: Io,
    remote: Remote,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections that come in, those without a good handshake left out. With `server` all of them are under TLS.
pub fn connections<S>(
    incoming: S,
    server: Option<Arc<ServerSide>>,
) -> impl Stream<Item = io::Result<Connection>>
where
    S: Stream<Item = io::Result<TcpStream>>,
{
    let begun = move |stream: io::Result<TcpStream>| {
        let server = server.clone();
        async move {
            match (stream, server) {
                (Err(error), _) => Some(Err(error)),
                (Ok(stream), None) => Some(Ok(Connection::plain(stream))),
                (Ok(stream), Some(server)) => handshake(stream, &server).await.map(Ok),
            }
        }
    };
    incoming.map(begun).buffer_unordered(HANDSHAKES_MAX).filter_map(std::future::ready)
}

async fn handshake(stream: TcpStream, server: &ServerSide) -> Option<Connection> {
    let address = stream.peer_addr().ok();
    let accepted =
        timeout(server.handshake_timeout, TlsAcceptor::from(server.live.get()).accept(stream)).await;
    match accepted {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let peer = Arc::new(shown.map(peer::named_by).unwrap_or_default());
            Some(Connection { io: Io::Tls(Box::new(stream)), remote: Remote { address, peer } })
        }
        Ok(Err(error)) => {
            let refused = Refused::from(error);
            // Port scanners do this all day: it is counted, and said to who asks for it.
            tracing::debug!(%refused, "a handshake failed");
            metrics::handshake_failed("refused");
            None
        }
        Err(_) => {
            let after: Duration = server.handshake_timeout;
            tracing::debug!(?after, "a handshake took too long");
            metrics::handshake_failed("late");
            None
        }
    }
}

impl Connection {
    fn plain(stream: TcpStream) -> Self {
        let address = stream.peer_addr().ok();
        Self { io: Io::Plain(stream), remote: Remote { address, peer: Arc::default() } }
    }
}

impl Connected for Connection {
    type ConnectInfo = Remote;

    fn connect_info(&self) -> Remote {
        self.remote.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Plain(stream) => stream.is_write_vectored(),
            Io::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_flush(context),
            Io::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.io {
            Io::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Io::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
