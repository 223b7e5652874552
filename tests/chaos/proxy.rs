//! A TCP proxy between rightful and somebody else, whose connections can be cut, or silenced in either direction.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::plan::Direction;

/// Bytes that one direction of a connection holds: small, so that a silence is felt soon.
const BUFFER_BYTES: usize = 16 << 10;

/// Where a proxy leads.
#[derive(Clone, Debug)]
pub enum End {
    Port(SocketAddr),
    Socket(PathBuf),
    /// Nobody is there yet.
    Nowhere,
}

/// A clone is the same proxy. It ends with the last one.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: Arc<Ended>,
}

struct Shared {
    end: Mutex<End>,
    connections: Mutex<JoinSet<()>>,
    silence: watch::Sender<Option<Direction>>,
}

struct Ended(AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Proxy {
    /// A free loopback port that leads there.
    pub async fn open(end: End) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            end: Mutex::new(end),
            connections: Mutex::default(),
            silence: watch::Sender::new(None),
        });
        let own = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let end = own.end.lock().expect("nobody panics with an end").clone();
                let silence = own.silence.subscribe();
                let mut connections = own.connections();
                connections.spawn(connect(socket, end, silence));
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, shared, _accepting: Arc::new(Ended(accepting.abort_handle())) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections lead from now on.
    pub fn aim(&self, address: SocketAddr) {
        *self.shared.end.lock().expect("nobody panics with an end") = End::Port(address);
    }

    /// Cuts every connection: what is under way is lost.
    pub fn cut(&self) {
        self.shared.connections().abort_all();
    }

    /// From now on nothing gets through in this direction; none heals it, and what waited arrives late.
    pub fn silence(&self, direction: Option<Direction>) {
        self.shared.silence.send_replace(direction);
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.connections.lock().expect("nobody panics with the connections")
    }
}

async fn connect(socket: TcpStream, end: End, silence: watch::Receiver<Option<Direction>>) {
    // If nobody is there, the caller's connection ends.
    match end {
        End::Port(address) => {
            if let Ok(other) = TcpStream::connect(address).await {
                let (from, to) = other.into_split();
                carry(socket, from, to, silence).await;
            }
        }
        End::Socket(path) => {
            if let Ok(other) = UnixStream::connect(path).await {
                let (from, to) = other.into_split();
                carry(socket, from, to, silence).await;
            }
        }
        End::Nowhere => {}
    }
}

async fn carry(
    socket: TcpStream,
    from_end: impl AsyncRead + Unpin,
    to_end: impl AsyncWrite + Unpin,
    silence: watch::Receiver<Option<Direction>>,
) {
    let (from_caller, to_caller) = socket.into_split();
    // However one direction ends, both are over: neither gRPC nor PostgreSQL uses half a connection.
    tokio::select! {
        () = pump(from_caller, to_end, silence.clone(), Direction::There) => {}
        () = pump(from_end, to_caller, silence, Direction::Back) => {}
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silence: watch::Receiver<Option<Direction>>,
    way: Direction,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        let is_open =
            |silence: &Option<Direction>| silence.is_none_or(|it| it != Direction::Both && it != way);
        if count == 0
            || silence.wait_for(is_open).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            return;
        }
    }
}
