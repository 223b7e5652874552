//! `[server.tls]`, `[tls]` and the `tls` of each `[[downstream]]`: certificates, keys, and who is trusted. The files are read
//! by whoever uses them.

use std::path::PathBuf;

use jiff::SignedDuration;

use super::settings::Settings;

/// Paths and names are short; a longer one is a mistake. SPIFFE IDs have at most 2,048 bytes, and ours are shorter.
const TEXT_BYTES_MAX: usize = 1_024;
/// What a SPIFFE ID begins with.
const SPIFFE: &str = "spiffe://";

/// Whether callers show certificates of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientCertificates {
    /// They are not asked.
    None,
    /// They may.
    Optional,
    /// They must.
    Required,
}

impl std::str::FromStr for ClientCertificates {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "none" => Ok(Self::None),
            "optional" => Ok(Self::Optional),
            "required" => Ok(Self::Required),
            _ => Err(()),
        }
    }
}

/// `[server.tls]`: what we serve with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// PEM of our certificate and its chain.
    pub certificate: PathBuf,
    /// PEM of its key.
    pub key: PathBuf,
    /// Whether callers show certificates; `client_authorities` is there unless they do not.
    pub client_certificates: ClientCertificates,
    /// PEM of the authorities of callers' certificates.
    pub client_authorities: Option<PathBuf>,
    /// How long a caller may take to begin, 100 ms to 1 min.
    pub handshake_timeout: SignedDuration,
}

/// How a server is called that we are a client of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// PEM of the authorities that may vouch for it; absent: those that the machine trusts.
    pub authorities: Option<PathBuf>,
    /// PEM of our certificate and its chain, and of its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in its certificate, if that is not the host of its endpoint.
    pub server_name: Option<String>,
    /// Its SPIFFE ID, by which it is known instead of by a name.
    pub spiffe_id: Option<String>,
}

/// `[server.tls]`, if it is there.
pub(super) fn server(settings: &mut Settings) -> Option<ServerTls> {
    let handshake_timeout = settings.duration(
        "server.tls.handshake_timeout",
        SignedDuration::from_secs(5),
        SignedDuration::from_millis(100)..=SignedDuration::from_mins(1),
    );
    let client_authorities = path(settings, "server.tls.client_authorities");
    let default =
        if client_authorities.is_some() { ClientCertificates::Required } else { ClientCertificates::None };
    let key = "server.tls.client_certificates";
    let client_certificates = settings.parsed(key, default, "must be none, optional or required");
    match (&client_authorities, client_certificates) {
        (None, ClientCertificates::Optional | ClientCertificates::Required) => {
            settings
                .fault("server.tls.client_authorities", "must name the authorities of callers' certificates");
        }
        (Some(_), ClientCertificates::None) => {
            settings.fault(key, "must be optional or required where client_authorities are named");
        }
        _ => {}
    }
    let (certificate, key) = identity(settings, "server.tls")?;
    Some(ServerTls { certificate, key, client_certificates, client_authorities, handshake_timeout })
}

/// How often files are looked at.
pub(super) fn reload_every(settings: &mut Settings) -> SignedDuration {
    let bounds = SignedDuration::from_millis(10)..=SignedDuration::from_hours(24);
    settings.duration("tls.reload_every", SignedDuration::from_secs(30), bounds)
}

/// The `tls` under `at`.
pub(super) fn client(settings: &mut Settings, at: &str) -> ClientTls {
    let spiffe_id = settings.text_if_any(&format!("{at}.spiffe_id"), TEXT_BYTES_MAX);
    if spiffe_id.as_ref().is_some_and(|id| !id.starts_with(SPIFFE)) {
        settings.fault(&format!("{at}.spiffe_id"), "must be a SPIFFE ID: spiffe://trust-domain/path");
    }
    let server_name = settings.text_if_any(&format!("{at}.server_name"), TEXT_BYTES_MAX);
    if spiffe_id.is_some() && server_name.is_some() {
        settings.fault(&format!("{at}.server_name"), "must be left out where a spiffe_id is given");
    }
    ClientTls {
        authorities: path(settings, &format!("{at}.authorities")),
        identity: identity(settings, at),
        server_name,
        spiffe_id,
    }
}

fn path(settings: &mut Settings, key: &str) -> Option<PathBuf> {
    settings.text_if_any(key, TEXT_BYTES_MAX).map(PathBuf::from)
}

/// A certificate and its key: both or neither.
fn identity(settings: &mut Settings, at: &str) -> Option<(PathBuf, PathBuf)> {
    let (certificate, key) = (format!("{at}.certificate"), format!("{at}.key"));
    match (path(settings, &certificate), path(settings, &key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (None, Some(_)) => {
            settings.fault(&certificate, "must name the certificate that the key belongs to");
            None
        }
        (Some(_), None) => {
            settings.fault(&key, "must name the key of the certificate");
            None
        }
    }
}
