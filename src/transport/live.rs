//! What is made of files, made again when they change.
//!
//! **Guarantees.** Whoever has got the old one keeps it: streams go on. Files that make nothing usable leave the old one in
//! force, and that is said once for each content. Kubernetes exchanges whole folders of secrets at once by a link, so a
//! certificate and its key change together there; where they do not, the next look sees both.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use jiff::Timestamp;

use super::files::Files;
use crate::domain::Faults;

/// Makes the value from what the files hold, and says until when it is good.
type Make<T> = Box<dyn Fn(&Files, Timestamp) -> Result<(T, Option<Timestamp>), Faults> + Send + Sync>;

/// A value that follows its files.
pub struct Live<T> {
    /// The place in the configuration, as logs and metrics name it.
    name: String,
    files: Vec<PathBuf>,
    make: Make<T>,
    current: Mutex<Current<T>>,
}

struct Current<T> {
    value: Arc<T>,
    until: Option<Timestamp>,
    /// Of what the value was made.
    digest: [u8; 32],
    /// Of what could not be used, and was said.
    refused: Option<[u8; 32]>,
}

/// How a look at the files went.
#[derive(Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// They are as they were, or as they were when it was said that they cannot be used.
    Unchanged,
    /// The new ones are in force.
    Changed,
    /// They cannot be used; the old ones stay in force.
    Refused(Faults),
}

/// Something that follows its files.
pub trait Reload: Send + Sync {
    /// Looks at the files.
    fn reload(&self, now: Timestamp) -> Reloaded;
    /// The place in the configuration.
    fn name(&self) -> &str;
    /// Until when the certificate in force is valid; absent if there is none.
    fn valid_until(&self) -> Option<Timestamp>;
}

impl<T> Live<T> {
    /// Makes it for the first time.
    pub(super) fn new(
        name: String,
        files: Vec<PathBuf>,
        now: Timestamp,
        make: impl Fn(&Files, Timestamp) -> Result<(T, Option<Timestamp>), Faults> + Send + Sync + 'static,
    ) -> Result<Self, Faults> {
        let read = Files::read(&files);
        let (value, until) = make(&read, now)?;
        let current = Current { value: Arc::new(value), until, digest: read.digest(), refused: None };
        Ok(Self { name, files, make: Box::new(make), current: Mutex::new(current) })
    }

    /// The one in force.
    pub fn get(&self) -> Arc<T> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner).value)
    }
}

impl<T: Send + Sync> Reload for Live<T> {
    fn reload(&self, now: Timestamp) -> Reloaded {
        let read = Files::read(&self.files);
        let digest = read.digest();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if digest == current.digest || current.refused == Some(digest) {
            return Reloaded::Unchanged;
        }
        match (self.make)(&read, now) {
            Ok((value, until)) => {
                *current = Current { value: Arc::new(value), until, digest, refused: None };
                Reloaded::Changed
            }
            Err(faults) => {
                current.refused = Some(digest);
                Reloaded::Refused(faults)
            }
        }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn valid_until(&self) -> Option<Timestamp> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).until
    }
}
