//! The names in a certificate: who is at the other end.

use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::domain::Peer;

/// Names that are looked at in one certificate. A workload has one or two; more is a certificate made to be expensive.
const NAMES_MAX: usize = 64;

/// Who a verified certificate names.
pub(super) fn named_by(certificate: &CertificateDer<'_>) -> Peer {
    let mut peer = Peer::default();
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return peer };
    let Ok(Some(names)) = parsed.subject_alternative_name() else { return peer };
    for name in names.value.general_names.iter().take(NAMES_MAX) {
        match name {
            GeneralName::URI(uri) => peer.uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => peer.dns_names.push((*name).to_owned()),
            _ => {}
        }
    }
    peer
}
