//! The webhooks: whom notices are sent to, and one sending.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Answer, body};
use crate::{
    domain::{Notice, NoticeType},
    vault::WebhookSecret,
};

/// Bytes of an answer that are read, and thrown away, so that the connection can be used again; a longer answer costs the
/// connection.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Connections to one receiver that are kept open.
const IDLE_CONNECTIONS_MAX: usize = 16;

/// One webhook, as it was configured.
#[derive(Debug)]
pub struct Settings {
    /// `[a-z][a-z0-9_]{0,62}`, unique.
    pub name: String,
    /// Where notices are sent: https, or http on the loopback interface.
    pub url: String,
    /// What they are signed with, at least one: each secret adds a signature, so that receivers can change over.
    pub secrets: Vec<WebhookSecret>,
    /// What is sent; empty means everything.
    pub types: Vec<NoticeType>,
    /// How long a receiver may take to answer.
    pub timeout: Duration,
    /// How long after it happened a notice is still sent.
    pub deliver_within: SignedDuration,
}

/// The webhooks cannot be called.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be made: are there CA certificates?")]
pub struct Error(#[source] reqwest::Error);

/// One webhook.
#[derive(Debug)]
pub struct Webhook {
    settings: Settings,
    source: String,
    client: reqwest::Client,
}

/// All of them, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Webhooks(Arc<BTreeMap<String, Arc<Webhook>>>);

impl Webhooks {
    /// Prepares them. Nothing is connected yet. `source` is what CloudEvents call the sender.
    pub fn new(settings: Vec<Settings>, source: &str) -> Result<Self, Error> {
        let mut webhooks = BTreeMap::new();
        for settings in settings {
            let client = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                // What is sent where is said in one place: the configuration.
                .no_proxy()
                .timeout(settings.timeout)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
                .user_agent(concat!("rightful/", env!("CARGO_PKG_VERSION")))
                .build()
                .map_err(Error)?;
            let name = settings.name.clone();
            webhooks.insert(name, Arc::new(Webhook { settings, source: source.to_owned(), client }));
        }
        Ok(Self(Arc::new(webhooks)))
    }

    /// Each with its name, in order of names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Webhook>> {
        self.0.values()
    }

    /// The webhook of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Webhook>> {
        self.0.get(name)
    }
}

impl Webhook {
    /// As it was configured.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a notice once.
    pub async fn send(&self, notice: &Notice, now: Timestamp) -> Answer {
        let body = body::body(notice, &self.source);
        let second = now.as_second();
        let signatures: Vec<String> =
            self.settings.secrets.iter().map(|secret| secret.sign(&notice.id, second, &body)).collect();
        let request = self
            .client
            .post(&self.settings.url)
            .header("content-type", body::MEDIA_TYPE)
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", second.to_string())
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        let mut response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::silence(silence(&error)),
        };
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let answer = Answer::of(response.status().as_u16(), retry_after, now);
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_BYTES_MAX {
                break;
            }
        }
        answer
    }
}

/// What went wrong before there was an answer, without the URL, which may hold a secret.
fn silence(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    }
}
