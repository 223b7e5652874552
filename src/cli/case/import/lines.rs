//! The lines of a file, numbered from 1 and of a bounded length.

use std::io::{self, BufRead};

/// A request has at most 32 identifiers of 600 bytes, 16 labels of 320 and a scope: some 30 KiB.
pub(super) const LINE_BYTES_MAX: usize = 64 << 10;

/// What some spreadsheets write at the beginning of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Reads line by line.
pub(super) struct Lines<R> {
    input: R,
    number: u64,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, with the line feed if there is one.
    Whole(Vec<u8>),
    /// It has more than `LINE_BYTES_MAX` bytes, and was skipped.
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, number: 0 }
    }

    /// The next line and its number, or nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<(u64, Line)>> {
        let mut bytes = Vec::new();
        let mut is_too_long = false;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                break;
            }
            let end = available.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
            let length = end.unwrap_or(available.len());
            is_too_long |= bytes.len() + length > LINE_BYTES_MAX;
            if is_too_long {
                bytes.clear();
            } else {
                bytes.extend_from_slice(&available[..length]);
            }
            self.input.consume(length);
            if end.is_some() {
                break;
            }
        }
        if bytes.is_empty() && !is_too_long {
            return Ok(None);
        }
        self.number += 1;
        if self.number == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Some((self.number, if is_too_long { Line::TooLong } else { Line::Whole(bytes) })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_numbered_and_long_ones_skipped() {
        let text = [b"\xef\xbb\xbfa\r\n\n".as_slice(), &vec![b'x'; LINE_BYTES_MAX + 1], b"\nend"].concat();
        let mut lines = Lines::new(io::BufReader::with_capacity(7, text.as_slice()));
        let whole = |text: &str| Line::Whole(text.into());
        let expected = [(1, whole("a\r\n")), (2, whole("\n")), (3, Line::TooLong), (4, whole("end"))];
        for line in expected {
            assert_eq!(lines.next().expect("reads"), Some(line));
        }
        assert_eq!(lines.next().expect("reads"), None);
        let longest = vec![b'x'; LINE_BYTES_MAX];
        assert_eq!(
            Lines::new(longest.as_slice()).next().expect("reads"),
            Some((1, Line::Whole(longest.clone())))
        );
    }
}
