//! `rightful task …`: what people do with tasks in the stead of downstreams.

mod resolve;
mod upload;

use clap::Subcommand;

use super::{Global, exit::Failure};

#[derive(Subcommand)]
pub(super) enum Command {
    /// End a task that waits for a person: one of a manual downstream, or one that needs attention.
    Resolve(Box<resolve::Arguments>),
}

pub(super) async fn run(global: &Global, command: Command) -> Result<(), Failure> {
    match command {
        Command::Resolve(arguments) => resolve::run(global, *arguments).await,
    }
}
