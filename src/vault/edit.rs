//! Changing a key ring's file: a key is added, made primary, or taken away. Each change is whole or does not happen.
//!
//! **Expected flow.** A key is added and the ring rolled out, so that every replica can open what is wrapped under it; then it
//! is made primary and the ring rolled out again; the engine wraps everything anew (`engine::rewrap`); then the old key goes.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use zeroize::Zeroizing;

use super::{Error, random, ring::File};

/// Adds a key that wraps nothing yet, and answers its id.
pub fn add_key(path: &Path) -> Result<String, Error> {
    let mut file = File::read(path)?;
    let id = hex::encode(random::<4>()?);
    file.keys.insert(id.clone(), hex::encode(*Zeroizing::new(random::<32>()?)));
    replace(path, &file)?;
    Ok(id)
}

/// Makes a key of the ring the one that wraps from now on.
pub fn use_key(path: &Path, id: &str) -> Result<(), Error> {
    let mut file = File::read(path)?;
    if !file.keys.contains_key(id) {
        return Err(Error::UnknownKey(id.to_owned()));
    }
    id.clone_into(&mut file.primary);
    replace(path, &file)
}

/// Takes a key away. What is wrapped under it can never be opened again.
pub fn remove_key(path: &Path, id: &str) -> Result<(), Error> {
    let mut file = File::read(path)?;
    if file.primary == id {
        return Err(Error::Malformed {
            path: path.display().to_string(),
            why: format!("{id} is the primary key: use another one first"),
        });
    }
    if file.keys.remove(id).is_none() {
        return Err(Error::UnknownKey(id.to_owned()));
    }
    replace(path, &file)
}

/// A rename replaces the ring at once: whoever reads it sees the old one or the new one.
fn replace(path: &Path, file: &File) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.display().to_string(), source };
    let text = Zeroizing::new(serde_json::to_string_pretty(file).expect("strings and a number are JSON"));
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = Path::new(&draft);
    let write = || -> std::io::Result<()> {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(draft, path)
    };
    write().map_err(failed)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        domain::CaseId,
        vault::{CaseKey, KeyRing},
    };

    #[test]
    fn a_key_is_added_used_and_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ring.json");
        let (old, _) = KeyRing::load_or_create(&path).unwrap();
        let first = old.primary().to_owned();
        let case = CaseId(Uuid::from_u128(1));
        let wrapped = old.wrap(&CaseKey::generate().unwrap(), case).unwrap();
        let id = add_key(&path).unwrap();
        assert_eq!(KeyRing::load_or_create(&path).unwrap().0.primary(), first, "added, not used");
        use_key(&path, &id).unwrap();
        let (both, _) = KeyRing::load_or_create(&path).unwrap();
        assert_eq!((both.primary(), both.unwrap(&wrapped, case).is_ok()), (id.as_str(), true));
        assert_eq!(both.checks().len(), 3, "two keys and the index");
        assert!(remove_key(&path, &id).is_err(), "the primary key stays");
        remove_key(&path, &first).unwrap();
        let (new, _) = KeyRing::load_or_create(&path).unwrap();
        assert!(new.unwrap(&wrapped, case).is_err());
        for refused in [use_key(&path, &first), remove_key(&path, &first)] {
            assert!(matches!(refused, Err(Error::UnknownKey(_))));
        }
    }
}
