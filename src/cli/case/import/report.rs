//! What became of the rows: bad ones are listed, all are counted.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::{
    cli::{
        exit::{Exit, Failure},
        json,
        output::{self, Format},
        words,
    },
    domain::{Faults, subject::is_name},
    proto::v1::{
        ErrorReason, FieldViolation, OpenCaseError, OpenCaseRequest, OpenCasesResult,
        open_cases_result::Outcome,
    },
};

/// Often enough to look alive.
const TICK: Duration = Duration::from_millis(100);

/// Counts and tells.
pub(super) struct Report {
    format: Format,
    bar: ProgressBar,
    good: u64,
    replayed: u64,
    bad: u64,
}

impl Report {
    /// For a file of so many bytes, if that is known.
    pub(super) fn new(format: Format, size: Option<u64>) -> Self {
        Self { format, bar: bar(size), good: 0, replayed: 0, bad: 0 }
    }

    /// So much of the file has been read.
    pub(super) fn progress(&self, bytes: u64) {
        self.bar.set_position(bytes);
        self.bar.set_message(words::count(self.good + self.replayed + self.bad, "row"));
    }

    /// A row that cannot be sent.
    pub(super) fn refused_here(
        &mut self,
        line: u64,
        request: Option<&OpenCaseRequest>,
        faults: &Faults,
    ) -> Result<(), Failure> {
        let mut result =
            OpenCasesResult { outcome: Some(Outcome::Error(as_error(faults))), ..OpenCasesResult::default() };
        if let Some(request) = request {
            result.request_id.clone_from(&request.request_id);
        }
        self.outcome(line, &result, request)
    }

    /// A row that could be sent.
    pub(super) fn would_do(&mut self, line: u64, request: &OpenCaseRequest) -> Result<(), Failure> {
        self.good += 1;
        match self.format {
            Format::Json => self.say(&json!({ "line": line, "requestId": request.request_id })),
            Format::Table => Ok(()),
        }
    }

    /// What the server made of a row.
    pub(super) fn answered(
        &mut self,
        line: u64,
        request: &OpenCaseRequest,
        result: &OpenCasesResult,
    ) -> Result<(), Failure> {
        match &result.outcome {
            Some(Outcome::Case(_)) if result.replayed => self.replayed += 1,
            Some(Outcome::Case(_)) => self.good += 1,
            _ => {}
        }
        self.outcome(line, result, Some(request))
    }

    fn outcome(
        &mut self,
        line: u64,
        result: &OpenCasesResult,
        request: Option<&OpenCaseRequest>,
    ) -> Result<(), Failure> {
        if let Some(Outcome::Error(error)) = &result.outcome {
            self.bad += 1;
            if self.format == Format::Table {
                self.bar.suspend(|| eprintln!("line {line}: {}", explained(error, request)));
            }
        }
        if self.format == Format::Table {
            return Ok(());
        }
        let mut value = json::value(result)?;
        if let Value::Object(fields) = &mut value {
            // Which row of which stream it was is nobody's concern; where it stands in the file is.
            fields.remove("position");
            fields.insert("line".to_owned(), line.into());
        }
        self.say(&value)
    }

    fn say(&self, value: &Value) -> Result<(), Failure> {
        self.bar.suspend(|| output::line(value.to_string()))
    }

    /// The counts, and a failure if there were bad rows. `done` says what became of the good ones.
    pub(super) fn end(self, done: &str) -> Result<(), Failure> {
        self.bar.finish_and_clear();
        let all = words::count(self.good + self.replayed + self.bad, "row");
        if self.format == Format::Table {
            let replayed = match self.replayed {
                0 => String::new(),
                count => format!(", {} open before", words::grouped(count)),
            };
            output::line(format!(
                "{all}: {} {done}{replayed}, {} not",
                words::grouped(self.good),
                words::grouped(self.bad)
            ))?;
        }
        match self.bad {
            0 => Ok(()),
            bad => Err(Failure::new(Exit::Unfulfilled, format!("{} of {all} are bad", words::grouped(bad)))
                .detail("put them right and run the same command again: what is open is not opened twice")),
        }
    }

    /// The counts when the import ends before the file does.
    pub(super) fn broken(self, failure: Failure, done: &str) -> Failure {
        self.bar.finish_and_clear();
        let counts = format!(
            "until then: {} {done}, {} open before, {} bad",
            words::grouped(self.good),
            words::grouped(self.replayed),
            words::grouped(self.bad)
        );
        failure.detail(counts).detail("the same command goes on: what is open is not opened twice")
    }
}

/// As the server would say it.
fn as_error(faults: &Faults) -> OpenCaseError {
    let violation = |fault: &crate::domain::Fault| FieldViolation {
        field: fault.field.clone(),
        description: fault.description.clone(),
    };
    OpenCaseError {
        code: tonic::Code::InvalidArgument.into(),
        reason: ErrorReason::BadRequest.into(),
        message: faults.to_string(),
        field_violations: faults.as_slice().iter().map(violation).collect(),
        ..OpenCaseError::default()
    }
}

/// `email (subject.identifiers[0].value): must be …`.
fn explained(error: &OpenCaseError, request: Option<&OpenCaseRequest>) -> String {
    if !error.field_violations.is_empty() {
        let line = |violation: &FieldViolation| {
            let kind = request.and_then(|request| kind(&violation.field, request));
            let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
            format!("{}{kind}: {}", violation.field, violation.description)
        };
        return error.field_violations.iter().map(line).collect::<Vec<_>>().join("; ");
    }
    let mut facts: Vec<_> = error.metadata.iter().map(|(key, value)| format!("{key}: {value}")).collect();
    facts.sort();
    if facts.is_empty() { error.message.clone() } else { format!("{} ({})", error.message, facts.join(", ")) }
}

/// Which kind of identifier a field is about: a person looks for the column, not for the number.
fn kind<'a>(field: &str, request: &'a OpenCaseRequest) -> Option<&'a str> {
    let (index, _) = field.strip_prefix("subject.identifiers[")?.split_once(']')?;
    let identifier = request.subject.as_ref()?.identifiers.get(index.parse::<usize>().ok()?)?;
    Some(identifier.kind.as_str()).filter(|kind| is_name(kind))
}

/// Drawn on a terminal only.
fn bar(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => {
            (ProgressBar::new(size), "  {bar:32.cyan/dim} {bytes:>11} of {total_bytes}  {msg}  {eta} left")
        }
        None => (ProgressBar::new_spinner(), "  {spinner:.cyan} {bytes:>11}  {msg}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.enable_steady_tick(TICK);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::downstream::v1::{Identifier, Subject};

    #[test]
    fn faults_name_the_kind_and_not_the_value() {
        let identifier = |kind: &str| Identifier { kind: kind.into(), value: "canary".into() };
        let subject = Subject { identifiers: vec![identifier("email"), identifier("canary @x.org")] };
        let request = OpenCaseRequest { subject: Some(subject), ..OpenCaseRequest::default() };
        let mut faults = Faults::default();
        faults.push("subject.identifiers[0].value", "must be good");
        faults.push("subject.identifiers[1].kind", "must be a name");
        faults.push("right", "must be one");
        assert_eq!(
            explained(&as_error(&faults), Some(&request)),
            "subject.identifiers[0].value (email): must be good; subject.identifiers[1].kind: must be a name; \
             right: must be one"
        );
        let mut reused = OpenCaseError { message: "used before".into(), ..OpenCaseError::default() };
        reused.metadata.insert("differs".into(), "right".into());
        reused.metadata.insert("case_id".into(), "0199".into());
        assert_eq!(explained(&reused, None), "used before (case_id: 0199, differs: right)");
    }
}
