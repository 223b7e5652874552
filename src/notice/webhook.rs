//! The webhooks: whom notices are sent to, and one sending.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use super::{Answer, body};
use crate::{
    domain::{Notice, NoticeType},
    vault::WebhookSecret,
    web,
};

/// Bytes of an answer that are read, and thrown away, so that the connection can be used again; a longer answer costs the
/// connection.
const ANSWER_BYTES_MAX: usize = 64 << 10;

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

/// One webhook.
#[derive(Debug)]
pub struct Webhook {
    settings: Settings,
    source: String,
    client: web::Client,
}

/// All of them, by name. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Webhooks(Arc<BTreeMap<String, Arc<Webhook>>>);

impl Webhooks {
    /// Prepares them. Nothing is connected yet. `source` is what CloudEvents call the sender.
    pub fn new(settings: Vec<Settings>, source: &str) -> Result<Self, web::Error> {
        let mut webhooks = BTreeMap::new();
        for settings in settings {
            let client = web::Client::new(&web::Settings {
                timeout: settings.timeout,
                authorities: None,
                certificate: None,
            })?;
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
        let second = second.to_string();
        let headers = [
            ("content-type", body::MEDIA_TYPE),
            ("webhook-id", &notice.id),
            ("webhook-timestamp", &second),
            ("webhook-signature", &signatures.join(" ")),
        ];
        match self.client.post(&self.settings.url, &headers, body, ANSWER_BYTES_MAX).await {
            Ok(answer) => Answer::of(answer.code, answer.retry_after.as_deref(), now),
            Err(silence) => Answer::silence(silence.to_string()),
        }
    }
}
