//! The keys of the issuer (JWKS, RFC 7517): from a file, from a URL, or found by OpenID Connect Discovery.
//!
//! **Guarantees.** A key that the issuer has begun to use is found at its first token; who makes up key ids does not make us
//! ask the issuer without end. While the issuer is away, the keys that were there go on for `outage`; that is said once.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use jsonwebtoken::{
    Algorithm,
    jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde::Deserialize;

use super::Unidentified;
use crate::{domain::endpoint::is_safe, telemetry::metrics, web};

/// A set has a handful of keys of a few hundred bytes.
const SET_BYTES_MAX: usize = 512 * 1024;
/// Keys that are asked for because a token names one that is not there: so many at once, then one each ten seconds.
const UNKNOWN_BURST: NonZeroU32 = NonZeroU32::new(8).expect("it is not zero");
/// See [`UNKNOWN_BURST`].
const UNKNOWN_EVERY: Duration = Duration::from_secs(10);

/// Where the keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// In this file.
    File(PathBuf),
    /// At this URL.
    Url(String),
    /// Where the document of this issuer says that they are.
    Discovery(String),
}

/// The keys, as they were had last.
pub struct Keys {
    source: Source,
    client: web::Client,
    outage: Duration,
    current: RwLock<Option<Had>>,
    /// One asks at a time; whoever waited looks again first.
    asking: tokio::sync::Mutex<()>,
    unknown: DefaultDirectRateLimiter,
    is_away: AtomicBool,
}

#[derive(Clone)]
struct Had {
    set: Arc<JwkSet>,
    at: Instant,
}

/// What of a discovery document matters here.
#[derive(Deserialize)]
struct Discovered {
    issuer: String,
    jwks_uri: String,
}

impl Keys {
    /// None are had yet.
    pub fn new(source: Source, client: web::Client, outage: Duration) -> Self {
        Self {
            source,
            client,
            outage,
            current: RwLock::new(None),
            asking: tokio::sync::Mutex::new(()),
            unknown: RateLimiter::direct(unknown_quota()),
            is_away: AtomicBool::new(false),
        }
    }

    /// Keeps having them, every so often. Never ends.
    pub async fn follow(&self, every: Duration) {
        loop {
            self.ask().await;
            tokio::time::sleep(every).await;
        }
    }

    /// The key of this id, or the only one that fits if there is no id.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Jwk, Unidentified> {
        let before = self.had();
        if let Some(key) = before.as_ref().and_then(|had| pick(&had.set, id, algorithm)) {
            return Ok(key);
        }
        let _asking = self.asking.lock().await;
        let had = self.had();
        let is_newer = |had: &Had| before.as_ref().is_none_or(|before| had.at > before.at);
        if !had.as_ref().is_some_and(is_newer) && self.unknown.check().is_ok() {
            self.ask().await;
        }
        let had = self.had().ok_or(Unidentified::KeysUnavailable)?;
        pick(&had.set, id, algorithm).ok_or(Unidentified::UnknownKey)
    }

    /// The keys, unless they are too old.
    fn had(&self) -> Option<Had> {
        let had = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        had.filter(|had| had.at.elapsed() <= self.outage)
    }

    async fn ask(&self) {
        match self.fetch().await {
            Ok(set) => {
                let had = Had { set: Arc::new(set), at: Instant::now() };
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(had);
                metrics::keys_fetched("had");
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("the keys of the tokens' issuer can be had again");
                }
            }
            Err(why) => {
                metrics::keys_fetched("failed");
                if !self.is_away.swap(true, Ordering::Relaxed) {
                    tracing::error!(why, outage = ?self.outage, "the keys of the tokens' issuer cannot be had: the old ones go on");
                }
            }
        }
    }

    async fn fetch(&self) -> Result<JwkSet, &'static str> {
        let text = match &self.source {
            Source::File(path) => tokio::fs::read(path).await.map_err(|_| "the file cannot be read")?,
            Source::Url(url) => self.get(url).await?,
            Source::Discovery(issuer) => {
                let document = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                let found: Discovered = serde_json::from_slice(&self.get(&document).await?)
                    .map_err(|_| "the discovery document cannot be read")?;
                if found.issuer != *issuer {
                    return Err("the discovery document is of another issuer");
                }
                if !is_safe(&found.jwks_uri) {
                    return Err("the discovery document names a key set that is not https");
                }
                self.get(&found.jwks_uri).await?
            }
        };
        serde_json::from_slice(&text).map_err(|_| "the key set cannot be read")
    }

    async fn get(&self, url: &str) -> Result<Vec<u8>, &'static str> {
        let answer = self.client.get(url, &[("accept", "application/json")], SET_BYTES_MAX).await;
        let answer = answer.map_err(|silence| match silence {
            web::Silence::Late => "no answer in time",
            web::Silence::NoConnection => "no connection",
            web::Silence::Broken => "the connection broke",
        })?;
        match answer.body {
            Some(body) if answer.code == 200 => Ok(body),
            Some(_) => Err("the answer is not 200"),
            None => Err("the answer is too long, or broke off"),
        }
    }
}

fn unknown_quota() -> Quota {
    Quota::with_period(UNKNOWN_EVERY).expect("the period is not zero").allow_burst(UNKNOWN_BURST)
}

/// A key for signatures of this kind. One that says for what it is, is for nothing else.
fn pick(set: &JwkSet, id: Option<&str>, algorithm: Algorithm) -> Option<Jwk> {
    let fits = |key: &&Jwk| {
        let common = &key.common;
        let for_signatures = common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
        let of_algorithm = match algorithm {
            Algorithm::RS256 => KeyAlgorithm::RS256,
            Algorithm::ES256 => KeyAlgorithm::ES256,
            Algorithm::EdDSA => KeyAlgorithm::EdDSA,
            _ => return false,
        };
        for_signatures && common.key_algorithm.as_ref().is_none_or(|named| *named == of_algorithm)
    };
    if let Some(id) = id {
        return set.find(id).filter(fits).cloned();
    }
    let mut keys = set.keys.iter().filter(fits);
    keys.next().filter(|_| keys.next().is_none()).cloned()
}
