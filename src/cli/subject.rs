//! Who a case is about, as given on the command line. Faults say where they are and never repeat the value.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use clap::Args;

use super::exit::Failure;
use crate::proto::downstream::v1::{Identifier, Subject};

/// A case takes 32 identifiers of at most 600 bytes; a larger file is not a list of identifiers.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Identifiers of one person.
#[derive(Args)]
#[group(id = "who", required = true, multiple = true)]
pub(super) struct Who {
    /// An identifier such as email=a@example.org; repeatable. Other users of this machine can see arguments: prefer
    /// --id-file where that matters.
    #[arg(long = "id", value_name = "KIND=VALUE")]
    ids: Vec<String>,
    /// A file with one KIND=VALUE on each line; `-` reads them from stdin.
    #[arg(long = "id-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Who {
    /// Reads them all.
    pub(super) fn subject(&self) -> Result<Subject, Failure> {
        let mut identifiers = Vec::new();
        for (index, text) in self.ids.iter().enumerate() {
            identifiers
                .push(identifier(text).ok_or_else(|| malformed(&format!("--id number {}", index + 1)))?);
        }
        for path in &self.files {
            identifiers.extend(from_file(path)?);
        }
        Ok(Subject { identifiers })
    }
}

/// All identifiers of a file; `-` is stdin.
pub(super) fn from_file(path: &Path) -> Result<Vec<Identifier>, Failure> {
    listed(&content(path)?, path)
}

/// `KIND=VALUE`. The server checks the rest.
pub(super) fn identifier(text: &str) -> Option<Identifier> {
    let (kind, value) = text.split_once('=')?;
    let (kind, value) = (kind.trim(), value.trim());
    (!kind.is_empty() && !value.is_empty()).then(|| Identifier { kind: kind.into(), value: value.into() })
}

/// What is wrong with an identifier that [`identifier`] did not read.
pub(super) fn malformed(place: &str) -> Failure {
    Failure::usage(format!("{place}: must be KIND=VALUE, such as email=a@example.org"))
}

/// One on each line; empty lines and lines that start with `#` are left out.
fn listed(text: &str, path: &Path) -> Result<Vec<Identifier>, Failure> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            identifier(line).ok_or_else(|| malformed(&format!("{} line {}", path.display(), index + 1)))
        })
        .collect()
}

/// The text of a small file; `-` is stdin.
pub(super) fn content(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| Failure::file(path, &error))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{}: has more than {FILE_BYTES_MAX} bytes", path.display())));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{}: is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> Option<(String, String)> {
        identifier(text).map(|found| (found.kind, found.value))
    }

    #[test]
    fn the_first_equals_sign_divides() {
        assert_eq!(pair("email=a@b.c"), Some(("email".into(), "a@b.c".into())));
        assert_eq!(pair(" token = x=y= "), Some(("token".into(), "x=y=".into())));
        for wrong in ["", "a@b.c", "=a@b.c", "email=", "email= "] {
            assert_eq!(pair(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn files_have_comments_and_empty_lines() {
        let path = Path::new("ids");
        let found = listed("# who\nemail=a@b.c\n\n  customer_id = 7 \r\n", path).expect("is well formed");
        let kinds: Vec<_> = found.iter().map(|identifier| identifier.kind.as_str()).collect();
        assert_eq!(kinds, ["email", "customer_id"]);
    }

    #[test]
    fn faults_name_the_place_and_not_the_person() {
        let failure =
            listed("email=a@b.c\nsecret@person.example\n", Path::new("ids")).expect_err("is malformed");
        let text = format!("{failure:?}");
        assert!(text.contains("ids line 2") && !text.contains("secret"), "{text}");
        let failure = Who { ids: vec!["secret@person.example".into()], files: vec![] }
            .subject()
            .expect_err("malformed");
        assert!(!format!("{failure:?}").contains("secret"));
    }
}
