//! `[notices]` and the `[[webhook]]` entries: who is told what happens to cases.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
};

use jiff::SignedDuration;

use super::settings::Settings;
use crate::domain::{
    NoticeType, Period,
    endpoint::{URL_RULE, is_safe},
    subject::{NAME_RULE, is_name},
};

/// Webhooks at the most: each keeps a row of every notice until it has taken it.
const WEBHOOKS_MAX: usize = 100;
/// A URL, with a token in it if need be.
const URL_BYTES_MAX: usize = 2_048;
/// A path.
const PATH_BYTES_MAX: usize = 1_024;
/// No answer takes longer: receivers answer first and work afterwards.
const TIMEOUT_MOST: SignedDuration = SignedDuration::from_mins(5);

/// `[notices]`: what is kept of what happened to cases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// How long notices can be read again, and may still be delivered.
    pub kept: Period,
    /// What CloudEvents call the sender: a URI reference of at most 256 bytes.
    pub source: String,
}

/// A webhook. Its `Debug` leaves out what may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Its name in logs and metrics: `[a-z][a-z0-9_]{0,62}`.
    pub name: String,
    /// Where notices are sent.
    pub url: String,
    /// Secrets from `[webhook_secrets]`, separated by spaces; may be empty.
    pub secrets: String,
    /// A file with secrets, separated by white space.
    pub secrets_file: Option<PathBuf>,
    /// What is sent; empty means everything.
    pub types: Vec<NoticeType>,
    /// How long a receiver may take to answer. 10 ms to 5 min.
    pub timeout: SignedDuration,
    /// How long after it happened a notice is still sent. 1 s to 720 h.
    pub deliver_within: SignedDuration,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({}: redacted)", self.name)
    }
}

pub(super) fn notices(settings: &mut Settings) -> Notices {
    Notices {
        kept: settings.period("notices.kept", "P30D"),
        source: settings.text("notices.source", "/rightful", 256),
    }
}

/// All entries. Those with faults are left in: the faults keep them from being used.
pub(super) fn all(settings: &mut Settings) -> Vec<Webhook> {
    let mut secrets = settings.table("webhook_secrets");
    let length = settings.length("webhook");
    if length > WEBHOOKS_MAX {
        settings.fault("webhook", format!("must have at most {WEBHOOKS_MAX} entries"));
    }
    let mut names = BTreeSet::new();
    let mut webhooks = Vec::new();
    for index in 0..length.min(WEBHOOKS_MAX) {
        let at = format!("webhook[{index}]");
        let webhook = one(settings, &at, &mut secrets);
        if is_name(&webhook.name) && !names.insert(webhook.name.clone()) {
            settings.fault(&format!("{at}.name"), "must be different from all others");
        }
        webhooks.push(webhook);
    }
    for name in secrets.keys() {
        settings.fault(&format!("webhook_secrets.{name}"), "is not the name of a webhook");
    }
    webhooks
}

fn one(settings: &mut Settings, at: &str, secrets: &mut BTreeMap<String, String>) -> Webhook {
    let name = settings.optional(&format!("{at}.name")).unwrap_or_default();
    if !is_name(&name) {
        settings.fault(&format!("{at}.name"), NAME_RULE);
    }
    let url = settings.optional(&format!("{at}.url")).unwrap_or_default();
    if url.len() > URL_BYTES_MAX || !is_safe(&url) {
        settings.fault(&format!("{at}.url"), URL_RULE);
    }
    let file = settings.optional(&format!("{at}.secrets_file")).filter(|path| !path.is_empty());
    if file.as_ref().is_some_and(|path| path.len() > PATH_BYTES_MAX) {
        settings.fault(&format!("{at}.secrets_file"), format!("must have at most {PATH_BYTES_MAX} bytes"));
    }
    let secrets = secrets.remove(&name).unwrap_or_default();
    if file.is_none() && secrets.trim().is_empty() {
        settings.fault(
            &format!("{at}.secrets_file"),
            format!("must be set, or RIGHTFUL_WEBHOOK_SECRETS__{}: notices are signed", name.to_uppercase()),
        );
    }
    let second = SignedDuration::from_secs(1);
    let types = types(settings, &format!("{at}.types"));
    Webhook {
        name,
        url,
        secrets,
        secrets_file: file.map(PathBuf::from),
        types,
        timeout: settings.duration(
            &format!("{at}.timeout"),
            second * 15,
            SignedDuration::from_millis(10)..=TIMEOUT_MOST,
        ),
        deliver_within: settings.duration(
            &format!("{at}.deliver_within"),
            SignedDuration::from_hours(72),
            second..=SignedDuration::from_hours(720),
        ),
    }
}

fn types(settings: &mut Settings, key: &str) -> Vec<NoticeType> {
    let mut types = Vec::new();
    for (index, name) in settings.list(key, NoticeType::ALL.len()).into_iter().enumerate() {
        if let Ok(known) = name.parse() {
            types.push(known);
        } else {
            let names: Vec<&str> = NoticeType::ALL.iter().map(|known| known.as_str()).collect();
            settings.fault(&format!("{key}[{index}]"), format!("must be one of {}", names.join(", ")));
        }
    }
    types
}
