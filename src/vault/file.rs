//! A key ring's file: read, made, changed. Each change is whole or does not happen. With a provider the file holds the ring
//! as the provider has sealed it, and is of no use without it.
//!
//! **Expected flow of an exchange.** A key is added and the ring rolled out, so that every replica can open what is wrapped
//! under it; then it is made primary and the ring rolled out again; the engine wraps everything anew (`engine::rewrap`);
//! then the old key goes.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Error, KeyRing, Provider, random, ring::Written};

/// A ring has some 200 bytes for each of its keys.
const BYTES_MAX: u64 = 1024 * 1024;
/// The version of the sealed format.
const VERSION: u32 = 1;

/// Whether the key ring was there, or has just been made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was there.
    No,
    /// It has just been made: back it up.
    Yes,
}

/// Where a ring is, and who seals it.
#[derive(Clone)]
pub struct RingFile {
    path: PathBuf,
    provider: Option<Arc<dyn Provider>>,
}

/// A ring that a provider has sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sealed {
    version: u32,
    sealed: String,
}

impl RingFile {
    /// The ring at this path; without a provider it lies there as it is.
    pub fn new(path: PathBuf, provider: Option<Arc<dyn Provider>>) -> Self {
        Self { path, provider }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything at its path.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }

    /// What lies there, to be compared with what lay there before; it is never shown.
    pub fn content(&self) -> Result<Zeroizing<String>, Error> {
        let length = fs::metadata(&self.path).map_err(|source| self.failed(source))?.len();
        if length > BYTES_MAX {
            return Err(self.malformed("it is too large"));
        }
        fs::read_to_string(&self.path).map(Zeroizing::new).map_err(|source| self.failed(source))
    }

    /// The ring that lies there.
    pub async fn load(&self) -> Result<KeyRing, Error> {
        KeyRing::of(&self.path, &self.read().await?)
    }

    /// The same, or a new one, readable for its owner only, if there is none. Of two processes that start at once, one makes
    /// the ring and the other fails loudly.
    pub async fn load_or_create(&self) -> Result<(KeyRing, Created), Error> {
        if self.exists() {
            return Ok((self.load().await?, Created::No));
        }
        let written = Written::generate()?;
        let text = self.text(&written).await?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|source| self.failed(source))?;
        }
        // Unlike a rename, a link never replaces a ring that is there.
        self.write(&text, |draft, path| {
            let linked = fs::hard_link(draft, path);
            fs::remove_file(draft)?;
            linked
        })?;
        Ok((KeyRing::of(&self.path, &written)?, Created::Yes))
    }

    /// Adds a key that wraps nothing yet, and answers its id.
    pub async fn add_key(&self) -> Result<String, Error> {
        let mut written = self.read().await?;
        let id = hex::encode(random::<4>()?);
        written.keys.insert(id.clone(), hex::encode(*Zeroizing::new(random::<32>()?)));
        self.replace(&written).await?;
        Ok(id)
    }

    /// Makes a key of the ring the one that wraps from now on.
    pub async fn use_key(&self, id: &str) -> Result<(), Error> {
        let mut written = self.read().await?;
        if !written.keys.contains_key(id) {
            return Err(Error::UnknownKey(id.to_owned()));
        }
        id.clone_into(&mut written.primary);
        self.replace(&written).await
    }

    /// Takes a key away. What is wrapped under it can never be opened again.
    pub async fn remove_key(&self, id: &str) -> Result<(), Error> {
        let mut written = self.read().await?;
        if written.primary == id {
            return Err(self.malformed(&format!("{id} is the primary key: use another one first")));
        }
        if written.keys.remove(id).is_none() {
            return Err(Error::UnknownKey(id.to_owned()));
        }
        self.replace(&written).await
    }

    /// Seals a ring that lies there as it is, or seals it anew under the provider's newest version of its key.
    pub async fn seal(&self) -> Result<(), Error> {
        let text = self.content()?;
        let written = match Self::sealed(&text) {
            Some(_) => self.read().await?,
            None => Written::parse(&self.path, &text)?,
        };
        self.replace(&written).await
    }

    pub(super) fn sealed(text: &str) -> Option<Sealed> {
        serde_json::from_str::<Sealed>(text).ok().filter(|sealed| sealed.version == VERSION)
    }

    async fn read(&self) -> Result<Written, Error> {
        let text = self.content()?;
        match (&self.provider, Self::sealed(&text)) {
            (None, None) => Written::parse(&self.path, &text),
            (Some(provider), Some(sealed)) => {
                let opened = provider.open(&sealed.sealed).await?;
                let text = std::str::from_utf8(&opened).map_err(|_| self.malformed("it is not text"))?;
                Written::parse(&self.path, text)
            }
            (None, Some(_)) => Err(self.malformed("it is sealed: name its provider in [keys.vault]")),
            (Some(_), None) => Err(self.malformed("it is not sealed: `rightful key seal` seals it")),
        }
    }

    async fn text(&self, written: &Written) -> Result<Zeroizing<String>, Error> {
        let plain = written.text();
        let Some(provider) = &self.provider else { return Ok(plain) };
        let sealed = Sealed { version: VERSION, sealed: provider.seal(plain.as_bytes()).await? };
        Ok(Zeroizing::new(serde_json::to_string_pretty(&sealed).expect("a string and a number are JSON")))
    }

    /// A rename replaces the ring at once: whoever reads it sees the old one or the new one.
    async fn replace(&self, written: &Written) -> Result<(), Error> {
        let text = self.text(written).await?;
        self.write(&text, |draft, path| fs::rename(draft, path))
    }

    /// Writes a draft, readable for its owner only, and puts it in its place.
    fn write(&self, text: &str, put: impl FnOnce(&Path, &Path) -> io::Result<()>) -> Result<(), Error> {
        let mut draft = self.path.as_os_str().to_owned();
        draft.push(format!(".{}", std::process::id()));
        let draft = Path::new(&draft);
        let write = || -> io::Result<()> {
            let mut file =
                fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            put(draft, &self.path)
        };
        write().map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::File { path: self.path.display().to_string(), source }
    }

    fn malformed(&self, why: &str) -> Error {
        Error::Malformed { path: self.path.display().to_string(), why: why.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::{CaseId, Identifier},
        vault::CaseKey,
    };

    fn at(path: &Path) -> RingFile {
        RingFile::new(path.to_owned(), None)
    }

    #[tokio::test]
    async fn a_ring_is_made_once_and_wraps_across_loads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/ring.json");
        let (first, created) = at(&path).load_or_create().await.unwrap();
        assert_eq!(created, Created::Yes);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (second, created) = at(&path).load_or_create().await.unwrap();
        assert_eq!(created, Created::No);

        let (case, other) = (CaseId(Uuid::from_u128(1)), CaseId(Uuid::from_u128(2)));
        let key = CaseKey::generate().unwrap();
        let wrapped = first.wrap(&key, case).unwrap();
        let sealed = key.seal("x", b"value").unwrap();
        assert_eq!(second.unwrap(&wrapped, case).unwrap().open("x", &sealed).unwrap().as_slice(), b"value");
        assert!(second.unwrap(&wrapped, other).is_err(), "bound to its case");

        let email = Identifier::new("email", "a@example.org").unwrap();
        assert_eq!(first.blind_index(&email), second.blind_index(&email));
        let (stranger, _) = at(&folder.path().join("other.json")).load_or_create().await.unwrap();
        assert_ne!(first.blind_index(&email), stranger.blind_index(&email));
        assert!(stranger.unwrap(&wrapped, case).is_err());
        assert!(first.renew(&stranger).is_err(), "another installation's");
    }

    #[tokio::test]
    async fn a_bad_ring_is_refused_without_quoting_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.json");
        for bad in ["", "{}", r#"{"version":1,"primary":"a","keys":{"a":"canary"},"index_key":""}"#] {
            fs::write(&path, bad).unwrap();
            let error = at(&path).load_or_create().await.unwrap_err().to_string();
            assert!(error.contains("not valid") && !error.contains("canary"), "{error}");
        }
        fs::write(&path, r#"{"version":1,"sealed":"vault:v1:x"}"#).unwrap();
        assert!(at(&path).load().await.unwrap_err().to_string().contains("[keys.vault]"));
    }

    #[tokio::test]
    async fn a_key_is_added_used_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let file = at(&folder.path().join("ring.json"));
        let (old, _) = file.load_or_create().await.unwrap();
        let first = old.primary();
        let case = CaseId(Uuid::from_u128(1));
        let wrapped = old.wrap(&CaseKey::generate().unwrap(), case).unwrap();
        let id = file.add_key().await.unwrap();
        assert_eq!(file.load().await.unwrap().primary(), first, "added, not used");
        file.use_key(&id).await.unwrap();
        let both = file.load().await.unwrap();
        assert_eq!((both.primary(), both.unwrap(&wrapped, case).is_ok()), (id.clone(), true));
        assert_eq!(both.checks().len(), 3, "two keys and the index");
        assert!(old.renew(&both).unwrap(), "it has changed");
        assert!(!old.renew(&both).unwrap(), "and now it is the same");
        assert_eq!(old.wrap(&CaseKey::generate().unwrap(), case).unwrap().key_id, id);
        assert!(file.remove_key(&id).await.is_err(), "the primary key stays");
        file.remove_key(&first).await.unwrap();
        let new = file.load().await.unwrap();
        assert!(new.unwrap(&wrapped, case).is_err());
        for refused in [file.use_key(&first).await, file.remove_key(&first).await] {
            assert!(matches!(refused, Err(Error::UnknownKey(_))));
        }
    }
}
