//! `rightful export verify`: needs no server and no keys.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    cli::{
        Global,
        exit::{Exit, Failure},
        output::{self, Format},
        table::{Field, Table, Tone},
        words,
    },
    export::verify::{self, Report},
};

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    /// The export.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Runs the command.
pub(super) async fn run(global: &Global, arguments: Arguments) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let report = report(arguments.file).await?;
    match global.output {
        Format::Json => output::line(document(&report))?,
        Format::Table => output::line(shown(&report))?,
    }
    if report.faults.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Unfulfilled, format!("{name} is not as it should be")))
}

/// Checks a file, off the runtime's threads.
pub(in crate::cli) async fn report(file: PathBuf) -> Result<Report, Failure> {
    // Told apart here: a missing file is the caller's slip, not a fault of an export.
    std::fs::File::open(&file).map_err(|error| Failure::file(&file, &error))?;
    let checked = tokio::task::spawn_blocking(move || {
        let bar = bar();
        let report = verify::bag(&file, &mut |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        });
        bar.finish_and_clear();
        report
    });
    let report = checked.await.map_err(anyhow::Error::from)?;
    report.map_err(|error| Failure::new(Exit::Unfulfilled, format!("the file cannot be checked: {error}")))
}

fn shown(report: &Report) -> String {
    let mut table = Table::of_facts();
    let verdict = if report.faults.is_empty() { ("whole", Tone::Good) } else { ("faulty", Tone::Bad) };
    table.fact("export", Field::toned(verdict.0, verdict.1));
    table.fact(
        "payload",
        format!("{}, {} bytes", words::count(report.files, "file"), words::grouped(report.bytes)),
    );
    table.fact("complete", if report.complete { "yes" } else { "no: see below" });
    for (name, standing) in &report.downstreams {
        table.fact(name, standing.as_str().replace('_', " "));
    }
    for fault in &report.faults {
        table.fact("fault", Field::toned(fault.as_str(), Tone::Bad));
    }
    table.text()
}

fn document(report: &Report) -> String {
    let downstreams: BTreeMap<_, _> =
        report.downstreams.iter().map(|(name, standing)| (name.as_str(), standing.as_str())).collect();
    let document = serde_json::json!({
        "whole": report.faults.is_empty(),
        "complete": report.complete,
        "files": report.files,
        "bytes": report.bytes,
        "downstreams": downstreams,
        "faults": report.faults,
    });
    format!("{document:#}")
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let template = "  {bar:32.cyan/dim} {bytes:>11} of {total_bytes} checked";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar
}
