//! NDJSON: one `OpenCaseRequest` in proto3 JSON on each line. Empty lines are left out.

use std::io::BufRead;

use serde_json::error::Category;

use super::{
    lines::{LINE_BYTES_MAX, Line, Lines},
    row::Row,
};
use crate::{
    cli::json,
    domain::{Fault, Faults},
};

/// Hands every row to `take` until it answers false.
pub(super) fn read(
    input: impl BufRead,
    batch: Option<&str>,
    take: &mut dyn FnMut(Row) -> bool,
) -> std::io::Result<()> {
    let mut lines = Lines::new(input);
    while let Some((number, line)) = lines.next()? {
        let row = match line {
            Line::TooLong => Row::unreadable(number, format!("must have at most {LINE_BYTES_MAX} bytes")),
            Line::Whole(bytes) if bytes.trim_ascii().is_empty() => continue,
            Line::Whole(bytes) => {
                let request = json::read(bytes.trim_ascii_end()).map_err(|error| Faults::from(fault(&error)));
                Row::new(number, batch, request)
            }
        };
        if !take(row) {
            break;
        }
    }
    Ok(())
}

/// The reader's own words may repeat what it read, so only the place and the sort of fault are told.
fn fault(error: &serde_json::Error) -> Fault {
    let what = match error.classify() {
        Category::Data => "must be an OpenCaseRequest in proto3 JSON, with no other fields",
        _ => "must be JSON in UTF-8",
    };
    Fault::new("row", format!("{what}: see column {}", error.column()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_and_faults_say_where_they_are() {
        let text =
            b"{\"requestId\": \"a\"}\n\n{\"right\": 1}\n{\"secret\": \"ada@example.org\"}\n{\"a\n\xff\n";
        let mut rows = Vec::new();
        read(text.as_slice(), Some("may"), &mut |row| {
            rows.push(row);
            true
        })
        .expect("reads");
        let seen: Vec<(u64, Result<&str, &str>)> = rows
            .iter()
            .map(|row| {
                let request = row.request.as_ref();
                let request = request.map(|request| request.request_id.as_str());
                (row.line, request.map_err(|faults| faults.as_slice()[0].description.as_str()))
            })
            .collect();
        assert_eq!(&seen[..2], [(1, Ok("a")), (3, Ok("may-line-3"))]);
        for (position, line, part) in [(2, 4, "OpenCaseRequest"), (3, 5, "JSON"), (4, 6, "JSON")] {
            assert_eq!(seen[position].0, line);
            let why = seen[position].1.expect_err("is refused");
            assert!(why.contains(part) && why.contains("column") && !why.contains("ada"), "{why}");
        }
    }
}
