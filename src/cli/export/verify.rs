//! `rightful export verify`.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Global, exit::Failure};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The export.
    file: PathBuf,
}

pub(super) async fn run(_global: &Global, _arguments: Arguments) -> Result<(), Failure> {
    Err(Failure::usage("TODO"))
}
