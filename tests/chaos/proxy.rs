//! A TCP proxy between rightful and somebody else, whose connections can be cut, or silenced in either direction.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinSet},
};

use crate::plan::Direction;

/// Bytes that one direction of a connection holds: small, so that a silence is felt soon.
const BUFFER_BYTES: usize = 16 << 10;

/// A clone is the same proxy. It ends with the last one.
#[derive(Clone)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: Arc<Ended>,
}

struct Shared {
    target: Mutex<SocketAddr>,
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
    /// A free loopback port that leads to `target`.
    pub async fn open(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback port is free")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            target: Mutex::new(target),
            connections: Mutex::default(),
            silence: watch::Sender::new(None),
        });
        let own = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let target = *own.target.lock().expect("nobody panics with a target");
                let silence = own.silence.subscribe();
                let mut connections = own.connections();
                connections.spawn(connect(socket, target, silence));
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
    pub fn aim(&self, target: SocketAddr) {
        *self.shared.target.lock().expect("nobody panics with a target") = target;
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

async fn connect(socket: TcpStream, target: SocketAddr, silence: watch::Receiver<Option<Direction>>) {
    // If nobody is there, the caller's connection ends.
    let Ok(other) = TcpStream::connect(target).await else { return };
    let (from_caller, to_caller) = socket.into_split();
    let (from_target, to_target) = other.into_split();
    // However one direction ends, both are over: neither gRPC nor PostgreSQL uses half a connection.
    tokio::select! {
        () = pump(from_caller, to_target, silence.clone(), Direction::There) => {}
        () = pump(from_target, to_caller, silence, Direction::Back) => {}
    }
}

async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
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
