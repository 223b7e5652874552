//! The storage of one world: a folder, which can be taken away and brought back.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use tokio::time;

/// Where objects lie.
pub struct Storage {
    folder: PathBuf,
}

impl Storage {
    /// A folder of its own in `world`.
    pub fn folder(world: &Path) -> Self {
        Self { folder: world.join("objects") }
    }

    /// Its part of the configuration.
    pub fn settings(&self) -> String {
        format!("storage.url = \"file://{}\"\n", self.folder.display())
    }

    /// Every call fails for a while: a file lies where the folder was.
    pub async fn fail_for(&self, lasts: Duration) -> anyhow::Result<()> {
        let away = self.folder.with_extension("away");
        fs::rename(&self.folder, &away).context("the objects can be moved away")?;
        fs::write(&self.folder, b"not a folder").context("a file can lie in the way")?;
        time::sleep(lasts).await;
        fs::remove_file(&self.folder).context("the file can be taken away")?;
        fs::rename(&away, &self.folder).context("the objects can be brought back")
    }

    /// The names of all objects of cases: `case.task.attempt.number`.
    pub fn objects(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        let Ok(cases) = fs::read_dir(self.folder.join("cases")) else { return Ok(names) };
        for case in cases {
            let case = case?;
            for object in fs::read_dir(case.path())? {
                let (case, object) = (case.file_name(), object?.file_name());
                names.push(format!("{}.{}", case.to_string_lossy(), object.to_string_lossy()));
            }
        }
        Ok(names)
    }
}
