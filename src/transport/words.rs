//! Why a connection could not begin, in words that help whoever has to mend it.

use std::{error::Error as StdError, io};

use rustls::{CertificateError, Error};

/// How rustls tells of the other side's alert.
const ALERT: &str = "received fatal alert: ";

/// A connection that did not begin.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    why: String,
}

impl Refused {
    pub(super) fn name() -> Self {
        Self { why: "its address is no name that a certificate could have".to_owned() }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        Self { why: tls.map_or_else(|| error.to_string(), in_words) }
    }
}

/// Why, if somewhere in this chain of causes a connection did not begin.
pub fn why(error: &(dyn StdError + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused.why.clone());
        }
        // A server of TLS 1.3 judges our certificate after the connection has begun, so its alert comes when something is read;
        // HTTP/2 keeps its words only. A loopback test notices if rustls changes them.
        let text = error.to_string();
        if let Some((_, name)) = text.split_once(ALERT) {
            return Some(alert(name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default()));
        }
        next = error.source();
    }
    None
}

/// A fault of TLS, seen from our side.
fn in_words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(error) => certificate(error),
        Error::NoCertificatesPresented => "it shows no certificate".to_owned(),
        Error::InvalidMessage(_) => "it does not speak TLS".to_owned(),
        Error::NoApplicationProtocol => "it does not speak HTTP/2 (ALPN h2)".to_owned(),
        Error::AlertReceived(description) => alert(&format!("{description:?}")),
        other => format!("TLS failed: {other}"),
    }
}

/// What the other side's alert says (RFC 8446, section 6).
fn alert(name: &str) -> String {
    match name {
        "CertificateRequired" => "it asks for a certificate of ours".to_owned(),
        "UnknownCA" => "it does not know the authority of our certificate".to_owned(),
        "CertificateExpired" => "it says that our certificate has expired".to_owned(),
        "NoApplicationProtocol" => "it does not speak HTTP/2 (ALPN h2)".to_owned(),
        other => format!("it refuses the connection (TLS alert {other})"),
    }
}

fn certificate(error: &CertificateError) -> String {
    let at = |time: &rustls::pki_types::UnixTime| {
        let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX)
    };
    match error {
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("its certificate expired at {}", at(not_after))
        }
        CertificateError::Expired => "its certificate has expired".to_owned(),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}", at(not_before))
        }
        CertificateError::NotValidYet => "its certificate is not valid yet".to_owned(),
        CertificateError::UnknownIssuer => {
            "its certificate is not of an authority that is trusted".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            format!("its certificate is not for {expected}, but for {}", presented.join(", "))
        }
        CertificateError::NotValidForName => "its certificate is for another name".to_owned(),
        CertificateError::BadSignature => {
            "its certificate is not signed by the authority that it names".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => format!("its certificate cannot be trusted: {other}"),
    }
}
