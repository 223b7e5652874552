//! The journal of a downstream: one line for everything that happened to a task, durable before anybody hears of it.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::Path,
};

use anyhow::Context as _;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The task was accepted and will be done in the background. The request's bytes.
    Accepted { task_id: String, request: Vec<u8> },
    /// The task took effect. The request's bytes, and those of the outcome that is answered from now on.
    Effect { task_id: String, request: Vec<u8>, outcome: Vec<u8> },
    /// The accepted task was lost.
    Forgotten { task_id: String },
    /// The task came again with another body: a breach of the contract by rightful.
    Changed { task_id: String },
}

impl Entry {
    fn line(&self) -> String {
        match self {
            Self::Accepted { task_id, request } => format!("accepted {task_id} {}\n", hex::encode(request)),
            Self::Effect { task_id, request, outcome } => {
                format!("effect {task_id} {} {}\n", hex::encode(request), hex::encode(outcome))
            }
            Self::Forgotten { task_id } => format!("forgotten {task_id}\n"),
            Self::Changed { task_id } => format!("changed {task_id}\n"),
        }
    }

    fn parse(line: &str) -> anyhow::Result<Self> {
        // An outcome without categories has no bytes: split at every space, not at white space.
        let words: Vec<&str> = line.split(' ').collect();
        Ok(match words.as_slice() {
            ["accepted", task_id, request] => {
                Self::Accepted { task_id: (*task_id).to_owned(), request: hex::decode(request)? }
            }
            ["effect", task_id, request, outcome] => Self::Effect {
                task_id: (*task_id).to_owned(),
                request: hex::decode(request)?,
                outcome: hex::decode(outcome)?,
            },
            ["forgotten", task_id] => Self::Forgotten { task_id: (*task_id).to_owned() },
            ["changed", task_id] => Self::Changed { task_id: (*task_id).to_owned() },
            _ => anyhow::bail!("not a line of a journal: {line:?}"),
        })
    }
}

/// All lines. None if there is no file yet.
pub fn read(file: &Path) -> anyhow::Result<Vec<Entry>> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(file).context("the journal cannot be read")?;
    // A kill leaves whole lines: each is one write. A torn one would mean that nothing here proves anything.
    anyhow::ensure!(text.is_empty() || text.ends_with('\n'), "the journal's last line is torn");
    text.lines().map(Entry::parse).collect()
}

/// Appends.
pub struct Journal(File);

impl Journal {
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(file);
        Ok(Self(file.context("the journal cannot be written")?))
    }

    /// Durable when it answers: one write, one fsync.
    pub fn append(&mut self, entry: &Entry) {
        let written = self.0.write_all(entry.line().as_bytes()).and_then(|()| self.0.sync_data());
        written.expect("a downstream that cannot write its journal must not go on");
    }
}
