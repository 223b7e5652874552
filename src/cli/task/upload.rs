//! What a person hands in, read piece by piece while it is sent: records from NDJSON files, and files as they are.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use crate::{
    cli::exit::Failure,
    proto::{
        downstream::v1::{FileBegin, FileChunk, FileEnd, Record},
        v1::{ResolveTaskRequest, resolve_task_request::Item},
    },
};

/// Bytes of a file in one message: enough for full speed, and memory is not worth a thought.
const CHUNK_BYTES: usize = 256 << 10;
/// The longest line of records: what the server takes, and one byte more, so that it says what is wrong.
const LINE_BYTES_MAX: u64 = (1 << 20) + 1;

/// Something to be handed in.
pub(super) enum Source {
    /// Records of this category, one JSON object on each line.
    Records(String, BufReader<File>),
    /// A file of this category.
    File(String, PathBuf, File),
}

impl Source {
    /// `CATEGORY=FILE` with records.
    pub(super) fn records(text: &str) -> Result<Self, Failure> {
        let (category, path) = pair("--records", text)?;
        Ok(Self::Records(category, BufReader::new(open(&path)?)))
    }

    /// `CATEGORY=FILE` with a file.
    pub(super) fn file(text: &str) -> Result<Self, Failure> {
        let (category, path) = pair("--file", text)?;
        let file = open(&path)?;
        Ok(Self::File(category, path, file))
    }

    /// The messages that hand it in. A file that cannot be read to its end becomes a message that the server refuses:
    /// otherwise the end of the stream would say that it was all.
    pub(super) fn messages(self) -> Box<dyn Iterator<Item = ResolveTaskRequest> + Send> {
        match self {
            Self::Records(category, reader) => Box::new(records(category, reader)),
            Self::File(category, path, file) => Box::new(pieces(category, &path, file)),
        }
    }
}

fn pair(flag: &str, text: &str) -> Result<(String, PathBuf), Failure> {
    let parts = text.split_once('=').filter(|(category, path)| !category.is_empty() && !path.is_empty());
    let (category, path) = parts.ok_or_else(|| Failure::usage(format!("{flag}: must be CATEGORY=FILE")))?;
    Ok((category.to_owned(), PathBuf::from(path)))
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::file(path, &error))
}

fn message(item: Item) -> ResolveTaskRequest {
    ResolveTaskRequest { item: Some(item) }
}

fn records(category: String, mut reader: BufReader<File>) -> impl Iterator<Item = ResolveTaskRequest> + Send {
    std::iter::from_fn(move || {
        loop {
            let mut line = Vec::new();
            match reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) => return None,
                Ok(_) if line.trim_ascii().is_empty() => {}
                Ok(_) => {
                    let json = line.trim_ascii().to_vec().into();
                    return Some(message(Item::Record(Record { category: category.clone(), json })));
                }
                Err(_) => return Some(ResolveTaskRequest::default()),
            }
        }
    })
}

fn pieces(
    category: String,
    path: &Path,
    mut file: File,
) -> impl Iterator<Item = ResolveTaskRequest> + Send + use<> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let begin = message(Item::FileBegin(FileBegin { category, name, media_type: String::new() }));
    let mut digest = Some(Sha256::new());
    let rest = std::iter::from_fn(move || {
        let hashing = digest.as_mut()?;
        let mut data = vec![0; CHUNK_BYTES];
        match file.read(&mut data) {
            Ok(0) => {
                let sha256 = digest.take().map(|hashed| hashed.finalize().to_vec()).unwrap_or_default();
                Some(message(Item::FileEnd(FileEnd { sha256: sha256.into() })))
            }
            Ok(read) => {
                data.truncate(read);
                hashing.update(&data);
                Some(message(Item::FileChunk(FileChunk { data: data.into() })))
            }
            Err(_) => {
                digest = None;
                Some(ResolveTaskRequest::default())
            }
        }
    });
    std::iter::once(begin).chain(rest)
}
