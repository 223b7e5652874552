//! Where the rows come from: a file or standard input, read by a thread of its own, no further ahead than it has to.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use clap::ValueEnum;
use tokio::sync::mpsc;

use super::{csv, ndjson, row::Row};
use crate::cli::exit::Failure;

/// Rows that are read ahead: as many as go into one message.
const AHEAD: usize = 500;

/// How rows are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Format {
    /// A header, and a line for each case.
    Csv,
    /// One OpenCaseRequest in proto3 JSON on each line.
    Ndjson,
}

impl Format {
    /// What the name of a file says.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "ndjson" | "jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// Rows on their way. The last one may be a failure: then the rest of the file cannot be read.
pub(super) struct Source {
    /// What was read.
    pub(super) rows: mpsc::Receiver<Result<Row, Failure>>,
    /// Bytes of the file, if that is known.
    pub(super) size: Option<u64>,
    read: Arc<AtomicU64>,
}

impl Source {
    /// Opens the file, or standard input for `-`, and begins to read.
    pub(super) fn open(path: &Path, format: Format, batch: Option<String>) -> Result<Self, Failure> {
        let (input, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
            // Pipes have no size that says anything.
            let size = file.metadata().ok().filter(std::fs::Metadata::is_file).map(|facts| facts.len());
            (Box::new(file), size)
        };
        let read = Arc::new(AtomicU64::new(0));
        let input = BufReader::new(Counted { input, read: Arc::clone(&read) });
        let (send, rows) = mpsc::channel(AHEAD);
        // Not one of the runtime's threads: the process must be able to end while standard input stays open.
        std::thread::spawn(move || {
            let mut take = |row| send.blocking_send(Ok(row)).is_ok();
            let outcome = match format {
                Format::Csv => csv::read(input, batch.as_deref(), &mut take),
                Format::Ndjson => ndjson::read(input, batch.as_deref(), &mut take).map_err(Failure::from),
            };
            if let Err(failure) = outcome {
                // If nobody listens any more, the command has ended.
                let _ = send.blocking_send(Err(failure));
            }
        });
        Ok(Self { rows, size, read })
    }

    /// Bytes that have been read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

struct Counted<R> {
    input: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
