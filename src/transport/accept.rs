//! Connections that begin at our side: as many as there are places, TLS, if we serve it, within its time, and who is at
//! the other end.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, Stream, StreamExt as _};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tonic::transport::server::Connected;

use super::{
    ServerSide,
    conduct::{Conduct, Rules},
    peer,
    places::{Place, Places},
    words::Refused,
};
use crate::{domain::Peer, telemetry::metrics};

/// How many connections there may be, and how they have to behave. Each is at least 1.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// All of them. A handshake under way has its place already: it takes some 40 KiB.
    pub connections: u32,
    /// Those of one peer.
    pub per_peer: u32,
    /// How long one may take to say that it speaks HTTP/2.
    pub preface_timeout: Duration,
    /// After this it is ended, whatever goes on over it.
    pub lifetime: Duration,
    /// Frames without a call in a second, on average, beyond what our answers give reason for.
    pub control_frames_per_second: u32,
    /// The same, at one moment.
    pub control_frames_burst: u32,
}

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
    conduct: Conduct,
    _place: Place,
}

enum Io {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// The connections that come in: those without a place or a good handshake are left out. With `server` all of them are
/// under TLS.
pub fn connections<S>(
    incoming: S,
    server: Option<Arc<ServerSide>>,
    limits: Limits,
) -> impl Stream<Item = io::Result<Connection>>
where
    S: Stream<Item = io::Result<TcpStream>>,
{
    let places = Places::new(limits.connections, limits.per_peer);
    let rules = Rules::from(limits);
    let begun = move |stream: io::Result<TcpStream>| {
        let stream = match stream {
            Ok(stream) => stream,
            Err(error) => return std::future::ready(Some(Err(error))).left_future(),
        };
        let address = stream.peer_addr().ok();
        let place = match places.enter(address) {
            Ok(place) => place,
            Err(limit) => {
                // Whoever floods must not fill the log.
                tracing::debug!(limit, "a connection was refused");
                metrics::connection_closed(limit);
                return std::future::ready(None).left_future();
            }
        };
        let server = server.clone();
        async move {
            let (io, peer) = match server {
                None => (Io::Plain(stream), Arc::default()),
                Some(server) => handshake(stream, &server).await?,
            };
            let remote = Remote { address, peer };
            Some(Ok(Connection { io, remote, conduct: Conduct::new(rules), _place: place }))
        }
        .right_future()
    };
    // As many at once as there are places: a slow handshake keeps nobody waiting but those without a place.
    let at_once = usize::try_from(limits.connections).unwrap_or(usize::MAX);
    incoming.map(begun).buffer_unordered(at_once).filter_map(std::future::ready)
}

async fn handshake(stream: TcpStream, server: &ServerSide) -> Option<(Io, Arc<Peer>)> {
    let accepted =
        timeout(server.handshake_timeout, TlsAcceptor::from(server.live.get()).accept(stream)).await;
    match accepted {
        Ok(Ok(stream)) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
            let peer = Arc::new(shown.map(peer::named_by).unwrap_or_default());
            Some((Io::Tls(Box::new(stream)), peer))
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
        let before = buffer.filled().len();
        let this = &mut *self;
        let read = match &mut this.io {
            Io::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Io::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        match read {
            Poll::Ready(Ok(())) => Poll::Ready(this.conduct.read(&buffer.filled()[before..])),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => this.conduct.poll_late(context).map(Err),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = match &mut this.io {
            Io::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Io::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        this.conduct.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let written = match &mut this.io {
            Io::Plain(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Io::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        };
        this.conduct.wrote(written)
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
