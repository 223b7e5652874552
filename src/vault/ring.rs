//! The key ring: the keys that wrap case keys, and the key of the blind index.
//!
//! It is a JSON file that only its owner may read. Losing it loses every sealed thing; that is what it is for.

use std::{collections::BTreeMap, fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{CaseKey, Error, WrappedKey, derive, random};
use crate::domain::{CaseId, Identifier, Subject};

/// The version of the file's format.
const VERSION: u32 = 1;

/// Whether the key ring was there, or has just been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was there.
    No,
    /// It has just been made: back it up.
    Yes,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    version: u32,
    /// The id of the key that wraps new case keys.
    pub(super) primary: String,
    /// Hex of 32 bytes each, by id.
    pub(super) keys: BTreeMap<String, String>,
    /// Hex of 32 bytes: the blind index and the pseudonyms hang on it, so it never rotates.
    index_key: String,
}

impl File {
    /// Reads a ring's file, and checks that it is one.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: path.display().to_string(), source };
        let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
        KeyRing::parse(path, &text)?;
        let why = || "it is not the expected JSON".to_owned();
        serde_json::from_str(&text)
            .map_err(|_| Error::Malformed { path: path.display().to_string(), why: why() })
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.keys.values_mut().for_each(zeroize::Zeroize::zeroize);
        self.index_key.zeroize();
    }
}

/// The keys of this installation.
pub struct KeyRing {
    primary: String,
    keys: BTreeMap<String, Zeroizing<[u8; 32]>>,
    index: hmac::Key,
    pseudonym: hmac::Key,
    digest: hmac::Key,
    /// What tells the index key from another one.
    index_check: String,
}

impl KeyRing {
    /// Reads the file, or makes it, readable for its owner only, if there is none.
    pub fn load_or_create(path: &Path) -> Result<(Self, Created), Error> {
        let failed = |source| Error::File { path: path.display().to_string(), source };
        match fs::read_to_string(path).map(Zeroizing::new) {
            Ok(text) => Ok((Self::parse(path, &text)?, Created::No)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let text = Self::generate()?;
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                    fs::create_dir_all(folder).map_err(failed)?;
                }
                write_whole(path, &text).map_err(failed)?;
                Ok((Self::parse(path, &text)?, Created::Yes))
            }
            Err(error) => Err(failed(error)),
        }
    }

    fn generate() -> Result<Zeroizing<String>, Error> {
        let id = hex::encode(random::<4>()?);
        let key = hex::encode(*Zeroizing::new(random::<32>()?));
        let index_key = hex::encode(*Zeroizing::new(random::<32>()?));
        let file =
            File { version: VERSION, primary: id.clone(), keys: BTreeMap::from([(id, key)]), index_key };
        let text = serde_json::to_string_pretty(&file).expect("strings and a number are JSON");
        Ok(Zeroizing::new(text))
    }

    fn parse(path: &Path, text: &str) -> Result<Self, Error> {
        let malformed =
            |why: &str| Error::Malformed { path: path.display().to_string(), why: why.to_owned() };
        // serde's message may quote the text, and the text holds keys: it is not passed on.
        let file: File = serde_json::from_str(text).map_err(|_| malformed("it is not the expected JSON"))?;
        if file.version != VERSION {
            return Err(malformed(&format!("version {} is not {VERSION}", file.version)));
        }
        let mut keys = BTreeMap::new();
        for (id, key) in &file.keys {
            keys.insert(id.clone(), bytes(key).ok_or_else(|| malformed("a key is not 64 hex digits"))?);
        }
        if !keys.contains_key(&file.primary) {
            return Err(malformed("the primary key is not among the keys"));
        }
        let index_key =
            bytes(&file.index_key).ok_or_else(|| malformed("the index key is not 64 hex digits"))?;
        let hmac_key = |label: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, &derive(&index_key, &[label]));
        Ok(Self {
            primary: file.primary.clone(),
            keys,
            index: hmac_key(b"blind index"),
            pseudonym: hmac_key(b"pseudonym"),
            digest: hmac_key(b"digest"),
            index_check: check(&index_key),
        })
    }

    /// The id of the key that wraps new case keys.
    pub fn primary(&self) -> &str {
        &self.primary
    }

    /// The ids of its keys.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// For each key, and for the index key by the name `index`, what tells it from another one and nothing else.
    pub fn checks(&self) -> Vec<(String, String)> {
        let keys = self.keys.iter().map(|(id, key)| (id.clone(), check(key)));
        keys.chain([("index".to_owned(), self.index_check.clone())]).collect()
    }

    /// Wraps a case's key under the primary key. It unwraps for the same case only.
    pub fn wrap(&self, key: &CaseKey, case_id: CaseId) -> Result<WrappedKey, Error> {
        let bytes = key.wrap(self.key(&self.primary)?, &purpose(case_id))?;
        Ok(WrappedKey { key_id: self.primary.clone(), bytes })
    }

    /// Unwraps a case's key.
    pub fn unwrap(&self, wrapped: &WrappedKey, case_id: CaseId) -> Result<CaseKey, Error> {
        CaseKey::unwrap_from(self.key(&wrapped.key_id)?, &purpose(case_id), &wrapped.bytes)
    }

    /// What an identifier is looked up by: a keyed digest of kind and value, hex.
    pub fn blind_index(&self, identifier: &Identifier) -> String {
        tag(&self.index, [identifier])
    }

    /// The name under which a subject stands in receipts: a keyed digest of all its identifiers, 32 hex digits.
    pub fn pseudonym(&self, subject: &Subject) -> String {
        let mut pseudonym = tag(&self.pseudonym, subject.identifiers());
        pseudonym.truncate(32);
        pseudonym
    }

    /// A keyed digest, hex: equal texts have equal ones, and without the ring nobody can tell which text it was.
    pub fn digest(&self, bytes: &[u8]) -> String {
        hex::encode(hmac::sign(&self.digest, bytes))
    }

    fn key(&self, id: &str) -> Result<&[u8; 32], Error> {
        self.keys.get(id).map(|key| &**key).ok_or_else(|| Error::UnknownKey(id.to_owned()))
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyRing({} keys, redacted)", self.keys.len())
    }
}

/// Writes the file whole or not at all, readable for its owner only. Of two processes that start at once, one makes the
/// ring and the other fails loudly.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    // Unlike a rename, a link never replaces a ring that is there.
    let linked = fs::hard_link(draft, path);
    fs::remove_file(draft)?;
    linked
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_ring_is_made_once_and_wraps_across_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ring.json");
        let (first, created) = KeyRing::load_or_create(&path).unwrap();
        assert_eq!(created, Created::Yes);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (second, created) = KeyRing::load_or_create(&path).unwrap();
        assert_eq!(created, Created::No);

        let (case, other) = (CaseId(Uuid::from_u128(1)), CaseId(Uuid::from_u128(2)));
        let key = CaseKey::generate().unwrap();
        let wrapped = first.wrap(&key, case).unwrap();
        let sealed = key.seal("x", b"value").unwrap();
        assert_eq!(second.unwrap(&wrapped, case).unwrap().open("x", &sealed).unwrap().as_slice(), b"value");
        assert!(second.unwrap(&wrapped, other).is_err(), "bound to its case");

        let email = Identifier::new("email", "a@example.org").unwrap();
        assert_eq!(first.blind_index(&email), second.blind_index(&email));
        let (stranger, _) = KeyRing::load_or_create(&folder.path().join("other.json")).unwrap();
        assert_ne!(first.blind_index(&email), stranger.blind_index(&email));
        assert!(stranger.unwrap(&wrapped, case).is_err());
    }

    #[test]
    fn a_bad_ring_is_refused_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.json");
        for bad in ["", "{}", r#"{"version":1,"primary":"a","keys":{"a":"canary"},"index_key":""}"#] {
            fs::write(&path, bad).unwrap();
            let error = KeyRing::load_or_create(&path).unwrap_err().to_string();
            assert!(error.contains("not valid") && !error.contains("canary"), "{error}");
        }
    }
}
