//! The puppet's front door: it keeps the port while the puppet is "down", and can cut every connection at once.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::DuplexStream,
    net::{TcpListener, TcpStream},
    sync::mpsc::Sender,
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

/// Bytes between the socket and the service.
const PIPE_BYTES: usize = 64 << 10;

/// A clone is the same door.
#[derive(Clone)]
pub struct Front {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    door: Arc<Mutex<Door>>,
}

struct Door {
    is_up: bool,
    connections: JoinSet<()>,
    accepting: Option<AbortHandle>,
}

impl Front {
    /// Opens a free loopback port; connections are handed to the service behind it.
    /// With `tls` it is under TLS.
    pub async fn open(service: Sender<io::Result<DuplexStream>>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a loopback port is free");
        let address = listener.local_addr().expect("it is bound");
        let door = Door { is_up: true, connections: JoinSet::new(), accepting: None };
        let front = Self { address, tls, door: Arc::new(Mutex::new(door)) };
        let own = front.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                own.admit(socket, &service);
            }
        });
        front.lock().accepting = Some(accepting.abort_handle());
        front
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Door> {
        self.door.lock().expect("nobody panics at the door")
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are under TLS.
    pub const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    fn admit(&self, mut socket: TcpStream, service: &Sender<io::Result<DuplexStream>>) {
        let mut door = self.lock();
        if !door.is_up {
            return;
        }
        let (service, tls) = (service.clone(), self.tls.clone());
        door.connections.spawn(async move {
            let (mut outside, inside) = tokio::io::duplex(PIPE_BYTES);
            // However the connection ends, the other side sees it.
            if let Some(tls) = tls {
                let Ok(mut socket) = tls.accept(socket).await else { return };
                if service.send(Ok(inside)).await.is_ok() {
                    let _ = tokio::io::copy_bidirectional(&mut socket, &mut outside).await;
                }
            } else if service.send(Ok(inside)).await.is_ok() {
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut outside).await;
            }
        });
    }

    /// Whether connections are taken. Going down cuts those that there are.
    pub fn set_up(&self, is_up: bool) {
        self.lock().is_up = is_up;
        if !is_up {
            self.cut();
        }
    }

    /// Cuts every connection: what is under way is lost.
    pub fn cut(&self) {
        self.lock().connections.abort_all();
    }

    /// Gives up the port.
    pub fn close(&self) {
        let mut door = self.lock();
        door.connections.abort_all();
        if let Some(accepting) = door.accepting.take() {
            accepting.abort();
        }
    }
}
