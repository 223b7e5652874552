//! The storage of one world: a folder, which can be taken away and brought back, or a bucket, which can refuse.

#[path = "../it/harness/bucket.rs"]
#[expect(dead_code, reason = "the end-to-end tests count what was refused, and have more ways to refuse")]
mod bucket;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tokio::time;

use crate::proxy::{End, Proxy};
use bucket::{Bucket, Refusal};

/// The setting that says where the bucket is.
const ENDPOINT: &str = "storage.options.aws_endpoint";

/// Where objects lie.
pub enum Storage {
    /// A folder in the world's own.
    Folder(PathBuf),
    /// A bucket in a server of this program's own, behind a proxy.
    Bucket { bucket: Box<Bucket>, proxy: Proxy },
}

impl Storage {
    /// A folder in `world`.
    pub fn folder(world: &Path) -> Self {
        Self::Folder(world.join("objects"))
    }

    /// An empty bucket.
    pub async fn bucket() -> anyhow::Result<Self> {
        let bucket = Box::new(Bucket::start().await);
        let settings = bucket.settings();
        let (_, endpoint) =
            settings.iter().find(|(key, _)| key == ENDPOINT).context("a bucket is somewhere")?;
        let address = endpoint.trim_matches('"').trim_start_matches("http://").parse()?;
        Ok(Self::Bucket { bucket, proxy: Proxy::open(End::Port(address)).await? })
    }

    /// Its part of the configuration.
    pub fn settings(&self) -> String {
        match self {
            Self::Folder(folder) => format!("storage.url = \"file://{}\"\n", folder.display()),
            Self::Bucket { bucket, proxy } => {
                let mut settings = bucket.settings();
                for (_, value) in settings.iter_mut().filter(|(key, _)| key == ENDPOINT) {
                    *value = format!("\"http://{}\"", proxy.address());
                }
                let lines: Vec<String> =
                    settings.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                lines.join("\n") + "\n"
            }
        }
    }

    /// Between rightful and the server, if it is one.
    pub fn proxy(&self) -> Option<&Proxy> {
        match self {
            Self::Folder(_) => None,
            Self::Bucket { proxy, .. } => Some(proxy),
        }
    }

    /// Every call fails for a while.
    pub async fn fail_for(&self, lasts: Duration) -> anyhow::Result<()> {
        match self {
            Self::Folder(folder) => {
                hide(folder).context("a file cannot be put where the objects are")?;
                time::sleep(lasts).await;
                bring_back(folder).context("the objects cannot be brought back")
            }
            Self::Bucket { bucket, .. } => {
                bucket.refuse(Refusal::InternalError);
                time::sleep(lasts).await;
                bucket.heal();
                Ok(())
            }
        }
    }

    /// The names of all objects of cases: `case.task.attempt.number`.
    pub fn objects(&self) -> anyhow::Result<Vec<String>> {
        match self {
            Self::Folder(folder) => names(&folder.join("cases")).context("the objects cannot be listed"),
            Self::Bucket { bucket, .. } => {
                let name = |key: String| key.trim_start_matches("cases/").replace('/', ".");
                Ok(bucket.objects().into_iter().map(name).collect())
            }
        }
    }
}

/// A file lies where the folder was. Root may write into any folder, but nobody into a file's inside.
fn hide(folder: &Path) -> io::Result<()> {
    fs::rename(folder, folder.with_extension("away"))?;
    fs::write(folder, b"not a folder")
}

fn bring_back(folder: &Path) -> io::Result<()> {
    fs::remove_file(folder)?;
    fs::rename(folder.with_extension("away"), folder)
}

fn names(cases: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    if !cases.exists() {
        return Ok(names);
    }
    for case in fs::read_dir(cases)? {
        let case = case?;
        for object in fs::read_dir(case.path())? {
            let (case, object) = (case.file_name(), object?.file_name());
            names.push(format!("{}.{}", case.to_string_lossy(), object.to_string_lossy()));
        }
    }
    Ok(names)
}

/// Waits for something that happens soon.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let done = time::timeout(Duration::from_secs(40), future).await;
    done.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
