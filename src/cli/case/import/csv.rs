//! CSV (RFC 4180): a header that names the columns, then a row for each case.

use std::{collections::BTreeSet, io::BufRead};

use csv::{ByteRecord, ReaderBuilder};

use super::{
    lines::{LINE_BYTES_MAX, Line, Lines},
    row::Row,
};
use crate::{
    cli::{case::confirm, exit::Failure, time},
    domain::{Faults, subject::is_name},
    proto::{
        downstream::v1::{Identifier, Right, Subject},
        v1::{OpenCaseRequest, Scope},
    },
};

/// The columns that there may be, for people.
const COLUMNS: &str = "the columns are request_id, right, received_time, policy_version, channel, evidence, downstreams, \
                       email, phone, customer_id, id.KIND and label.KEY, divided by commas";

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Column {
    RequestId,
    Right,
    ReceivedTime,
    PolicyVersion,
    Channel,
    Evidence,
    Downstreams,
    Identifier(String),
    Label(String),
}

/// Hands every row to `take` until it answers false. Fails if the header is not one.
pub(super) fn read(
    input: impl BufRead,
    batch: Option<&str>,
    take: &mut dyn FnMut(Row) -> bool,
) -> Result<(), Failure> {
    let mut records = Records { lines: Lines::new(input) };
    let header = match records.next()? {
        None => {
            return Err(
                Failure::usage("the file is empty: the first line must be the header").detail(COLUMNS)
            );
        }
        Some((_, Err(why))) => return Err(Failure::usage(format!("line 1: the header {why}"))),
        Some((_, Ok(record))) => header(&record)?,
    };
    while let Some((line, record)) = records.next()? {
        let row = match record {
            Err(why) => Row::unreadable(line, why),
            Ok(record) => Row::new(line, batch, request(&header, &record)),
        };
        if !take(row) {
            break;
        }
    }
    Ok(())
}

/// The line in which a record begins, and its fields or why it cannot be read.
type Record = (u64, Result<ByteRecord, String>);

/// Reads record by record. A quoted field may go on over several lines.
struct Records<R> {
    lines: Lines<R>,
}

impl<R: BufRead> Records<R> {
    /// The next record with the line in which it begins; an error if it cannot be read, and the next one can.
    fn next(&mut self) -> Result<Option<Record>, Failure> {
        let too_long = || format!("must have at most {LINE_BYTES_MAX} bytes");
        let (first, mut text) = loop {
            match self.lines.next()? {
                None => return Ok(None),
                Some((number, Line::TooLong)) => return Ok(Some((number, Err(too_long())))),
                Some((_, Line::Whole(bytes))) if bytes.trim_ascii().is_empty() => {}
                Some((number, Line::Whole(bytes))) => break (number, bytes),
            }
        };
        // Quotes come in pairs, those within a quoted field too.
        let mut is_open = has_odd_quotes(&text);
        while is_open {
            match self.lines.next()? {
                Some((_, Line::Whole(bytes))) if text.len() + bytes.len() <= LINE_BYTES_MAX => {
                    is_open ^= has_odd_quotes(&bytes);
                    text.extend(bytes);
                }
                // Where the next row begins is anybody's guess.
                _ => return Err(Failure::usage(format!("line {first}: has a quote that is not closed"))),
            }
        }
        let mut record = ByteRecord::new();
        let mut reader =
            ReaderBuilder::new().has_headers(false).buffer_capacity(text.len()).from_reader(text.as_slice());
        let read = reader.read_byte_record(&mut record);
        Ok(Some((first, read.map(|_| record).map_err(|_| "must be CSV".to_owned()))))
    }
}

fn has_odd_quotes(text: &[u8]) -> bool {
    text.iter().fold(false, |is_odd, byte| is_odd ^ (*byte == b'"'))
}

/// The columns. Names are repeated only if it is a header beyond doubt: else they may be somebody's data.
fn header(record: &ByteRecord) -> Result<Vec<Column>, Failure> {
    let names: Vec<&str> =
        record.iter().map(|name| std::str::from_utf8(name).unwrap_or_default().trim()).collect();
    if !names.contains(&"right") {
        return Err(Failure::usage("line 1: must be the header, with a column `right`").detail(COLUMNS));
    }
    let mut columns = Vec::with_capacity(names.len());
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        match column(name) {
            None => faults.push(format!("column {}, {name:?}, is not known", index + 1)),
            Some(_) if !seen.insert(name) => faults.push(format!("column {name:?} is there twice")),
            Some(column) => columns.push(column),
        }
    }
    if !columns.iter().any(|column| matches!(column, Column::Identifier(_))) {
        faults.push("no column has identifiers".to_owned());
    }
    if faults.is_empty() {
        return Ok(columns);
    }
    let failure = Failure::usage("line 1: the header has faults");
    Err(faults.into_iter().fold(failure, Failure::detail).detail(COLUMNS))
}

fn column(name: &str) -> Option<Column> {
    Some(match name {
        "request_id" => Column::RequestId,
        "right" => Column::Right,
        "received_time" => Column::ReceivedTime,
        "policy_version" => Column::PolicyVersion,
        "channel" => Column::Channel,
        "evidence" => Column::Evidence,
        "downstreams" => Column::Downstreams,
        "email" | "phone" | "customer_id" => Column::Identifier(name.to_owned()),
        _ => match name.split_once('.')? {
            ("id", kind) if is_name(kind) => Column::Identifier(kind.to_owned()),
            ("label", key) if !key.is_empty() => Column::Label(key.to_owned()),
            _ => return None,
        },
    })
}

/// The request that a row makes. An empty field is an absent one.
fn request(columns: &[Column], record: &ByteRecord) -> Result<OpenCaseRequest, Faults> {
    let mut faults = Faults::default();
    if record.len() != columns.len() {
        faults.push("row", format!("has {} fields where the header has {}", record.len(), columns.len()));
        return Err(faults);
    }
    let mut request = OpenCaseRequest::default();
    let mut subject = Subject::default();
    for (column, field) in columns.iter().zip(record) {
        match std::str::from_utf8(field).map(str::trim) {
            Ok("") => {}
            Ok(text) => put(&mut request, &mut subject, column, text, &mut faults),
            Err(_) => faults.push(name(column), "must be UTF-8"),
        }
    }
    if request.right == 0 && faults.is_empty() {
        faults.push("right", RIGHT_RULE);
    }
    request.subject = Some(subject);
    faults.or(request)
}

const RIGHT_RULE: &str =
    "must be access, portability, erasure, restriction or consent_withdrawal (others: NDJSON)";

const EVIDENCE_RULE: &str = "must be KIND=REFERENCE, such as email_link=mail-4711, divided by semicolons";

fn put(
    request: &mut OpenCaseRequest,
    subject: &mut Subject,
    column: &Column,
    text: &str,
    faults: &mut Faults,
) {
    match column {
        Column::RequestId => text.clone_into(&mut request.request_id),
        Column::PolicyVersion => text.clone_into(&mut request.policy_version),
        Column::Right => match right(text) {
            Some(right) => request.right = right.into(),
            None => faults.push("right", RIGHT_RULE),
        },
        Column::ReceivedTime => match time::read(text) {
            Some(at) => request.received_time = Some(at),
            None => faults.push("received_time", time::RULE),
        },
        Column::Channel => text.clone_into(&mut request.channel),
        Column::Evidence => {
            let texts: Vec<String> = text.split(';').map(|one| one.trim().to_owned()).collect();
            match confirm::evidence(&texts) {
                Ok(evidence) => request.evidence = evidence,
                Err(_) => faults.push("evidence", EVIDENCE_RULE),
            }
        }
        Column::Downstreams => {
            let names = text.split(';').map(str::trim).filter(|name| !name.is_empty());
            let downstreams = names.map(str::to_owned).collect();
            request.scope = Some(Scope { downstreams, categories: Vec::new() });
        }
        Column::Identifier(kind) => {
            subject.identifiers.push(Identifier { kind: kind.clone(), value: text.to_owned() });
        }
        Column::Label(key) => drop(request.labels.insert(key.clone(), text.to_owned())),
    }
}

fn right(text: &str) -> Option<Right> {
    let text = text.to_ascii_lowercase();
    match text.strip_prefix("right_").unwrap_or(&text) {
        "access" => Some(Right::Access),
        "portability" => Some(Right::Portability),
        "erasure" => Some(Right::Erasure),
        "restriction" => Some(Right::Restriction),
        "consent_withdrawal" => Some(Right::ConsentWithdrawal),
        _ => None,
    }
}

fn name(column: &Column) -> String {
    match column {
        Column::RequestId => "request_id".to_owned(),
        Column::Right => "right".to_owned(),
        Column::ReceivedTime => "received_time".to_owned(),
        Column::PolicyVersion => "policy_version".to_owned(),
        Column::Channel => "channel".to_owned(),
        Column::Evidence => "evidence".to_owned(),
        Column::Downstreams => "downstreams".to_owned(),
        Column::Identifier(kind) => kind.clone(),
        Column::Label(key) => format!("label.{key}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &[u8]) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        read(text, Some("may"), &mut |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    fn faults(row: &Row) -> Vec<String> {
        let faults = row.request.as_ref().expect_err("is refused");
        faults.as_slice().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_column_has_its_place() {
        let text = "right,email,id.device,received_time,policy_version,downstreams,label.ticket,request_id,channel,evidence\r\n\
                    Access, ada@example.org ,D-1,2026-05-01,2026-1,crm; billing;,T-1,r-1,mail,email_link=m-1; document=d-1\r\n\r\n\
                    RIGHT_ERASURE,\"o\"\"x\r\ny@example.org\",,,,,,,,\r\nportability,,D-2,,,,,,,";
        let rows = rows(text.as_bytes()).expect("is CSV");
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 4, 6]);
        let requests: Vec<_> = rows.iter().map(|row| row.request.as_ref().expect("is good")).collect();
        let identifiers = |position: usize| -> Vec<(&str, &str)> {
            let subject = requests[position].subject.as_ref().expect("is set");
            subject.identifiers.iter().map(|one| (one.kind.as_str(), one.value.as_str())).collect()
        };
        assert_eq!(identifiers(0), [("email", "ada@example.org"), ("device", "D-1")]);
        assert_eq!(identifiers(1), [("email", "o\"x\r\ny@example.org")]);
        assert_eq!(identifiers(2), [("device", "D-2")]);
        let first = requests[0];
        assert_eq!((first.right(), first.request_id.as_str()), (Right::Access, "r-1"));
        assert_eq!(first.scope.as_ref().expect("is set").downstreams, ["crm", "billing"]);
        assert_eq!((first.labels["ticket"].as_str(), first.policy_version.as_str()), ("T-1", "2026-1"));
        let evidence: Vec<_> = first.evidence.iter().map(|one| one.reference.as_str()).collect();
        assert_eq!((first.channel.as_str(), evidence), ("mail", vec!["m-1", "d-1"]));
        assert_eq!(first.received_time.map(|time| time.seconds), Some(1_777_593_600));
        assert_eq!((requests[1].right(), requests[1].request_id.as_str()), (Right::Erasure, "may-line-4"));
        assert!(requests[1].scope.is_none() && requests[1].received_time.is_none());
    }

    #[test]
    fn a_bad_row_says_what_is_wrong_and_nothing_of_the_person() {
        let text = b"right,email,received_time\nforget,canary@x.org,soon\naccess\naccess,\xffcanary,\n,canary@x.org,\n";
        let rows = rows(text).expect("is CSV");
        let time = format!("received_time: {}", time::RULE);
        let right = format!("right: {RIGHT_RULE}");
        assert_eq!(faults(&rows[0]), [right.clone(), time]);
        assert_eq!(faults(&rows[1]), ["row: has 1 fields where the header has 3"]);
        assert_eq!(faults(&rows[2]), ["email: must be UTF-8"]);
        assert_eq!(faults(&rows[3]), [right]);
    }

    #[test]
    fn a_long_line_is_a_bad_row_and_an_open_quote_ends_the_reading() {
        let long = format!("right,email\naccess,{}\naccess,a@b.c\n", "x".repeat(2 << 20));
        let rows_read = rows(long.as_bytes()).expect("is CSV");
        assert_eq!(faults(&rows_read[0]), ["row: must have at most 65536 bytes"]);
        assert!(rows_read[1].request.is_ok() && rows_read[1].line == 3);
        for open in [
            "right,email\naccess,\"a\naccess,b\n".to_owned(),
            long.replace("access,x", "access,\"x\naccess,x"),
        ] {
            let failure = format!("{:?}", rows(open.as_bytes()).expect_err("cannot be read"));
            assert!(failure.contains("line 2: has a quote that is not closed"), "{failure}");
        }
    }

    #[test]
    fn a_header_that_is_none_is_refused_without_repeating_it() {
        for text in ["", "access,canary@example.org\n", "\"canary\n", "\n\n"] {
            let failure = format!("{:?}", rows(text.as_bytes()).expect_err("is refused"));
            assert!(!failure.contains("canary"), "{failure}");
        }
        let text = "right,mail,email,email,id.Device,label.\n";
        let failure = format!("{:?}", rows(text.as_bytes()).expect_err("is refused"));
        for part in
            ["column 2, \\\"mail\\\"", "\\\"email\\\" is there twice", "\\\"id.Device\\\"", "\\\"label.\\\""]
        {
            assert!(failure.contains(part), "{part} is not in {failure}");
        }
        assert!(
            rows(b"right,request_id\n").is_err_and(|failure| format!("{failure:?}").contains("identifiers"))
        );
    }
}
