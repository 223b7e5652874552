//! Where objects live: a local folder, or a bucket that speaks S3. The only home of `object_store`.
//!
//! Objects are immutable once written, and lie flat below `cases/{case}/`, so that a case goes away in one sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    BackoffConfig, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt as _, RetryConfig,
};
use uuid::Uuid;

use super::Error;
use super::object::ObjectId;
use crate::domain::CaseId;
use crate::telemetry::{Outage, metrics};

/// Parts of an upload to a local folder: large enough that system calls are nothing, small enough to hold many.
const LOCAL_PART_BYTES: usize = 256 * 1024;
/// Parts of an upload to S3, which takes none below 5 MiB but the last, and at most 10,000 of them.
const S3_PART_BYTES: usize = 5 * 1024 * 1024;

/// How often one call is repeated within itself, and for how long: what a hiccup needs. Anything longer is an outage,
/// which has to show, and which the engine's own retries outlast.
const S3_RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig {
        init_backoff: Duration::from_millis(50),
        max_backoff: Duration::from_secs(1),
        base: 2.0,
    },
    max_retries: 3,
    retry_timeout: Duration::from_secs(10),
};

/// How long a check may take. A probe of Kubernetes waits for as long at the most.
const CHECK_MAX: Duration = Duration::from_secs(5);

/// Where to store.
#[derive(Clone, Default)]
pub struct Settings {
    /// `file://folder` (taken literally, no percent-encoding; relative to the working directory, or absolute with a
    /// third slash) or `s3://bucket/prefix`.
    pub url: String,
    /// For S3: `region`, `endpoint`, `access_key_id`, … as the AWS tools name them, with or without `aws_`.
    pub options: BTreeMap<String, String>,
}

impl fmt::Debug for Settings {
    /// Names the options but not their values: some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options: Vec<_> = self.options.keys().collect();
        f.debug_struct("Settings").field("url", &self.url).field("options", &options).finish()
    }
}

/// The handle to the storage: cheap to clone, safe to share.
#[derive(Clone)]
pub struct Storage {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Set for a local folder: dead uploads leave files there that the object store does not list.
    folder: Option<Arc<PathBuf>>,
    part_bytes: usize,
    outage: Arc<Outage>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.store)
    }
}

impl Storage {
    /// Opens it. A local folder is made if there is none, for its owner only; S3 is not asked anything yet.
    /// [`Error::Settings`] if the settings make no sense, [`Error::Unavailable`] if the folder cannot be made.
    pub fn open(settings: &Settings) -> Result<Self, Error> {
        if let Some(folder) = settings.url.strip_prefix("file://") {
            Self::open_folder(PathBuf::from(folder))
        } else if let Some(place) = settings.url.strip_prefix("s3://") {
            Self::open_s3(place, settings)
        } else {
            Err(Error::Settings("the url must begin with file:// or s3://".to_owned()))
        }
    }

    fn open_folder(folder: PathBuf) -> Result<Self, Error> {
        if folder.as_os_str().is_empty() {
            return Err(Error::Settings("the file:// url must name a folder".to_owned()));
        }
        // Kept absolute, so that it stays the same folder if the process should change its own.
        let folder = std::path::absolute(folder).map_err(Error::unavailable)?;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(Error::unavailable)?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(Error::unavailable)?.with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            prefix: Path::default(),
            folder: Some(Arc::new(folder)),
            part_bytes: LOCAL_PART_BYTES,
            outage: Arc::new(Outage::new("the storage")),
        })
    }

    fn open_s3(place: &str, settings: &Settings) -> Result<Self, Error> {
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() {
            return Err(Error::Settings("an s3:// url names a bucket".to_owned()));
        }
        let prefix = Path::parse(prefix.trim_end_matches('/'))
            .map_err(|_| Error::Settings("the prefix of the s3:// url is not valid".to_owned()))?;
        let mut builder = AmazonS3Builder::new().with_bucket_name(bucket).with_retry(S3_RETRY);
        for (name, value) in &settings.options {
            let key = AmazonS3ConfigKey::from_str(name)
                .map_err(|_| Error::Settings(format!("there is no s3 option {name:?}")))?;
            builder = builder.with_config(key, value);
        }
        let store = builder.build().map_err(|error| Error::Settings(error.to_string()))?;
        let outage = Arc::new(Outage::new("the storage"));
        Ok(Self { store: Arc::new(store), prefix, folder: None, part_bytes: S3_PART_BYTES, outage })
    }

    /// What an operation brought, noted: an outage is said once, not by each of those who meet it.
    fn noted<T>(&self, result: Result<T, object_store::Error>) -> Result<T, Error> {
        match result {
            Ok(value) => {
                self.outage.worked();
                Ok(value)
            }
            Err(error) => {
                let error = Error::unavailable(error);
                self.outage.failed(&error);
                Err(error)
            }
        }
    }

    fn at(&self, below: &str) -> Path {
        below.split('/').fold(self.prefix.clone(), Path::join)
    }

    /// Begins an object; it is there once [`Upload::finish`] answers.
    pub(super) fn upload(&self, object: ObjectId) -> Upload {
        Upload { storage: self.clone(), path: self.at(&object.path()), buffer: Vec::new(), multipart: None }
    }

    /// The bytes of `range`, cut at the object's end, and the object's whole size.
    pub(super) async fn get(
        &self,
        object: ObjectId,
        range: std::ops::Range<u64>,
    ) -> Result<(Bytes, u64), Error> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let answer = timed("get", self.store.get_opts(&self.at(&object.path()), options)).await;
        if matches!(answer, Err(object_store::Error::NotFound { .. })) {
            return Err(Error::Missing(object.to_string()));
        }
        let answer = self.noted(answer)?;
        let size = answer.meta.size;
        Ok((self.noted(timed("read", answer.bytes()).await)?, size))
    }

    /// Deletes everything of a case. Deleting what is not there is fine.
    pub async fn delete_case(&self, case_id: CaseId) -> Result<(), Error> {
        self.keep_only(case_id, &BTreeSet::new(), Uuid::max()).await?;
        if let Some(folder) = self.case_folder(case_id) {
            gone_is_fine(tokio::fs::remove_dir_all(folder).await)?;
        }
        Ok(())
    }

    /// Deletes what dead attempts of a case left: everything but these, of attempts whose ids are less than `before`.
    /// No such attempt may be running; ids are UUIDv7, so attempts that begin meanwhile are spared.
    pub async fn keep_only(
        &self,
        case_id: CaseId,
        objects: &BTreeSet<ObjectId>,
        before: Uuid,
    ) -> Result<(), Error> {
        // The object store would list the folder, look at every file in it, and hide what killed uploads left there.
        if let Some(folder) = self.case_folder(case_id) {
            return sweep_folder(&folder, objects, before).await;
        }
        let keep: BTreeSet<Path> = objects.iter().map(|object| self.at(&object.path())).collect();
        let below = self.at(&format!("cases/{case_id}"));
        let orphans = self
            .store
            .list(Some(&below))
            .map_ok(|meta| meta.location)
            .try_filter(move |path| {
                let is_old = path.filename().is_some_and(|name| ObjectId::is_of_before(name, before));
                futures::future::ready(is_old && !keep.contains(path))
            })
            .boxed();
        let deleted = self.store.delete_stream(orphans).try_for_each(|_| futures::future::ready(Ok(())));
        match timed("delete", deleted).await {
            Err(object_store::Error::NotFound { .. }) => Ok(()),
            result => self.noted(result),
        }
    }

    fn case_folder(&self, case_id: CaseId) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join("cases").join(case_id.to_string()))
    }

    /// Whether it can be written, within 5 s: writes a tiny object, over the last one of its kind.
    pub async fn check(&self) -> Result<(), Error> {
        let place = self.at("health");
        let write = self.store.put(&place, Bytes::from_static(b"ok").into());
        let Ok(written) = tokio::time::timeout(CHECK_MAX, timed("check", write)).await else {
            let error = Error::unavailable(std::io::Error::from(std::io::ErrorKind::TimedOut));
            self.outage.failed(&error);
            return Err(error);
        };
        self.noted(written).map(|_| ())
    }
}

/// Measures an operation. What is not there is an answer, no failure.
async fn timed<T>(
    operation: &'static str,
    work: impl Future<Output = Result<T, object_store::Error>>,
) -> Result<T, object_store::Error> {
    let began = Instant::now();
    let result = work.await;
    let worked = !matches!(&result, Err(error) if !matches!(error, object_store::Error::NotFound { .. }));
    metrics::storage_operation(operation, worked, began.elapsed());
    result
}

async fn sweep_folder(
    folder: &std::path::Path,
    objects: &BTreeSet<ObjectId>,
    before: Uuid,
) -> Result<(), Error> {
    let names: BTreeSet<String> = objects.iter().map(ObjectId::file_name).collect();
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) => return gone_is_fine(Err(error)),
    };
    while let Some(entry) = entries.next_entry().await.map_err(Error::unavailable)? {
        let name = entry.file_name().to_string_lossy().into_owned();
        if ObjectId::is_of_before(&name, before) && !names.contains(&name) {
            gone_is_fine(tokio::fs::remove_file(entry.path()).await)?;
        }
    }
    Ok(())
}

fn gone_is_fine(result: std::io::Result<()>) -> Result<(), Error> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::unavailable(error)),
        _ => Ok(()),
    }
}

/// An object on its way. Small ones are put at once, larger ones in parts; it holds one part at most.
/// Dropped before it is finished, it leaves nothing that can be read: a local folder is cleaned up by itself or by
/// the next sweep, a bucket by its lifecycle rule for unfinished uploads.
pub(super) struct Upload {
    storage: Storage,
    path: Path,
    buffer: Vec<u8>,
    multipart: Option<Box<dyn MultipartUpload>>,
}

impl Upload {
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        let part_bytes = self.storage.part_bytes;
        while self.buffer.len() + bytes.len() > part_bytes {
            let (now, later) = bytes.split_at(part_bytes - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.send_part().await?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), Error> {
        let upload = match &mut self.multipart {
            Some(upload) => upload,
            none => {
                let upload =
                    self.storage.noted(timed("put", self.storage.store.put_multipart(&self.path)).await)?;
                none.insert(upload)
            }
        };
        let part = std::mem::take(&mut self.buffer);
        if let Err(error) = timed("put", upload.put_part(part.into())).await {
            // The part's fault is what matters; what stays behind is swept later.
            let _swept_later = upload.abort().await;
            return self.storage.noted(Err(error));
        }
        Ok(())
    }

    /// Makes the object: durable when it answers.
    pub(super) async fn finish(mut self) -> Result<(), Error> {
        if self.multipart.is_some() && !self.buffer.is_empty() {
            self.send_part().await?;
        }
        let result = match self.multipart {
            Some(mut upload) => timed("put", upload.complete()).await,
            None => timed("put", self.storage.store.put(&self.path, self.buffer.into())).await,
        };
        self.storage.noted(result).map(|_| ())
    }
}
