//! The demo's folder: what belongs to the demo is replaced by the next one, and nothing else is touched.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::cli::exit::{Exit, Failure};

/// Says that the folder belongs to the demo; locked as long as one runs.
const MARKER: &str = ".rightful-demo";
/// Everything that the demo writes beside the marker.
const FILES: [&str; 6] =
    ["export.zip", "export.zip.part", "receipt.json", "rectification.json", "withdrawal.json", "server.log"];
const FOLDERS: [&str; 2] = ["server", "services"];

/// A folder that is this demo's alone.
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder, or takes over that of an earlier demo without what it left. Refuses any other folder that
    /// is not empty.
    pub(super) fn prepare(path: PathBuf) -> Result<Self, Failure> {
        let at = |error: io::Error| Failure::file(&path, &error);
        fs::create_dir_all(&path).map_err(at)?;
        let marker = path.join(MARKER);
        let is_empty = fs::read_dir(&path).map_err(at)?.next().is_none();
        if !is_empty && !marker.exists() {
            let message = format!("{} is not empty, and no demo made it", path.display());
            return Err(Failure::new(Exit::NotPossible, message).detail("--dir names another folder"));
        }
        let lock = File::create(&marker).map_err(at)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                let message = format!("a demo runs in {} already", path.display());
                Failure::new(Exit::NotPossible, message).detail("--dir names another folder")
            }
            TryLockError::Error(error) => Failure::file(&marker, &error),
        })?;
        clear(&path).map_err(at)?;
        for folder in FOLDERS {
            fs::create_dir(path.join(folder)).map_err(at)?;
        }
        Ok(Self { path, _lock: lock })
    }

    /// The finished export.
    pub(super) fn export(&self) -> PathBuf {
        self.path.join("export.zip")
    }

    /// Where the hints unpack it. The demo does not write here.
    pub(super) fn unpacked(&self) -> PathBuf {
        self.path.join("export")
    }

    /// The receipt of the erasure.
    pub(super) fn receipt(&self) -> PathBuf {
        self.path.join("receipt.json")
    }

    /// The receipt of the rectification.
    pub(super) fn rectification(&self) -> PathBuf {
        self.path.join("rectification.json")
    }

    /// The receipt of the consent withdrawal.
    pub(super) fn withdrawal(&self) -> PathBuf {
        self.path.join("withdrawal.json")
    }

    /// What rightful logs.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("server.log")
    }

    /// rightful's database, keys and sealed objects.
    pub(super) fn server(&self) -> PathBuf {
        self.path.join("server")
    }

    /// The databases of the three services.
    pub(super) fn services(&self) -> PathBuf {
        self.path.join("services")
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    for name in FILES {
        gone(fs::remove_file(path.join(name)))?;
    }
    for name in FOLDERS {
        gone(fs::remove_dir_all(path.join(name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_demo_replaces_the_first_and_nothing_else() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("demo");
        let first = Folder::prepare(path.clone()).expect("is new");
        fs::write(first.export(), "old").expect("writes");
        fs::write(first.server().join("db"), "old").expect("writes");
        fs::write(path.join("notes.txt"), "mine").expect("writes");
        assert!(Folder::prepare(path.clone()).is_err(), "the first one runs still");
        drop(first);
        let second = Folder::prepare(path.clone()).expect("takes over");
        assert!(!second.export().exists() && !second.server().join("db").exists());
        assert!(path.join("notes.txt").exists() && second.services().is_dir());
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("export.zip"), "mine").expect("writes");
        let refused = Folder::prepare(root.path().to_owned()).map(|_| ()).expect_err("is not ours");
        assert_eq!(refused.exit(), Exit::NotPossible);
        assert!(root.path().join("export.zip").exists() && !root.path().join(MARKER).exists());
    }
}
