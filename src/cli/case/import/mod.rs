//! `rightful case import`: a case for each row of a file. Rows that are bad are listed, the others are opened. The same
//! file can be imported again at any time: a row's request id is the same, and never opens two cases.

mod csv;
mod flight;
mod lines;
mod ndjson;
mod report;
mod row;
mod source;

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{Global, client::Client, exit::Failure},
    clock::{Clock as _, SystemClock},
    domain::caller::{CALLER_RULE, is_caller},
    grpc,
};

use flight::Flight;
use report::Report;
use row::Row;
use source::{Format, Source};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// FILE.csv, FILE.ndjson, or `-` for NDJSON from stdin. CSV has a header with the columns request_id, right,
    /// received_time, policy_version, channel, evidence (KIND=REFERENCE) and downstreams (both divided by semicolons),
    /// email, phone, customer_id, id.KIND and label.KEY; right and one identifier are needed. NDJSON has an OpenCaseRequest in proto3 JSON on each line.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How the rows are written, if the file's name does not say so.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Names the batch: rows without a request id get NAME-line-N. The same name and file again open nothing twice; do
    /// not use a name for two files.
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,
    /// Check every row and open nothing. No server is asked, so names of downstreams are not checked.
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
pub(in crate::cli) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let is_stdin = arguments.file.as_os_str() == "-";
    let format = arguments.format.or_else(|| Format::of(&arguments.file));
    let format = format.or(is_stdin.then_some(Format::Ndjson)).ok_or_else(|| {
        Failure::usage(format!("{}: is it CSV or NDJSON? --format says so", arguments.file.display()))
    })?;
    if arguments.batch.as_deref().is_some_and(|name| !is_caller(name)) {
        return Err(Failure::usage(format!("--batch: {CALLER_RULE}")));
    }
    // Whether there is a server is known before anything is read.
    let client = if arguments.dry_run { None } else { Some(Client::connect(global).await?) };
    let mut source = Source::open(&arguments.file, format, arguments.batch)?;
    let mut report = Report::new(global.output, source.size);
    let (outcome, done) = match client {
        None => (check(&mut source, &mut report).await, "can be opened"),
        Some(client) => (Flight::new(client, &mut source, &mut report).run().await, "opened"),
    };
    match outcome {
        Ok(()) => report.end(done),
        Err(failure) => Err(report.broken(failure, done)),
    }
}

/// Checks every row as the server would.
async fn check(source: &mut Source, report: &mut Report) -> Result<(), Failure> {
    while let Some(row) = source.rows.recv().await {
        match row? {
            Row { line, request: Err(faults) } => report.refused_here(line, None, &faults)?,
            Row { line, request: Ok(request) } => match grpc::check(request.clone(), SystemClock.now()) {
                Ok(()) => report.would_do(line, &request)?,
                Err(faults) => report.refused_here(line, Some(&request), &faults)?,
            },
        }
        report.progress(source.read());
    }
    Ok(())
}

/// What the fuzzers call: a list of cases, as CSV and as NDJSON.
#[cfg(fuzzing)]
pub(in crate::cli) fn fuzz(data: &[u8]) {
    drop(csv::read(data, Some("batch"), &mut |_| true));
    drop(ndjson::read(data, None, &mut |_| true));
}
