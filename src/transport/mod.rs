//! TLS on both sides: our certificates and the authorities we trust, made anew when their files change, and who is at the
//! other end. The only home of rustls.

mod accept;
mod conduct;
mod connect;
mod files;
mod follow;
mod frames;
mod live;
mod peer;
mod pinned;
mod places;
mod server;
mod words;

pub use accept::{Connection, Limits, Remote, connections};
pub use connect::{Client, Connector};
pub use follow::follow;
pub use live::{Live, Reload, Reloaded};
pub use server::{ClientCertificates, ServerSide};
pub use words::{Refused, why};

use std::{path::PathBuf, sync::Arc};

use rustls::crypto::CryptoProvider;

/// What gRPC speaks, by its name in ALPN (RFC 7301).
const HTTP2: &[u8] = b"h2";

/// A certificate with its chain, and its key, as PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The chain, the own certificate first.
    pub certificate: PathBuf,
    /// The key that belongs to the first of them: PKCS #8, SEC1 or PKCS #1.
    pub key: PathBuf,
}

/// One provider for everything, so that no second one is compiled in.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
