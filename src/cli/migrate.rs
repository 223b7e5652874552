//! `rightful migrate`: brings the database up to this version.

use super::{config::File, exit::Failure, output, words};
use crate::app;

/// Runs the command.
pub(super) async fn run(file: &File) -> Result<(), Failure> {
    let applied = app::migrate(&file.load(&[])?).await?;
    output::line(match applied {
        0 => "the database is up to date".to_owned(),
        _ => format!("{} applied", words::count(applied.into(), "migration")),
    })
}
