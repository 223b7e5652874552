//! What we call with: whom we trust, our own certificate, and how a connection begins.

use std::{
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{HTTP2, Identity, Live, files::Files, pinned::Pinned, provider, words::Refused};
use crate::domain::{Fault, Faults};

/// How one server is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    /// PEM of the authorities that may vouch for it; absent: those that this machine trusts.
    pub authorities: Option<PathBuf>,
    /// What we show of ourselves, if it asks.
    pub identity: Option<Identity>,
    /// The name that its certificate has to have; absent: the host of the URL.
    pub server_name: Option<String>,
    /// Its SPIFFE ID, by which it is known instead of by a name.
    pub spiffe_id: Option<String>,
}

/// Begins connections with TLS. Cheap to clone; clones follow the same files.
#[derive(Clone)]
pub struct Connector {
    /// What is in force.
    pub live: Arc<Live<ClientConfig>>,
    server_name: Option<ServerName<'static>>,
}

impl Connector {
    /// Reads the files. `name` is the place in the configuration, below which the faults are named.
    pub fn new(name: String, client: &Client, now: Timestamp) -> Result<Self, Faults> {
        let server_name = client.server_name.clone().map(ServerName::try_from).transpose();
        let server_name =
            server_name.map_err(|_| Fault::new("server_name", "must be a DNS name or an IP address"));
        let identity_files =
            client.identity.iter().flat_map(|identity| [identity.certificate.clone(), identity.key.clone()]);
        let files = client.authorities.iter().cloned().chain(identity_files).collect();
        let settings = client.clone();
        let live = Live::new(name, files, now, move |files, now| config(&settings, files, now));
        match (live, server_name) {
            (Ok(live), Ok(server_name)) => Ok(Self { live: Arc::new(live), server_name }),
            (Err(mut faults), server_name) => {
                faults.note(server_name);
                Err(faults)
            }
            (_, Err(fault)) => Err(fault.into()),
        }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<TlsStream<TcpStream>>, Refused> {
        let host = uri.host().unwrap_or_default();
        // A literal IPv6 address stands in brackets there, and without them everywhere else.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = match self.server_name {
            Some(name) => name,
            None => ServerName::try_from(host.to_owned()).map_err(|_| Refused::name())?,
        };
        let stream =
            TcpStream::connect((host, uri.port_u16().unwrap_or(443))).await.map_err(Refused::from)?;
        stream.set_nodelay(true).map_err(Refused::from)?;
        let connector = TlsConnector::from(self.live.get());
        connector.connect(name, stream).await.map(TokioIo::new).map_err(Refused::from)
    }
}

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = Refused;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Refused>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

fn config(
    client: &Client,
    files: &Files,
    now: Timestamp,
) -> Result<(ClientConfig, Option<Timestamp>), Faults> {
    let mut faults = Faults::default();
    let roots = files.authorities(client.authorities.as_deref());
    let roots = faults.note(roots.map_err(|why| Fault::new("authorities", why)));
    let identity = client.identity.as_ref().map(|identity| files.identity(identity, now)).transpose();
    let identity = identity.map_err(|found| faults.extend(found)).ok();
    let (Some(roots), Some(identity)) = (roots, identity) else { return Err(faults) };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3");
    let builder = match client.spiffe_id.clone() {
        None => builder.with_root_certificates(roots),
        Some(spiffe_id) => {
            let pinned = Pinned { spiffe_id, roots, provider: provider() };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(pinned))
        }
    };
    let (mut config, until) = match identity {
        None => (builder.with_no_client_auth(), None),
        Some((identity, until)) => (builder.with_client_cert_resolver(identity), Some(until)),
    };
    config.alpn_protocols = vec![HTTP2.to_vec()];
    Ok((config, until))
}
