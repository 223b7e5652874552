//! What we serve with: our certificate, and whose certificates we ask for.

use std::{path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::{ConfigBuilder, ServerConfig, WantsVerifier, server::WebPkiClientVerifier};

use super::{HTTP2, Identity, Live, Reload, Reloaded, files::Files, provider};
use crate::domain::{Fault, Faults};

/// Whether callers show certificates of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may, and then it has to be of these authorities.
    Optional(PathBuf),
    /// Nobody gets in without one of these authorities.
    Required(PathBuf),
}

impl ClientCertificates {
    fn authorities(&self) -> Option<&PathBuf> {
        match self {
            Self::None => None,
            Self::Optional(path) | Self::Required(path) => Some(path),
        }
    }
}

/// The server's side of TLS. Every connection takes what is in force when it begins.
pub struct ServerSide {
    /// What is in force.
    pub(super) live: Live<ServerConfig>,
    /// How long a caller may take to show who it is.
    pub(super) handshake_timeout: Duration,
}

impl ServerSide {
    /// Reads the files. The faults are named as the keys of `[server.tls]` are.
    pub fn new(
        identity: Identity,
        clients: ClientCertificates,
        handshake_timeout: Duration,
        now: Timestamp,
    ) -> Result<Self, Faults> {
        let mut files = vec![identity.certificate.clone(), identity.key.clone()];
        files.extend(clients.authorities().cloned());
        let make = move |files: &Files, now| {
            let mut faults = Faults::default();
            let identity = files.identity(&identity, now).map_err(|found| faults.extend(found)).ok();
            let builder = builder();
            let verifier = faults.note(verifier(files, &clients));
            let (Some((identity, until)), Some(verifier)) = (identity, verifier) else { return Err(faults) };
            let mut config = match verifier {
                None => builder.with_no_client_auth(),
                Some(verifier) => builder.with_client_cert_verifier(verifier),
            }
            .with_cert_resolver(identity);
            config.alpn_protocols = vec![HTTP2.to_vec()];
            Ok((config, Some(until)))
        };
        let live = Live::new("server.tls".to_owned(), files, now, make)?;
        Ok(Self { live, handshake_timeout })
    }
}

impl Reload for ServerSide {
    fn reload(&self, now: Timestamp) -> Reloaded {
        self.live.reload(now)
    }

    fn name(&self) -> &str {
        self.live.name()
    }

    fn valid_until(&self) -> Option<Timestamp> {
        self.live.valid_until()
    }
}

/// TLS 1.2 and 1.3.
fn builder() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("the provider has the cipher suites of TLS 1.2 and 1.3")
}

type Verifier = Arc<dyn rustls::server::danger::ClientCertVerifier>;

fn verifier(files: &Files, clients: &ClientCertificates) -> Result<Option<Verifier>, Fault> {
    let fault = |why: String| Fault::new("client_authorities", why);
    let Some(path) = clients.authorities() else { return Ok(None) };
    let roots = files.authorities(Some(path)).map_err(fault)?;
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = match clients {
        ClientCertificates::Optional(_) => builder.allow_unauthenticated(),
        ClientCertificates::Required(_) | ClientCertificates::None => builder,
    };
    builder.build().map(Some).map_err(|error| fault(error.to_string()))
}
