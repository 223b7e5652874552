//! `rightful export …`: fetching a finished export, and checking one without any server.

pub(super) mod download;
pub(super) mod verify;

use clap::Subcommand;

use super::{Global, exit::Failure};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Fetch the finished export of a case. A broken download goes on where it was.
    Download(download::Arguments),
    /// Check an export file: every digest, and that nothing is missing. Needs no server.
    Verify(verify::Arguments),
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Download(arguments) => download::run(global, arguments).await,
        Command::Verify(arguments) => verify::run(global, arguments).await,
    }
}
