//! What goes to stdout: lines and tables for people, proto3 JSON for programs.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::LazyLock,
};

use clap::ValueEnum;
use prost_reflect::{DescriptorPool, DynamicMessage};

use super::{
    exit::{Exit, Failure},
    table,
};

/// Who reads the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// A person.
    #[default]
    Table,
    /// A program.
    Json,
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(crate::proto::FILE_DESCRIPTOR_SET)
        .expect("the build compiled this descriptor set from our own files")
});

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
    line(rendered(message, true)?)
}

/// Writes a message as JSON on one line, for streams.
pub(super) fn json_line<M: prost::Name>(message: &M) -> Result<(), Failure> {
    line(rendered(message, false)?)
}

fn rendered<M: prost::Name>(message: &M, indented: bool) -> Result<String, Failure> {
    let name = M::full_name();
    let broken = |what: String| Failure::new(Exit::Fault, format!("{name} cannot be shown as JSON: {what}"));
    let descriptor =
        POOL.get_message_by_name(&name).ok_or_else(|| broken("not in the descriptor set".into()))?;
    let message = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())
        .map_err(|error| broken(error.to_string()))?;
    let text =
        if indented { serde_json::to_string_pretty(&message) } else { serde_json::to_string(&message) };
    text.map_err(|error| broken(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Case, GetCaseResponse};

    #[test]
    fn json_is_proto3_json() {
        let case = Case {
            case_id: "c".into(),
            state: 3,
            revision: u64::MAX,
            due_time: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..Case::default()
        };
        let text = rendered(&GetCaseResponse { case: Some(case) }, false).expect("is JSON");
        let expected = r#"{"case":{"caseId":"c","state":"CASE_STATE_IN_PROGRESS","revision":"18446744073709551615","dueTime":"1970-01-01T00:00:00Z"}}"#;
        assert_eq!(text, expected);
    }
}
