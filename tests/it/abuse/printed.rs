//! The answers as a document.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use super::Answers;
use crate::harness::environment;

const DOCUMENT: &str = "docs/abuse.md";
const WRITE: &str = "RIGHTFUL_WRITE_DOCS";
/// Fewer cases would mean that some have been lost.
const LEAST: usize = 200;

const HEAD: &str = "# Abuse, and what it gets

Printed by `tests/it/abuse`, which sends all this to the real binary and compares what comes back; do not edit. To print it again: `RIGHTFUL_WRITE_DOCS=1 cargo test --test it -- abuse`.

While it runs, a well-behaved caller is served without a failure, the server's memory grows by less than 64 MiB (20 to 30 were seen, in a debug build whose log says everything), and a name that stands in everything that is sent is in no answer, log, span, metric, table or file. The limits are smaller there than their defaults (`docs/limits.md`), so that they are met.

An answer is a gRPC code and the reason of its `ErrorInfo` with the field, limit or cause; or an HTTP status; or the end of a stream (`RST_STREAM`) or of the connection (`GOAWAY`, closed). *Goes on*: the connection is not harmed; what came of the call, if it was one, is its own affair. *OK*: it is taken as it is, as an opaque text.
";

/// Fails unless the answers are those of the document.
pub fn compare(answers: &Answers) {
    let count: usize = answers.iter().map(|(_, cases)| cases.len()).sum();
    assert!(count >= LEAST, "{count} cases");
    let mut text = HEAD.to_owned();
    writeln!(text, "\n{count} cases.").expect("a String takes everything");
    for (area, cases) in answers {
        writeln!(text, "\n## {area}\n\n| what is sent | what comes back |\n|---|---|").expect("it takes all");
        for (case, answer) in cases {
            writeln!(text, "| {case} | {answer} |").expect("it takes all");
        }
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    if environment(WRITE).is_some_and(|value| value == "1") {
        fs::write(&file, &text).expect("it can be written");
    }
    let documented = fs::read_to_string(&file).unwrap_or_default();
    let rows = |text: &str| -> BTreeMap<String, usize> {
        let mut rows = BTreeMap::new();
        for line in text.lines() {
            *rows.entry(line.to_owned()).or_default() += 1;
        }
        rows
    };
    let (documented, found) = (rows(&documented), rows(&text));
    let wrong: Vec<&String> = found.keys().filter(|row| !documented.contains_key(*row)).collect();
    assert!(wrong.is_empty(), "these are not what {DOCUMENT} says: {wrong:#?}");
    assert!(documented == found, "{DOCUMENT} has cases that are not tried");
}
