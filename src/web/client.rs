//! One client: its connections, its patience, and whom it trusts.

use std::time::Duration;

/// Connections to one receiver that are kept open.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// How one client calls.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an answer may take, its body included.
    pub timeout: Duration,
    /// PEM of the authorities that may vouch for the other side, instead of those that this machine trusts.
    pub authorities: Option<Vec<u8>>,
    /// PEM of a certificate and its key, to be known by.
    pub certificate: Option<Vec<u8>>,
}

/// The client cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: are there CA certificates, and are they PEM?")]
pub struct Error(#[source] reqwest::Error);

/// A client. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client(reqwest::Client);

/// What the other side answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The code, 100 to 599.
    pub code: u16,
    /// `Retry-After`, if it came and is text.
    pub retry_after: Option<String>,
    /// The body; none if it was longer than asked for, or broke off.
    pub body: Option<Vec<u8>>,
}

/// Why there is no answer. The words hold nothing that the other side said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// It took too long.
    #[error("no answer in time")]
    Late,
    /// Nobody listens, its name is unknown, or its certificate is not to be trusted.
    #[error("no connection")]
    NoConnection,
    /// It ended in the middle, or was no HTTP.
    #[error("the connection broke")]
    Broken,
}

impl Client {
    /// Nothing is connected yet.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(settings.timeout)
            .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
            .user_agent(concat!("rightful/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &settings.authorities {
            builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(pem).map_err(Error)?);
        }
        if let Some(pem) = &settings.certificate {
            builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(Error)?);
        }
        Ok(Self(builder.build().map_err(Error)?))
    }

    /// Asks for what is there, and reads at most so many bytes of it.
    pub async fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        bytes_max: usize,
    ) -> Result<Answer, Silence> {
        answer(self.0.get(url), headers, bytes_max).await
    }

    /// Sends a body, and reads at most so many bytes of the answer.
    pub async fn post(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        bytes_max: usize,
    ) -> Result<Answer, Silence> {
        answer(self.0.post(url).body(body), headers, bytes_max).await
    }
}

async fn answer(
    request: reqwest::RequestBuilder,
    headers: &[(&str, &str)],
    bytes_max: usize,
) -> Result<Answer, Silence> {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut response = request.send().await.map_err(|error| silence(&error))?;
    let code = response.status().as_u16();
    let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let mut read = Vec::new();
    let body = loop {
        match response.chunk().await {
            // A longer answer costs the connection.
            Ok(Some(chunk)) if read.len() + chunk.len() > bytes_max => break None,
            Ok(Some(chunk)) => read.extend_from_slice(&chunk),
            Ok(None) => break Some(read),
            Err(_) => break None,
        }
    };
    Ok(Answer { code, retry_after, body })
}

fn silence(error: &reqwest::Error) -> Silence {
    if error.is_timeout() {
        Silence::Late
    } else if error.is_connect() {
        Silence::NoConnection
    } else {
        Silence::Broken
    }
}
