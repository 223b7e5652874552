//! What goes to stdout: lines and tables for people, proto3 JSON for programs.

use std::io::{self, IsTerminal as _, Write as _};

use clap::ValueEnum;

use super::{exit::Failure, json, table};

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A person.
    #[default]
    Table,
    /// A program.
    Json,
}

/// Writes one line, or several.
pub(super) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Writes a heading: bold on a terminal.
pub(super) fn heading(text: &str) -> Result<(), Failure> {
    if io::stdout().is_terminal() && !table::no_colour() {
        line(format!("\u{1b}[1m{text}\u{1b}[0m"))
    } else {
        line(text)
    }
}

/// Writes bytes as they are.
pub(super) fn raw(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()?;
    Ok(())
}

/// Writes a message as indented JSON.
pub(super) fn json<M: prost::Name>(message: &M) -> Result<(), Failure> {
    line(json::text(message, true)?)
}

/// Writes a message as JSON on one line, for streams.
pub(super) fn json_line<M: prost::Name>(message: &M) -> Result<(), Failure> {
    line(json::text(message, false)?)
}
