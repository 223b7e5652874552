//! The names in a certificate: who is at the other end.

use rustls::pki_types::CertificateDer;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use crate::domain::Peer;

/// Names that are looked at in one certificate. A workload has one or two; more is a certificate made to be expensive.
const NAMES_MAX: usize = 64;
/// The scheme of workloads' identities.
const SPIFFE: &str = "spiffe://";

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
    // A workload has one identity: who shows two is none of them (SPIFFE X509-SVID, 2 and 5.2).
    if peer.uris.iter().filter(|uri| uri.starts_with(SPIFFE)).count() > 1 {
        peer.uris.retain(|uri| !uri.starts_with(SPIFFE));
    }
    peer
}
