//! `rightful receipt …`: what an erasure or another change did, to keep.

use std::{
    fs::OpenOptions,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::Subcommand;
use sha2::{Digest as _, Sha256};

use super::{
    Global,
    client::{Client, timed},
    exit::{Exit, Failure},
    output, words,
};
use crate::proto::v1::{GetReceiptRequest, GetReceiptResponse};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Fetch the receipt of a case that ends in one. It is JSON, and printed as it is with either --output.
    Get {
        /// The case's id.
        #[arg(value_name = "CASE_ID")]
        case_id: String,
        /// Write it to this file. Default: print it.
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
        /// Overwrite the file.
        #[arg(long)]
        force: bool,
    },
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    let Command::Get { case_id, to, force } = command;
    let mut client = Client::connect(global).await?;
    let receipt = fetch(&mut client, &case_id).await?;
    match to {
        None => output::raw(&receipt.receipt_json),
        Some(path) => {
            write(&path, &receipt.receipt_json, force)?;
            output::line(format!("{}  {}", receipt.sha256, path.display()))
        }
    }
}

/// Fetches a receipt and checks that it arrived whole.
pub(super) async fn fetch(client: &mut Client, case_id: &str) -> Result<GetReceiptResponse, Failure> {
    let request = GetReceiptRequest { case_id: case_id.to_owned() };
    let receipt = client.cases.get_receipt(timed(request)).await?.into_inner();
    if words::hex(&Sha256::digest(&receipt.receipt_json)) != receipt.sha256 {
        return Err(Failure::new(
            Exit::Unfulfilled,
            "what arrived does not have the sha256 that was announced",
        ));
    }
    Ok(receipt)
}

/// Writes a file that must not exist yet, unless forced.
pub(super) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let written = options.open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::NotPossible,
            format!("{} exists already; --force overwrites it", path.display()),
        ),
        _ => Failure::file(path, &error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_overwritten_only_by_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("receipt.json");
        write(&path, b"first", false).expect("is new");
        let failure = write(&path, b"x", false).expect_err("exists");
        assert_eq!(failure.exit(), Exit::NotPossible);
        assert_eq!(std::fs::read(&path).expect("reads"), b"first");
        write(&path, b"2", true).expect("is forced");
        assert_eq!(std::fs::read(&path).expect("reads"), b"2");
    }
}
