//! TLS to the server: whom to trust, and what to show.

use std::path::PathBuf;

use clap::Args;

use super::exit::Failure;
use crate::{
    clock::{Clock as _, SystemClock},
    transport::{Client, Connector, Identity},
};

/// What a client shows and trusts.
#[derive(Args, Default)]
pub(super) struct Tls {
    /// PEM file of the authorities that may vouch for the server. Default: those that this machine trusts.
    #[arg(long, global = true, env = "RIGHTFUL_CA", value_name = "FILE", hide_env_values = true)]
    ca: Option<PathBuf>,
    /// PEM file of a certificate to be known by, with its chain.
    #[arg(long, global = true, env = "RIGHTFUL_CERTIFICATE", value_name = "FILE", hide_env_values = true)]
    certificate: Option<PathBuf>,
    /// PEM file of the certificate's key.
    #[arg(long, global = true, env = "RIGHTFUL_KEY", value_name = "FILE", hide_env_values = true)]
    key: Option<PathBuf>,
    /// The name in the server's certificate, if that is not the host of --server.
    #[arg(long, global = true, env = "RIGHTFUL_SERVER_NAME", value_name = "NAME", hide_env_values = true)]
    server_name: Option<String>,
}

impl Tls {
    /// What begins connections to an https server; nothing for another one.
    pub(super) fn connector(&self, is_https: bool) -> Result<Option<Connector>, Failure> {
        let identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                Some(Identity { certificate: certificate.clone(), key: key.clone() })
            }
            (None, None) => None,
            _ => return Err(Failure::usage("--certificate and --key belong together")),
        };
        let client = Client {
            authorities: self.ca.clone(),
            identity,
            server_name: self.server_name.clone(),
            spiffe_id: None,
        };
        if !is_https {
            return if client == Client::default() {
                Ok(None)
            } else {
                Err(Failure::usage("--ca, --certificate, --key and --server-name need an https:// server"))
            };
        }
        let faults = |faults: crate::domain::Faults| {
            let mut faults = faults.as_slice().iter().map(|fault| match fault.field.as_str() {
                "authorities" => format!("--ca: {}", fault.description),
                field => format!("--{}: {}", field.replace('_', "-"), fault.description),
            });
            let first = faults.next().unwrap_or_default();
            faults.fold(Failure::usage(first), Failure::detail)
        };
        Connector::new("--server".to_owned(), &client, SystemClock.now()).map(Some).map_err(faults)
    }
}
