//! How many connections there are, and whose: who has enough of them gets no more, whatever others do.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one end of the world has of the bits of an IPv6 address to itself.
const NETWORK: u128 = !0 << 64;

/// The connections at once.
pub(super) struct Places {
    all: Arc<Semaphore>,
    per_peer: u32,
    /// Peers that have some.
    peers: Arc<Mutex<HashMap<IpAddr, u32>>>,
}

/// A connection's place; free again when dropped.
pub(super) struct Place {
    peers: Arc<Mutex<HashMap<IpAddr, u32>>>,
    peer: Option<IpAddr>,
    _all: OwnedSemaphorePermit,
}

impl Places {
    /// So many, and of one peer so many.
    pub(super) fn new(connections: u32, per_peer: u32) -> Self {
        let all = usize::try_from(connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(all)), per_peer, peers: Arc::default() }
    }

    /// Lets a connection in, or names the limit that it met.
    pub(super) fn enter(&self, address: Option<SocketAddr>) -> Result<Place, &'static str> {
        let all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| "connections")?;
        let peer = address.map(|address| network(address.ip()));
        if let Some(peer) = peer {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            let count = peers.entry(peer).or_default();
            if *count >= self.per_peer {
                return Err("connections_per_peer");
            }
            *count += 1;
        }
        Ok(Place { peers: Arc::clone(&self.peers), peer, _all: all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(peer) = self.peer else { return };
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = peers.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&peer);
            }
        }
    }
}

/// Who an address belongs to, as far as addresses say it: IPv6 is given out by the /64 (RFC 6177).
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & NETWORK)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(places: &Places, address: &str) -> Result<Place, &'static str> {
        places.enter(Some(address.parse().unwrap()))
    }

    #[test]
    fn a_peer_has_so_many_and_others_have_theirs() {
        let places = Places::new(4, 2);
        let first = enter(&places, "192.0.2.1:1").unwrap();
        let _second = enter(&places, "[::ffff:192.0.2.1]:2").unwrap();
        assert_eq!(enter(&places, "192.0.2.1:3").err(), Some("connections_per_peer"));
        let _other = enter(&places, "[2001:db8::1]:1").unwrap();
        let _same_network = enter(&places, "[2001:db8::2]:1").unwrap();
        assert_eq!(enter(&places, "192.0.2.9:1").err(), Some("connections"));
        drop(first);
        assert!(enter(&places, "192.0.2.1:4").is_ok());
    }

    #[test]
    fn who_has_left_leaves_nothing_behind() {
        let places = Places::new(10, 1);
        drop(enter(&places, "192.0.2.1:1").unwrap());
        assert!(places.peers.lock().unwrap().is_empty());
    }
}
