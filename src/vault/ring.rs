//! The key ring: the keys that wrap case keys, and the key of the blind index.
//!
//! Losing it loses every sealed thing; that is what it is for.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use zeroize::{Zeroize as _, Zeroizing};

use super::{CaseKey, Error, WrappedKey, derive, random};
use crate::domain::{CaseId, Identifier, Subject};

/// The version of the file's format.
const VERSION: u32 = 1;

/// A ring as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    version: u32,
    /// The id of the key that wraps new case keys.
    pub(super) primary: String,
    /// Hex of 32 bytes each, by id.
    pub(super) keys: BTreeMap<String, String>,
    /// Hex of 32 bytes: the blind index and the pseudonyms hang on it, so it never rotates.
    index_key: String,
}

impl Written {
    /// A new one with one key.
    pub(super) fn generate() -> Result<Self, Error> {
        let id = hex::encode(random::<4>()?);
        let key = hex::encode(*Zeroizing::new(random::<32>()?));
        let index_key = hex::encode(*Zeroizing::new(random::<32>()?));
        Ok(Self { version: VERSION, primary: id.clone(), keys: BTreeMap::from([(id, key)]), index_key })
    }

    /// Reads one, and checks that it is one.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        // serde's message may quote the text, and the text holds keys: it is not passed on.
        let why = || "it is not the expected JSON".to_owned();
        let written: Self = serde_json::from_str(text)
            .map_err(|_| Error::Malformed { path: path.display().to_string(), why: why() })?;
        KeyRing::of(path, &written)?;
        Ok(written)
    }

    /// As it is written.
    pub(super) fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(serde_json::to_string_pretty(self).expect("strings and a number are JSON"))
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        self.keys.values_mut().for_each(zeroize::Zeroize::zeroize);
        self.index_key.zeroize();
    }
}

/// The keys of this installation. A clone is the same ring: what is renewed in one is renewed in all.
#[derive(Clone)]
pub struct KeyRing(Arc<Ring>);

struct Ring {
    keys: RwLock<Keys>,
    /// How often they were renewed.
    renewed: watch::Sender<u64>,
    index: hmac::Key,
    pseudonym: hmac::Key,
    digest: hmac::Key,
    /// What tells the index key from another one.
    index_check: String,
}

#[derive(Clone, PartialEq, Eq)]
struct Keys {
    primary: String,
    by_id: BTreeMap<String, Zeroizing<[u8; 32]>>,
}

impl KeyRing {
    /// The ring that is written so. Its path is for what is said of it.
    pub(super) fn of(path: &Path, written: &Written) -> Result<Self, Error> {
        let malformed =
            |why: &str| Error::Malformed { path: path.display().to_string(), why: why.to_owned() };
        if written.version != VERSION {
            return Err(malformed(&format!("version {} is not {VERSION}", written.version)));
        }
        let mut by_id = BTreeMap::new();
        for (id, key) in &written.keys {
            by_id.insert(id.clone(), bytes(key).ok_or_else(|| malformed("a key is not 64 hex digits"))?);
        }
        if !by_id.contains_key(&written.primary) {
            return Err(malformed("the primary key is not among the keys"));
        }
        let index_key =
            bytes(&written.index_key).ok_or_else(|| malformed("the index key is not 64 hex digits"))?;
        let hmac_key = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, &derive(&index_key, &[label]));
        Ok(Self(Arc::new(Ring {
            keys: RwLock::new(Keys { primary: written.primary.clone(), by_id }),
            renewed: watch::Sender::new(0),
            index: hmac_key(b"blind index"),
            pseudonym: hmac_key(b"pseudonym"),
            digest: hmac_key(b"digest"),
            index_check: check(&index_key),
        })))
    }

    /// Takes over the keys of another reading of the same ring, and answers whether anything has changed. A ring with
    /// another index key is another installation's, and refused; so is one in which a key has another value under its id.
    pub fn renew(&self, read: &Self) -> Result<bool, Error> {
        if self.0.index_check != read.0.index_check {
            return Err(Error::AnotherRing);
        }
        let fresh = read.keys().clone();
        let mut keys = self.0.keys.write().unwrap_or_else(PoisonError::into_inner);
        let differs = |(id, key): (&String, &_)| fresh.by_id.get(id).is_some_and(|fresh| fresh != key);
        if keys.by_id.iter().any(differs) {
            return Err(Error::AnotherRing);
        }
        let changed = *keys != fresh;
        *keys = fresh;
        drop(keys);
        if changed {
            self.0.renewed.send_modify(|count| *count += 1);
        }
        Ok(changed)
    }

    /// Sees when its keys are renewed.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.renewed.subscribe()
    }

    fn keys(&self) -> std::sync::RwLockReadGuard<'_, Keys> {
        self.0.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The id of the key that wraps new case keys.
    pub fn primary(&self) -> String {
        self.keys().primary.clone()
    }

    /// The ids of its keys.
    pub fn ids(&self) -> Vec<String> {
        self.keys().by_id.keys().cloned().collect()
    }

    /// For each key, and for the index key by the name `index`, what tells it from another one and nothing else.
    pub fn checks(&self) -> Vec<(String, String)> {
        let keys = self.keys();
        let checks = keys.by_id.iter().map(|(id, key)| (id.clone(), check(key)));
        checks.chain([("index".to_owned(), self.0.index_check.clone())]).collect()
    }

    /// Wraps a case's key under the primary key. It unwraps for the same case only.
    pub fn wrap(&self, key: &CaseKey, case_id: CaseId) -> Result<WrappedKey, Error> {
        let key_id = self.primary();
        let bytes = key.wrap(&*self.key(&key_id)?, &purpose(case_id))?;
        Ok(WrappedKey { key_id, bytes })
    }

    /// Unwraps a case's key.
    pub fn unwrap(&self, wrapped: &WrappedKey, case_id: CaseId) -> Result<CaseKey, Error> {
        CaseKey::unwrap_from(&*self.key(&wrapped.key_id)?, &purpose(case_id), &wrapped.bytes)
    }

    /// What an identifier is looked up by: a keyed digest of kind and value, hex.
    pub fn blind_index(&self, identifier: &Identifier) -> String {
        tag(&self.0.index, [identifier])
    }

    /// The name under which a subject stands in receipts: a keyed digest of all its identifiers, 32 hex digits.
    pub fn pseudonym(&self, subject: &Subject) -> String {
        let mut pseudonym = tag(&self.0.pseudonym, subject.identifiers());
        pseudonym.truncate(32);
        pseudonym
    }

    /// A keyed digest, hex: equal texts have equal ones, and without the ring nobody can tell which text it was.
    pub fn digest(&self, bytes: &[u8]) -> String {
        hex::encode(hmac::sign(&self.0.digest, bytes))
    }

    fn key(&self, id: &str) -> Result<Zeroizing<[u8; 32]>, Error> {
        self.keys().by_id.get(id).cloned().ok_or_else(|| Error::UnknownKey(id.to_owned()))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys, redacted)", self.keys().by_id.len())
    }
}

/// 16 bytes of a key that is derived for this alone, hex: equal for equal keys, and of no use for anything else.
fn check(key: &[u8; 32]) -> String {
    hex::encode(&derive(key, &[b"check"])[..16])
}

fn purpose(case_id: CaseId) -> String {
    format!("case key of {case_id}")
}

fn bytes(hex_digits: &str) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0; 32]);
    hex::decode_to_slice(hex_digits, &mut *bytes).ok()?;
    Some(bytes)
}

/// Each kind and value is ended by a zero byte, which neither can hold, so no two lists run together.
fn tag<'a>(key: &hmac::Key, identifiers: impl IntoIterator<Item = &'a Identifier>) -> String {
    let mut context = hmac::Context::with_key(key);
    for identifier in identifiers {
        for text in [identifier.kind().as_str(), identifier.expose()] {
            context.update(text.as_bytes());
            context.update(&[0]);
        }
    }
    hex::encode(context.sign())
}
